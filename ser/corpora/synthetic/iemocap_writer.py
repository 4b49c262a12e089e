"""Writes a table of utterances as IEMOCAP's tree."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count, groupby
from pathlib import Path

from ser.corpora.iemocap.parsers import EMOTION_CODES, is_never_cut_out, parse_utterance_name
from ser.corpora.synthetic.apple_double import write_apple_double
from ser.corpora.synthetic.demo_script import ACTED, SENTENCES
from ser.corpora.synthetic.dialogs import TYPICAL_RATINGS, UNDECIDED_RATINGS, DialogTurn, write_dialog
from ser.corpora.synthetic.table import TableRow
from ser.corpora.synthetic.voices import Language, Part, Sound
from ser.errors import AnnotationError

COLUMNS = (
    "id",
    "label",
    "duration_s",
    "transcript",
    "words",
    "voiced_phonemes",
    "aligned",
    "valence",
    "activation",
    "dominance",
)

ENGLISH = Language("en-us", SENTENCES, phones=True)

_PAUSE_S = 0.5
_ACTED_AS = {code: code for code in ACTED} | {"exc": "hap", "fru": "ang"}


def check_row(row: TableRow, table: Path) -> None:
    """Refuses a row whose id or label IEMOCAP does not have.

    Raises:
        AnnotationError: The text names the line.
    """
    if parse_utterance_name(row.id) is None and not is_never_cut_out(row.id):
        expected = "an id such as Ses01F_impro04_M000, or Ses01F_impro04_MXX0 for a turn without audio"
        raise AnnotationError(table, row.line, f"{expected}, found '{row.id}'")
    if row.label not in EMOTION_CODES:
        raise AnnotationError(table, row.line, f"a label of {', '.join(EMOTION_CODES)}, found '{row.label}'")


def order(rows: Sequence[TableRow]) -> list[TableRow]:
    """The rows by dialog, as they are written."""
    return sorted(rows, key=lambda row: _dialog(row.id))


def part_of(row: TableRow) -> Part | None:
    """The utterance to be heard; None for a turn that was never cut out."""
    name = parse_utterance_name(row.id)
    return None if name is None else Part(row, name.speaker, _ACTED_AS.get(row.label))


def write(
    root: Path, rows: Sequence[TableRow], heard: Iterator[Sound], decoys: bool, progress: Callable[[], None]
) -> None:
    """Writes the tree.

    Args:
        root: Its folder.
        rows: The rows, in the order of `order`.
        heard: The sounds of those rows that have any.
        decoys: Whether to add what misleads readers of the real release: label files with Windows line
            ends, lines without an id and latin-1 bytes in transcriptions, macOS doubles (`._*`), and
            folders inside EmoEvaluation.
        progress: Called after each utterance.
    """
    places = count()
    for dialog, members in groupby(rows, key=lambda row: _dialog(row.id)):
        session = root / f"Session{int(dialog[3:5])}"
        turns: list[DialogTurn] = []
        for row in members:
            sound = None if is_never_cut_out(row.id) else next(heard)
            turns.append(_turn(row, sound, turns[-1].end_s if turns else 0.0))
            progress()
        line_end = "\r\n" if decoys and next(places) % 2 else "\n"
        write_dialog(session, dialog, turns, line_end)
        if decoys:
            _write_decoys(session, dialog, line_end)


def _dialog(utterance: str) -> str:
    return utterance.rpartition("_")[0]


def _turn(row: TableRow, sound: Sound | None, after_s: float) -> DialogTurn:
    start_s = after_s + _PAUSE_S
    duration_s = sound.duration_s if sound else row.duration_s or _PAUSE_S
    return DialogTurn(
        utterance=row.id,
        emotion=row.label,
        ratings=row.ratings or TYPICAL_RATINGS.get(row.label, UNDECIDED_RATINGS),
        transcript=sound.transcript if sound else row.transcript or "",
        start_s=start_s,
        end_s=start_s + duration_s,
        samples=sound.samples if sound else None,
        words=sound.words if sound and row.aligned else None,
        phones=sound.phones if sound and row.aligned else None,
    )


def _write_decoys(session: Path, dialog: str, line_end: str) -> None:
    evaluations = session / "dialog" / "EmoEvaluation"
    for folder, name in (("Categorical", f"{dialog}_e2_cat.txt"), ("Attribute", f"{dialog}_e2_atr.txt")):
        (evaluations / folder).mkdir(exist_ok=True)
        (evaluations / folder / name).write_text(f"{dialog}_F000 :Anger; ()\n", encoding="latin-1")
    write_apple_double(evaluations / f"{dialog}.txt")
    write_apple_double(session)
    for path in sorted((session / "sentences").glob(f"*/{dialog}/*_F000.*")):
        write_apple_double(path)
    with (session / "dialog" / "transcriptions" / f"{dialog}.txt").open("a", encoding="latin-1", newline="") as file:
        file.write(f"F: ¿Qué?\x85{line_end}M: [LAUGHTER]{line_end}{line_end}")
