"""Writer of a synthetic IEMOCAP."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser.corpora.iemocap.parsers import EMOTION_CODES, Segment, is_turn_without_audio, parse_utterance_name
from ser.corpora.synthetic.demo_script import EMOTION_OFFSETS, SENTENCES
from ser.corpora.synthetic.files import write_macos_metadata_file, write_wav
from ser.corpora.synthetic.table import TableRow
from ser.corpora.synthetic.voices import Language, SynthesizedAudio, SyntheticUtterance
from ser.errors import AnnotationError


@dataclass(frozen=True)
class DialogTurn:
    """Utterance of a dialog as it is written.

    Attributes:
        utterance: Its id.
        emotion: Its emotion code.
        ratings: Valence, activation and dominance, 1 to 5.
        transcript: Its words.
        start_s: Start in the dialog, in seconds.
        end_s: End in the dialog, in seconds.
        samples: 16-bit samples at 16 kHz, shape `(sample,)`; None for a turn that was never cut out.
        words: Word alignment, or None where it has no alignment.
        phones: Phone alignment, or None where it has no alignment.
    """

    utterance: str
    emotion: str
    ratings: tuple[float, float, float]
    transcript: str
    start_s: float
    end_s: float
    samples: NDArray[np.int16] | None
    words: tuple[Segment, ...] | None
    phones: tuple[Segment, ...] | None


COLUMNS: tuple[str, ...] = (
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

LANGUAGE = Language("en-us", SENTENCES, phones=True)

_PAUSE_S = 0.5
_ACTED_AS = {code: code for code in EMOTION_OFFSETS} | {"exc": "hap", "fru": "ang"}


def check_row(row: TableRow, table: Path) -> None:
    """Refuse a row whose id or label IEMOCAP does not have."""
    if parse_utterance_name(row.id) is None and not is_turn_without_audio(row.id):
        expected = "an id such as Ses01F_impro04_M000, or Ses01F_impro04_MXX0 for a turn without audio"
        raise AnnotationError(table, row.line, f"{expected}, found '{row.id}'")
    if row.label not in EMOTION_CODES:
        raise AnnotationError(table, row.line, f"a label of {', '.join(EMOTION_CODES)}, found '{row.label}'")


def order(rows: Sequence[TableRow]) -> list[TableRow]:
    """Sort rows by dialog, the order of writing."""
    return sorted(rows, key=lambda row: _dialog(row.id))


def to_utterance(row: TableRow) -> SyntheticUtterance | None:
    """Make the synthetic utterance of a row; None for a turn without audio."""
    name = parse_utterance_name(row.id)
    return None if name is None else SyntheticUtterance(row, name.speaker, _ACTED_AS.get(row.label))


def write(
    root: Path,
    rows: Sequence[TableRow],
    recordings: Iterator[SynthesizedAudio],
    distractors: bool,
    progress: Callable[[], None],
) -> None:
    """Write the tree.

    Distractors are Windows line ends in label files, lines without an id and latin-1 bytes in transcriptions, macOS
    metadata files (`._*`), and folders inside EmoEvaluation.
    """
    dialog_numbers = count()
    for dialog, members in groupby(rows, key=lambda row: _dialog(row.id)):
        session = root / f"Session{int(dialog[3:5])}"
        turns: list[DialogTurn] = []
        for row in members:
            audio = None if is_turn_without_audio(row.id) else next(recordings)
            turns.append(_turn(row, audio, turns[-1].end_s if turns else 0.0))
            progress()
        line_end = "\r\n" if distractors and next(dialog_numbers) % 2 else "\n"
        write_dialog(session, dialog, turns, line_end)
        if distractors:
            _write_distractors(session, dialog, line_end)


def _dialog(utterance: str) -> str:
    return utterance.rpartition("_")[0]


def _turn(row: TableRow, audio: SynthesizedAudio | None, after_s: float) -> DialogTurn:
    start_s = after_s + _PAUSE_S
    duration_s = audio.duration_s if audio else row.duration_s or _PAUSE_S
    return DialogTurn(
        utterance=row.id,
        emotion=row.label,
        ratings=row.ratings or TYPICAL_RATINGS.get(row.label, UNDECIDED_RATINGS),
        transcript=audio.transcript if audio else row.transcript or "",
        start_s=start_s,
        end_s=start_s + duration_s,
        samples=audio.samples if audio else None,
        words=audio.words if audio and row.aligned else None,
        phones=audio.phones if audio and row.aligned else None,
    )


def _write_distractors(session: Path, dialog: str, line_end: str) -> None:
    evaluations = session / "dialog" / "EmoEvaluation"
    for folder, name in (("Categorical", f"{dialog}_e2_cat.txt"), ("Attribute", f"{dialog}_e2_atr.txt")):
        (evaluations / folder).mkdir(exist_ok=True)
        (evaluations / folder / name).write_text(f"{dialog}_F000 :Anger; ()\n", encoding="latin-1")
    write_macos_metadata_file(evaluations / f"{dialog}.txt")
    write_macos_metadata_file(session)
    for path in sorted((session / "sentences").glob(f"*/{dialog}/*_F000.*")):
        write_macos_metadata_file(path)
    with (session / "dialog" / "transcriptions" / f"{dialog}.txt").open("a", encoding="latin-1", newline="") as file:
        file.write(f"F: ¿Qué?\x85{line_end}M: [LAUGHTER]{line_end}{line_end}")


TYPICAL_RATINGS = {"neu": (3.0, 2.0, 2.0), "hap": (4.0, 3.0, 3.0), "sad": (2.0, 2.0, 2.0), "ang": (2.0, 4.0, 4.0)}
"""Valence, activation and dominance, 1 to 5, by emotion code."""


UNDECIDED_RATINGS = (2.5, 2.5, 2.5)
"""Ratings of the other emotions, where none are given."""


_RATER_LABELS = {
    "neu": "Neutral",
    "hap": "Happiness",
    "exc": "Excited",
    "sad": "Sadness",
    "ang": "Anger",
    "fru": "Frustration",
    "fea": "Fear",
    "sur": "Surprise",
    "dis": "Disgust",
    "oth": "Other",
    "xxx": "Other",
}


def write_dialog(session: Path, dialog: str, turns: Sequence[DialogTurn], line_end: str = "\n") -> None:
    """Write all files of one dialog.

    Args:
        session: Folder of its session, such as `Session1`.
        dialog: Its name.
        turns: Its utterances, in order.
        line_end: What ends a line of the label files.
    """

    def write(path: Path, text: str) -> None:
        path.write_text(text, encoding="latin-1", newline=line_end)

    evaluations, transcriptions = session / "dialog" / "EmoEvaluation", session / "dialog" / "transcriptions"
    wavs, alignments = session / "sentences" / "wav" / dialog, session / "sentences" / "ForcedAlignment" / dialog
    for folder in (evaluations, transcriptions, wavs, alignments):
        folder.mkdir(parents=True, exist_ok=True)
    write(evaluations / f"{dialog}.txt", evaluation_text(turns))
    write(transcriptions / f"{dialog}.txt", transcription_text(turns))
    for turn in turns:
        if turn.samples is not None:
            write_wav(wavs / f"{turn.utterance}.wav", turn.samples)
        if turn.words is not None and turn.phones is not None:
            write(alignments / f"{turn.utterance}.wdseg", word_alignment_text(turn.words))
            write(alignments / f"{turn.utterance}.phseg", phone_alignment_text(turn.phones, turn.words))


def word_alignment_text(words: Iterable[Segment]) -> str:
    """Format a `.wdseg` file. Scores are 0: there is no acoustic model."""
    rows = [f"\t{'SFrm':>5}\t{'EFrm':>5}\t{'SegAScr':>9}\t{'Word'}"]
    rows += [f"\t{word.start_frame:5d}\t{word.end_frame:5d}\t{0:9d}\t{word.symbol}" for word in words]
    return "\n".join([*rows, f"Total score: {0:11d}", ""])


def phone_alignment_text(phones: Sequence[Segment], words: Sequence[Segment]) -> str:
    """Format a `.phseg` file: phones with their neighbours and their position in the word.

    Args:
        phones: Phone alignment.
        words: Word alignment; a phone belongs to the word in which it begins.
    """
    rows = [f"\t{'SFrm':>5}\t{'EFrm':>5}\t{'SegAScr':>9}\tPhone"]
    starts = [word.start_frame for word in words]
    owners = [-1, *(bisect_right(starts, phone.start_frame) for phone in phones), -1]
    symbols = ["SIL", *(phone.symbol for phone in phones), "SIL"]
    for index, phone in enumerate(phones, start=1):
        left, owner, right = owners[index - 1 : index + 2]
        position = {(True, True): "s", (True, False): "b", (False, True): "e", (False, False): "i"}[
            left != owner, right != owner
        ]
        context = "" if phone.symbol == "SIL" else f" {symbols[index - 1]} {symbols[index + 1]} {position}"
        rows.append(f"\t{phone.start_frame:5d}\t{phone.end_frame:5d}\t{0:9d}\t{phone.symbol}{context}")
    return "\n".join([*rows, f"Total score: {0:11d}", ""])


def transcription_text(turns: Iterable[DialogTurn]) -> str:
    """Format `transcriptions/DIALOG.txt`."""
    rows = (f"{turn.utterance} [{turn.start_s:08.4f}-{turn.end_s:08.4f}]: {turn.transcript}" for turn in turns)
    return "\n".join([*rows, ""])


def evaluation_text(turns: Iterable[DialogTurn]) -> str:
    """Format `EmoEvaluation/DIALOG.txt`, with three raters who agree."""
    blocks = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n"]
    for turn in turns:
        times = f"[{turn.start_s:.4f} - {turn.end_s:.4f}]"
        valence, activation, dominance = turn.ratings
        ratings = f"val {valence:.0f}; act {activation:.0f}; dom  {dominance:.0f};"
        rows = [f"{times}\t{turn.utterance}\t{turn.emotion}\t[{valence:.4f}, {activation:.4f}, {dominance:.4f}]"]
        rows += [f"C-E{rater}:\t{_RATER_LABELS[turn.emotion]};\t()" for rater in (2, 3, 4)]
        rows += [f"A-E{rater}:\t{ratings}\t()" for rater in (3, 4)]
        blocks.append("\n".join([*rows, ""]))
    return "\n".join([*blocks, ""])
