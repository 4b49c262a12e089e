"""What a table of the report is, apart from how it is written; and the writing of CSV."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tracking.analysis.badges import UA_ONLY, Badge

Value = str | int | float | bool | None


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        title: Its heading.
        hint: What the heading means.
        numeric: Whether it holds numbers.
        muted: Whether it is shown grey: there, but not to be read.
    """

    title: str
    hint: str = ""
    numeric: bool = True
    muted: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes:
        text: What the reader sees.
        value: What is sorted by, and written to CSV; the text where there is no number.
        badges: Marks beside the text.
        strong: Whether it stands out.
    """

    text: str
    value: Value = None
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


def wa_column(title: str, hint: str, muted: bool) -> Column:
    """A column of WA, or of a test of WA; muted, it says why."""
    return Column(title, f"{hint}. {UA_ONLY.text}" if muted else hint, muted=muted)


def write_csv(table: Table, folder: Path) -> Path:
    """Writes a table's values, unrounded, as UTF-8 CSV; returns the file."""
    path = folder / f"{table.name}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column.title for column in table.columns])
        writer.writerows([cell.text if cell.value is None else cell.value for cell in row] for row in table.rows)
    return path


def text(words: str, badges: Sequence[Badge] = (), strong: bool = False) -> Cell:
    """A cell of words."""
    return Cell(words, words, tuple(badges), strong)


def number(words: str, value: float | None, strong: bool = False) -> Cell:
    """A cell of a number; empty in CSV where there is none."""
    return Cell(words, "" if value is None else value, (), strong)
