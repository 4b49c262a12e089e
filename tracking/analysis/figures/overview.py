"""Figure of the first screen: UA of each row with chance, and its difference from the baseline."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tracking.analysis.figures.data import POINTS
from tracking.analysis.figures.drawing.palette import PALETTE, shorten_names
from tracking.analysis.figures.drawing.style import (
    LABEL_PT,
    MIN_WIDE_INCHES,
    Margins,
    annotate,
    format_signed,
    make_figure,
    text_width,
)
from tracking.analysis.statistics.proportions import Interval

_PATCH = {"facecolor": PALETTE.paper, "edgecolor": "none", "pad": 0.6}
"""Background of a text over the grid."""


@dataclass(frozen=True)
class OverviewRow:
    """Row of the figure; all numbers are shares, 0..1.

    Attributes:
        label: Variant or classical baseline.
        ua: Pooled UA.
        interval: Its 95% interval over speakers; None with one speaker.
        difference: UA less that of its baseline; None where it is compared with none.
        difference_interval: 95% interval of the difference.
        better: Whether it is shown to be better than its baseline.
        classical: Whether it is a classical baseline.
        chosen: Whether validation chose it; its name is bold.
    """

    label: str
    ua: float
    interval: Interval | None
    difference: float | None = None
    difference_interval: Interval | None = None
    better: bool = False
    classical: bool = False
    chosen: bool = False


def overview_figure(rows: Sequence[OverviewRow], chance: float, width: float) -> Figure:
    """Draw UA with its interval and chance, and beside it the difference from the baseline.

    Args:
        rows: Rows, first on top.
        chance: UA of guessing, 0..1.
        width: Width in inches; below 5 the differences stand below, and names above their rows.

    Returns:
        The figure; points of variants that are better are filled, classical baselines are squares.
    """
    wide = width >= MIN_WIDE_INCHES
    compared = [row for row in rows if row.difference is not None]
    # Panels side by side share their rows; one below the other leaves out rows without a difference.
    below = list(rows) if wide and compared else compared
    heights = [(0.3 if wide else 0.42) * len(part) + 0.9 for part in (rows, below) if part]
    names = shorten_names((row.label for row in rows), 48 if wide else 44)
    chosen = [names[row.label] for row in rows if row.chosen]
    left = max(text_width(list(names.values()), LABEL_PT), text_width(chosen, LABEL_PT, "bold")) + 0.3
    margins = Margins(left=left, right=0.5, wspace=0.55, top=0.12)
    if not wide:
        margins = Margins(left=0.1, right=0.1, top=0.12, hspace=0.62)
    shape = (1, len(heights)) if wide else (len(heights), 1)
    figure, panels = make_figure(width, heights[0] if wide else sum(heights), "", margins, shape)
    if not wide:
        _stack(panels, heights)
    _draw_rows(panels[0], rows, wide, [(row.ua, row.interval) for row in rows], "{:.1f}".format)
    _draw_names(panels[0], rows, names, wide)
    panels[0].axvline(POINTS * chance, color=PALETTE.second, linewidth=1.3, linestyle=(0, (4, 3)), zorder=1)
    foot = (POINTS * chance, len(rows) - 0.45)
    annotate(panels[0], foot, (3, 1), "chance", color=PALETTE.second, fontsize=7.5, va="bottom")
    panels[0].set_xlabel("UA, percent, with 95% interval")
    if compared:
        differences = [(row.difference, row.difference_interval) for row in below]
        _draw_rows(panels[1], below, wide, differences, format_signed)
        if not wide:
            _draw_names(panels[1], below, names, wide)
        panels[1].axvline(0, color=PALETTE.ink, linewidth=1, zorder=1)
        panels[1].set_xlabel("difference from the baseline, points")
    return figure


def _stack(panels: Sequence[Axes], heights: Sequence[float]) -> None:
    """Give each of several panels below each other the height that its rows need, in inches."""
    total, top = sum(heights), sum(heights)
    for axes, height in zip(panels, heights, strict=True):
        box = axes.get_position()
        axes.set_position((box.x0, (top - height + 0.5) / total, box.width, (height - 0.6) / total))
        top -= height


def _draw_names(axes: Axes, rows: Sequence[OverviewRow], names: Mapping[str, str], wide: bool) -> None:
    """Write the names left of the axes, or above the rows on a patch of background."""
    for index, row in enumerate(rows):
        options: dict[str, Any] = {"ha": "right", "va": "center"} if wide else {"ha": "left", "bbox": _PATCH}
        weight = "bold" if row.chosen else "normal"
        offset = (-6, 0) if wide else (0, 7)
        position = axes.get_yaxis_transform()
        annotate(axes, (0, index), offset, names[row.label], xycoords=position, zorder=1.5, weight=weight, **options)


def _draw_rows(
    axes: Axes,
    rows: Sequence[OverviewRow],
    wide: bool,
    values: Sequence[tuple[float | None, Interval | None]],
    format_value: Callable[[float], str],
) -> None:
    """Draw a value with its interval in each row that has one, and write it at the row's end."""
    axes.set_ylim(len(rows) - 0.4, -0.6 if wide else -0.85)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=PALETTE.grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    for index, (row, (value, interval)) in enumerate(zip(rows, values, strict=True)):
        if value is None:
            continue
        colour = PALETTE.accent if row.better else PALETTE.muted
        if interval is not None:
            ends = POINTS * interval.low, POINTS * interval.high
            axes.hlines(index, *ends, colors=colour, linewidth=2.2, capstyle="round", zorder=2)
        axes.plot(
            [POINTS * value],
            [index],
            "s" if row.classical else "o",
            markersize=6 if row.classical else 6.5,
            color=colour,
            markerfacecolor=colour if row.better else PALETTE.paper,
            markeredgewidth=1.6,
            zorder=3,
        )
        options: dict[str, Any] = {"va": "center"} if wide else {"ha": "right", "bbox": _PATCH}
        offset, position = (6, 0) if wide else (0, 7), axes.get_yaxis_transform()
        annotate(axes, (1, index), offset, format_value(POINTS * value), xycoords=position, zorder=1.5, **options)
