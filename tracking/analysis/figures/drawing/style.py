"""Style that all figures share: size, title, colours, labels and numbers.

Only matplotlib's figure objects are used, never pyplot, so that there is no shared state. Names are
never parsed as mathematics.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from tracking.analysis.figures.drawing.palette import PALETTE, truncate

LABEL_PT = 8.0
"""Size of most text, in points."""

MIN_WIDE_INCHES = 5.0
"""Width in inches from which a figure has room for names beside its rows, or for panels side by side."""


@dataclass(frozen=True)
class Margins:
    """Room around and between the axes of a figure, in inches."""

    left: float
    right: float = 0.1
    top: float = 0.3
    bottom: float = 0.45
    wspace: float = 0.0
    hspace: float = 0.0


def make_figure(
    width: float, height: float, title: str, margins: Margins, shape: tuple[int, int] = (1, 1)
) -> tuple[Figure, list[Axes]]:
    """Make a transparent figure with its title and styled axes.

    Margins are passed, not computed: a layout engine would draw everything twice and measure every text.

    Args:
        width: Width in inches.
        height: Height in inches.
        title: Title, drawn as it is; truncated where it is longer than the figure is wide.
        margins: Room around and between the axes.
        shape: Rows and columns of axes.

    Returns:
        The figure and its axes, row by row.
    """
    figure = Figure(figsize=(width, height))
    figure.patch.set_alpha(0)
    heading = truncate(title, int(15 * width))
    figure.suptitle(
        heading, x=0.08 / width, y=1 - 0.06 / height, ha="left", fontsize=9, color=PALETTE.ink, parse_math=False
    )
    row_count, column_count = shape
    panels = [axes for row in figure.subplots(row_count, column_count, squeeze=False) for axes in row]
    panel_width = (width - margins.left - margins.right - (column_count - 1) * margins.wspace) / column_count
    panel_height = (height - margins.top - margins.bottom - (row_count - 1) * margins.hspace) / row_count
    figure.subplots_adjust(
        left=margins.left / width,
        right=1 - margins.right / width,
        top=1 - margins.top / height,
        bottom=margins.bottom / height,
        wspace=margins.wspace / panel_width,
        hspace=margins.hspace / panel_height,
    )
    for axes in panels:
        _style(axes)
    return figure, panels


def make_panels(
    count: int, most_columns: int, panel_height: float, width: float, title: str
) -> tuple[Figure, list[Axes]]:
    """Make a figure of equal panels with an axis of UA each, in one column where it is narrow.

    Args:
        count: Number of panels.
        most_columns: Columns at most.
        panel_height: Height of a panel with its labels, in inches.
        width: Width in inches; below 5 the panels stand below each other.
        title: Title.

    Returns:
        The figure and its panels, row by row.
    """
    columns = min(count, most_columns if width >= MIN_WIDE_INCHES else 1)
    rows = -(-count // columns)
    margins = Margins(left=0.5, top=0.5, wspace=0.5, hspace=0.7)
    figure, panels = make_figure(width, 0.5 + panel_height * rows, title, margins, (rows, columns))
    for axes in panels[count:]:
        axes.set_visible(False)
    return figure, panels[:count]


def text_width(texts: Sequence[str], size: float, weight: str = "normal") -> float:
    """Measure the widest of several texts in matplotlib's default font.

    Args:
        texts: The texts.
        size: Font size, in points.
        weight: Weight of the font.

    Returns:
        Its width in inches; 0 without a text.
    """
    # The widest is among those with most letters; to measure one takes a millisecond.
    longest = sorted(texts, key=len)[-3:]
    font = FontProperties(size=size, weight=weight)
    return (
        max((text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] for text in longest), default=0)
        / 72
    )


def _style(axes: Axes) -> None:
    axes.patch.set_alpha(0)
    axes.tick_params(colors=PALETTE.muted, labelsize=8, length=0)
    axes.xaxis.label.set(color=PALETTE.muted, fontsize=8)
    axes.yaxis.label.set(color=PALETTE.muted, fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(PALETTE.grid)


def annotate(axes: Axes, point: tuple[float, float], offset: tuple[float, float], text: str, **options: Any) -> None:
    """Write a text beside a point; ticks would do the same with five objects each.

    Args:
        axes: The axes.
        point: The point, in data coordinates unless `xycoords` says otherwise.
        offset: Offset of the text from the point, in points of 1/72 inch.
        text: The text, never parsed as mathematics.
        **options: Options of the text.
    """
    options = {"fontsize": LABEL_PT, "color": PALETTE.ink, **options}
    axes.annotate(text, point, xytext=offset, textcoords="offset points", parse_math=False, **options)


def format_signed(difference: float) -> str:
    """Format a difference with its sign, such as '−0.4'."""
    text = f"{difference:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")
