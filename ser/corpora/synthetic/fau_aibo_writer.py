"""Writer of a synthetic FAU-Aibo."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ser.corpora.fau_aibo.loader import CODES_OF_CLASSES, SEGMENTATION, TRANSLITERATION, label_file
from ser.corpora.fau_aibo.parsers import parse_chunk_name
from ser.corpora.iemocap.parsers import is_word
from ser.corpora.synthetic.files import write_macos_metadata_file, write_wav
from ser.corpora.synthetic.table import TableRow
from ser.corpora.synthetic.voices import Language, SynthesizedAudio, SyntheticUtterance
from ser.errors import AnnotationError

COLUMNS: tuple[str, ...] = ("id", "label", "duration_s", "transcript", "words", "aligned", "label_2cl")

LANGUAGE = Language(
    "de",
    (
        "Geh nach links.",
        "Stopp, bleib da stehen.",
        "Jetzt dreh dich um und lauf weiter.",
        "Nein, nicht dahin.",
        "Komm her.",
        "So ist es gut.",
        "Und jetzt noch ein Stück geradeaus.",
        "Lauf langsam zum roten Napf.",
    ),
    phones=False,
)

_ACTED_AS = {"A": "ang", "N": "neu", "P": "hap"}


def check_row(row: TableRow, table: Path) -> None:
    """Refuse a row whose id or labels FAU-Aibo does not have."""
    if parse_chunk_name(row.id) is None:
        raise AnnotationError(table, row.line, f"an id such as Ohm_01_000_00, found '{row.id}'")
    if row.label not in CODES_OF_CLASSES[5]:
        raise AnnotationError(table, row.line, f"a label of {', '.join(CODES_OF_CLASSES[5])}, found '{row.label}'")
    if row.label_2cl is not None and row.label_2cl not in CODES_OF_CLASSES[2]:
        expected = f"a label_2cl of {', '.join(CODES_OF_CLASSES[2])}"
        raise AnnotationError(table, row.line, f"{expected}, found '{row.label_2cl}'")


def order(rows: Sequence[TableRow]) -> list[TableRow]:
    """Keep the order of the table."""
    return list(rows)


def to_utterance(row: TableRow) -> SyntheticUtterance | None:
    """Make the synthetic utterance of a chunk."""
    return SyntheticUtterance(row, row.id.rsplit("_", 2)[0], _ACTED_AS.get(row.label))


def write(
    root: Path,
    rows: Sequence[TableRow],
    recordings: Iterator[SynthesizedAudio],
    distractors: bool,
    progress: Callable[[], None],
) -> None:
    """Write the folders; the two-class label file has the chunks that the table gives such a label.

    Distractors are Windows line ends and punctuation in the transliteration, macOS metadata files (`._*`), and empty
    lines.
    """
    wavs = root / "wav"
    wavs.mkdir(parents=True)
    transcripts: list[str] = []
    segments: list[str] = []
    for row, audio in zip(rows, recordings, strict=True):
        write_wav(wavs / f"{row.id}.wav", audio.samples)
        transcripts.append(f"{row.id} {audio.transcript}{' - ,' * distractors}")
        if row.aligned:
            spoken_words = [word for word in audio.words if is_word(word.symbol)]
            segments += [
                f"{row.id}_{index:02d} {word.symbol.lower()} {word.start_frame} {word.end_frame}"
                for index, word in enumerate(spoken_words)
            ]
        progress()
    line_end = "\r\n" if distractors else "\n"
    _write_lines(root / label_file(5), [f"{row.id} {row.label} 1.000000" for row in rows], line_end)
    two_class_lines = [f"{row.id} {row.label_2cl} 1.000000" for row in rows if row.label_2cl is not None]
    if two_class_lines:
        _write_lines(root / label_file(2), two_class_lines, line_end)
    _write_lines(root / TRANSLITERATION, [*transcripts, ""] if distractors else transcripts, line_end)
    _write_lines(root / SEGMENTATION, segments, line_end)
    if distractors:
        write_macos_metadata_file(wavs / f"{rows[0].id}.wav")
        write_macos_metadata_file(root / TRANSLITERATION)


def _write_lines(path: Path, lines: Sequence[str], line_end: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="latin-1", newline=line_end)
