"""Table that describes a synthetic corpus: one row per utterance."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ser.corpora.audio import MIN_DURATION_S
from ser.corpora.iemocap.parsers import RATINGS
from ser.corpora.tabular.csv_records import decode_utf8, read_csv_records
from ser.errors import AnnotationError, CorpusError

MAX_DURATION_S = 3600.0
"""Longest utterance, in seconds; more is probably another unit."""

_MAX_COUNT = 100_000
_YES_NO = {"yes": True, "no": False}
Value = TypeVar("Value")


@dataclass(frozen=True)
class TableRow:
    """Utterance to be synthesized.

    Attributes:
        line: Line of the table, counted from 1.
        id: Its id in the layout.
        label: Its label, in the layout's own codes.
        duration_s: Duration in seconds, or None where the table gives none.
        transcript: Its words, or None where the table gives none.
        words: Number of words in the alignment, or None.
        voiced_phonemes: Number of voiced phones in the alignment, or None.
        aligned: Whether it has an alignment.
        label_2cl: Its label among two classes, or None.
        ratings: Valence, activation and dominance, or None.
    """

    line: int
    id: str
    label: str
    duration_s: float | None = None
    transcript: str | None = None
    words: int | None = None
    voiced_phonemes: int | None = None
    aligned: bool = True
    label_2cl: str | None = None
    ratings: tuple[float, float, float] | None = None


def read_table(path: Path, columns: Collection[str]) -> tuple[TableRow, ...]:
    """Read a table of utterances.

    Args:
        path: A CSV file in UTF-8 with a header.
        columns: Columns that the layout knows; `id` and `label` must be there.

    Returns:
        The rows in order; empty cells mean no value.

    Raises:
        CorpusError: The file cannot be read.
        AnnotationError: A column or a value is wrong; the text names the line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path}: the table cannot be read: {error.strerror}") from error
    table = _raise_faults(read_csv_records(decode_utf8(data, path), path))
    _, header = next(table, (1, []))
    names = [name.strip() for name in header]
    _check_header(names, path, columns)
    rows: list[TableRow] = []
    first_line: dict[str, int] = {}
    for line, cells in table:
        if len(cells) != len(names):
            raise AnnotationError(path, line, f"{len(names)} values, as in the header, found {len(cells)}")
        row = _read_row(dict(zip(names, cells, strict=True)), path, line)
        if row.id in first_line:
            raise AnnotationError(path, row.line, f"ids of their own, '{row.id}' is in line {first_line[row.id]}")
        first_line[row.id] = row.line
        rows.append(row)
    if not rows:
        raise AnnotationError(path, None, "a row or more below the header")
    return tuple(rows)


def _raise_faults(table: Iterable[tuple[int, list[str] | AnnotationError]]) -> Iterator[tuple[int, list[str]]]:
    """Yield records; raise the first fault: a corpus is made of the complete table or not at all."""
    for line, cells in table:
        if isinstance(cells, AnnotationError):
            raise cells
        yield line, cells


def _check_header(names: Collection[str], path: Path, columns: Collection[str]) -> None:
    if missing := [name for name in ("id", "label") if name not in names]:
        raise AnnotationError(path, 1, f"the columns {' and '.join(missing)} in the header")
    for name in names:
        if name not in columns:
            raise AnnotationError(path, 1, f"columns of {', '.join(columns)}, found {name!r}")
    if len(set(names)) < len(names):
        raise AnnotationError(path, 1, "each column once")


def _read_row(cells: Mapping[str, str], path: Path, line: int) -> TableRow:
    texts = {name: value.strip() for name, value in cells.items()}

    def read(name: str, parse: Callable[[str], Value], expected: str) -> Value | None:
        text = texts.get(name, "")
        try:
            return parse(text) if text else None
        except (ValueError, KeyError):
            raise AnnotationError(path, line, f"{name} to be {expected}, found {text[:60]!r}") from None

    if not texts.get("id") or not texts.get("label"):
        raise AnnotationError(path, line, "an id and a label")
    valence, activation, dominance = (read(name, _rating, "0 to 10") for name in RATINGS)
    if len({valence is None, activation is None, dominance is None}) > 1:
        raise AnnotationError(path, line, f"all of {', '.join(RATINGS)} or none")
    aligned = read("aligned", lambda text: _YES_NO[text.lower()], "yes or no")
    return TableRow(
        line=line,
        id=texts["id"],
        label=texts["label"],
        duration_s=read("duration_s", _duration_s, f"{MIN_DURATION_S:g} to {MAX_DURATION_S:g} seconds"),
        transcript=read("transcript", _latin_1, "characters of latin-1"),
        words=read("words", _count, f"0 to {_MAX_COUNT}"),
        voiced_phonemes=read("voiced_phonemes", _count, f"0 to {_MAX_COUNT}"),
        aligned=aligned is not False,
        label_2cl=texts.get("label_2cl") or None,
        ratings=None
        if valence is None or activation is None or dominance is None
        else (valence, activation, dominance),
    )


def _rating(text: str) -> float:
    return _within(float(text), 0, 10)


def _duration_s(text: str) -> float:
    return _within(float(text), MIN_DURATION_S, MAX_DURATION_S)


def _count(text: str) -> int:
    return int(_within(int(text), 0, _MAX_COUNT))


def _within(value: float, minimum: float, maximum: float) -> float:
    if not minimum <= value <= maximum:
        raise ValueError(value)
    return value


def _latin_1(text: str) -> str:
    text.encode("latin-1")
    return " ".join(text.split())
