"""What a table of the report is, apart from how it is written; and the writing of CSV."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tracking.analysis.badges import UA_ONLY, Badge
from tracking.analysis.statistics import Interval

Value = str | int | float | bool | None


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        title: Its heading.
        hint: What the heading means.
        numeric: Whether it holds numbers.
        muted: Whether it is shown grey: there, but not to be read.
        interval: Whether it holds intervals, which take two columns in CSV.
    """

    title: str
    hint: str = ""
    numeric: bool = True
    muted: bool = False
    interval: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes:
        text: What the reader sees.
        value: What is sorted by, and written to CSV; the text where there is no number.
        high: Upper end of an interval, of which `value` is the lower one.
        badges: Marks beside the text.
        strong: Whether it stands out.
    """

    text: str
    value: Value = None
    high: Value = None
    badges: tuple[Badge, ...] = ()
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: Name of its CSV file, less the suffix.
        title: Heading.
        caption: What it shows, with units.
        columns: Columns; the first names the row.
        rows: Rows of as many cells.
    """

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


def wa_column(title: str, hint: str, muted: bool, interval: bool = False) -> Column:
    """A column of WA, or of a test of WA; muted, it says why."""
    return Column(title, f"{hint}. {UA_ONLY.text}" if muted else hint, muted=muted, interval=interval)


def write_csv(table: Table, folder: Path) -> Path:
    """Writes a table's values, unrounded, as UTF-8 CSV; returns the file."""
    path = folder / f"{table.name}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([title for column in table.columns for title in _titles(column)])
        for row in table.rows:
            writer.writerow([value for pair in zip(table.columns, row, strict=True) for value in _values(*pair)])
    return path


def _titles(column: Column) -> list[str]:
    return [f"{column.title} low", f"{column.title} high"] if column.interval else [column.title]


def _values(column: Column, cell: Cell) -> list[Value]:
    value = cell.text if cell.value is None else cell.value
    return [value, "" if cell.high is None else cell.high] if column.interval else [value]


def text(words: str, badges: Sequence[Badge] = (), strong: bool = False) -> Cell:
    """A cell of words."""
    return Cell(words, words, badges=tuple(badges), strong=strong)


def number(words: str, value: float | None, strong: bool = False) -> Cell:
    """A cell of a number; empty in CSV where there is none."""
    return Cell(words, "" if value is None else value, strong=strong)


def bounds(words: str, interval: Interval | None) -> Cell:
    """A cell of an interval, sorted by its lower end; empty in CSV where there is none."""
    if interval is None:
        return Cell(words, "")
    return Cell(words, interval.low, interval.high)
