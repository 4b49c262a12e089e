"""What a table of the report is, apart from how it is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from tracking.analysis.comparison.caveats import UA_ONLY, Caveat
from tracking.analysis.statistics.proportions import Interval

Value = str | int | float | bool | None


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        title: Its name, unique in the table.
        hint: What the heading means.
        numeric: Whether it holds numbers.
        muted: Whether it is shown grey: there, but not to be read.
        interval: Whether it holds intervals, which take two columns in CSV.
        group: Heading above this column and its neighbours of the same group, with which the title begins.
    """

    title: str
    hint: str = ""
    numeric: bool = True
    muted: bool = False
    interval: bool = False
    group: str = ""

    @property
    def heading(self) -> str:
        """What stands above the column, below the group's heading."""
        return self.title.removeprefix(f"{self.group} ")


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
    badges: tuple[Caveat, ...] = ()
    bold: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: Name of its files, less the suffix.
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

    @property
    def groups(self) -> tuple[tuple[str, int], ...]:
        """Headings above the columns with the number of columns below each; empty where there are none."""
        if not any(column.group for column in self.columns):
            return ()
        runs = groupby(self.columns, key=lambda column: column.group)
        return tuple((group, len(list(columns))) for group, columns in runs)


def wa_column(title: str, hint: str, muted: bool, interval: bool = False, group: str = "") -> Column:
    """A column of WA, or of a test of WA; muted, it says why."""
    words = f"{hint}. {UA_ONLY.text}" if muted else hint
    return Column(title, words, muted=muted, interval=interval, group=group)


def text_cell(words: str, badges: Sequence[Caveat] = (), strong: bool = False) -> Cell:
    """A cell of words."""
    return Cell(words, words, badges=tuple(badges), bold=strong)


def number_cell(words: str, value: float | None, strong: bool = False) -> Cell:
    """A cell of a number; empty in CSV where there is none."""
    return Cell(words, "" if value is None else value, bold=strong)


def interval_cell(words: str, interval: Interval | None) -> Cell:
    """A cell of an interval, sorted by its lower end; empty in CSV where there is none."""
    if interval is None:
        return Cell(words, "")
    return Cell(words, interval.low, interval.high)
