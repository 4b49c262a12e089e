"""Columns, cells and tables of the report, apart from their export."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

from tracking.analysis.comparison.caveats import UA_ONLY, Caveat, classifier_caveats
from tracking.analysis.report.tables.rendering.formatting import (
    format_p_value,
    format_percent,
    format_percent_interval,
    format_points,
    format_points_interval,
)
from tracking.analysis.statistics.proportions import Interval
from tracking.analysis.variants.classical import Classifier
from tracking.analysis.variants.scores import ScoredVariant
from tracking.analysis.variants.selection import UNLIKE_SEEDS

INCOMPLETE_MARKS = "† folds are missing; ‡ not all points of a sweep have the same seeds."
"""What the marks of `incomplete_mark` mean."""

Value = str | int | float | bool | None


@dataclass(frozen=True)
class Column:
    """Column of a table.

    Attributes:
        title: Name, unique in the table.
        hint: Meaning of the heading.
        numeric: Whether it holds numbers.
        greyed_out: Whether its values are shown grey because they must not be interpreted.
        interval: Whether it holds intervals, which take two columns in CSV.
        group: Heading above this column and its neighbours of the same group; the title begins with it.
    """

    title: str
    hint: str = ""
    numeric: bool = True
    greyed_out: bool = False
    interval: bool = False
    group: str = ""

    @property
    def heading(self) -> str:
        """Heading of the column, below that of its group."""
        return self.title.removeprefix(f"{self.group} ")


@dataclass(frozen=True)
class Cell:
    """Cell of a table.

    Attributes:
        text: Text on the page.
        value: Value for sorting and CSV; the text where there is no number.
        high: Upper end of an interval, of which `value` is the lower one.
        caveats: Caveats shown after the text.
        bold: Whether the text is bold.
        audio: Address of a recording to be played, or empty.
    """

    text: str
    value: Value = None
    high: Value = None
    caveats: tuple[Caveat, ...] = ()
    bold: bool = False
    audio: str = ""


@dataclass(frozen=True)
class Table:
    """Table of the report.

    Attributes:
        name: Name of its files without the suffix.
        title: Heading.
        caption: Description with units.
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
        """Group headings with their numbers of columns; empty without groups."""
        if not any(column.group for column in self.columns):
            return ()
        runs = groupby(self.columns, key=lambda column: column.group)
        return tuple((group, len(list(columns))) for group, columns in runs)


def wa_column(title: str, hint: str, greyed_out: bool, interval: bool = False, group: str = "") -> Column:
    """Make a column of WA, or of a test of WA; its hint says why it is greyed out."""
    full_hint = f"{hint}. {UA_ONLY.text}" if greyed_out else hint
    return Column(title, full_hint, greyed_out=greyed_out, interval=interval, group=group)


def incomplete_mark(variant: ScoredVariant) -> str:
    """Return the mark of a score whose variant is incomplete; empty where it is complete."""
    if variant.complete:
        return ""
    return "‡" if variant.incomplete == UNLIKE_SEEDS else "†"


def text_cell(text: str, caveats: Sequence[Caveat] = (), bold: bool = False) -> Cell:
    """Make a cell of text."""
    return Cell(text, text, caveats=tuple(caveats), bold=bold)


def variant_cell(variant: Classifier, report_caveats: Collection[Caveat]) -> Cell:
    """Make the cell that names a variant or baseline, with the caveats that the whole report does not have."""
    return text_cell(variant.label, [caveat for caveat in classifier_caveats(variant) if caveat not in report_caveats])


def number_cell(text: str, value: float | None, bold: bool = False) -> Cell:
    """Make a cell of a number; None is empty in CSV."""
    return Cell(text, "" if value is None else value, bold=bold)


def interval_cell(text: str, interval: Interval | None) -> Cell:
    """Make a cell of an interval, sorted by its lower end; None is empty in CSV."""
    if interval is None:
        return Cell(text, "")
    return Cell(text, interval.low, interval.high)


def percent_cell(share: float | None) -> Cell:
    """Make a cell of a share of 0..1, in percent."""
    return number_cell(format_percent(share), share)


def points_cell(difference: float | None) -> Cell:
    """Make a cell of a difference of shares, in percentage points."""
    return number_cell(format_points(difference), difference)


def p_value_cell(p: float | None, bold: bool = False) -> Cell:
    """Make a cell of a probability."""
    return number_cell(format_p_value(p), p, bold=bold)


def percent_interval_cell(interval: Interval | None) -> Cell:
    """Make a cell of an interval of shares, in percent."""
    return interval_cell(format_percent_interval(interval), interval)


def points_interval_cell(interval: Interval | None) -> Cell:
    """Make a cell of an interval of a difference, in percentage points."""
    return interval_cell(format_points_interval(interval), interval)
