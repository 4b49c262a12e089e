"""Figures of the search: UA over the scope, and importance of settings."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tracking.analysis.figures.data import POINTS, ScopeSeries
from tracking.analysis.figures.drawing.palette import PALETTE, truncate
from tracking.analysis.figures.drawing.style import Margins, make_figure, make_panels, text_width

_STYLES = (
    (PALETTE.accent, "o", "-"),
    (PALETTE.second, "s", "--"),
    (PALETTE.muted, "^", ":"),
    (PALETTE.ink, "D", "-."),
    (PALETTE.accent, "v", ":"),
    (PALETTE.second, "P", "-."),
)
MAX_LINES = len(_STYLES)
"""Lines of a panel that can be told apart."""

MAX_PANELS = 12
"""Panels of a figure that fit a page."""

_DODGE = 0.18
"""Horizontal offset between series, in frames, so that their intervals do not cover each other."""


@dataclass(frozen=True, eq=False)
class Line:
    """UA over whole numbers, with intervals.

    Attributes:
        name: Its name in the legend.
        x: The numbers, ascending.
        ua: Pooled UA, 0..1, shape `(number,)`.
        low: Lower ends of the intervals, NaN where there is none, shape `(number,)`.
        high: Upper ends.
    """

    name: str
    x: Sequence[int]
    ua: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def drawn_scopes(series: Sequence[ScopeSeries]) -> tuple[ScopeSeries, ...]:
    """Choose the series that are drawn: the first `MAX_LINES` of each of the first `MAX_PANELS` panels."""
    panels = list(_panels(series).values())[:MAX_PANELS]
    return tuple(line for lines in panels for line in lines[:MAX_LINES])


def _panels(series: Sequence[ScopeSeries]) -> dict[tuple[str, str | None], list[ScopeSeries]]:
    """Group series by what they share besides the attention: the label strategy, and the attention `none` beside it."""
    of_panels: dict[tuple[str, str | None], list[ScopeSeries]] = defaultdict(list)
    for line in series:
        of_panels[line.target, line.none].append(line)
    return of_panels


def scope_figure(series: Sequence[ScopeSeries], width: float, title: str) -> Figure:
    """Draw UA over the scope with 95% intervals, one panel per label strategy and attention `none` beside it.

    Args:
        series: UA over scopes (see `drawn_scopes`); those that share a panel differ in colour and marker.
        width: Width in inches; below 5 the panels stand below each other.
        title: Title.
    """
    of_panels = _panels(series)
    figure, panels = make_panels(len(of_panels), 3, 2.4, width, title)
    for axes, lines in zip(panels, of_panels.values(), strict=True):
        _draw_scope_panel(axes, lines)
    return figure


def _draw_scope_panel(axes: Axes, series: Sequence[ScopeSeries]) -> None:
    first = series[0]
    # The label of none holds what all lines share, such as the front end.
    shared = first.target if first.none is None else first.none.removeprefix("none · ")
    lines = [
        Line(truncate(_name_without(line, shared), 26), line.scopes, line.ua, line.low, line.high) for line in series
    ]
    draw_lines(axes, lines, _DODGE, first.none_ua)
    axes.set_title(truncate(shared, 30), fontsize=8.5, color=PALETTE.ink, loc="left", parse_math=False)
    axes.set_xlabel("scope, frames")


def _name_without(line: ScopeSeries, shared: str) -> str:
    """Return the name of a series without what all lines of its panel share."""
    part = shared if f" · {shared}" in line.name else line.target
    return line.name.replace(f" · {part}", "", 1)


def draw_lines(axes: Axes, lines: Sequence[Line], dodge: float, reference: float | None = None) -> None:
    """Draw lines of UA with their intervals and a legend.

    Args:
        axes: The axes.
        lines: The lines; those beyond `MAX_LINES` look like earlier ones.
        dodge: Horizontal offset between lines, so that their intervals do not cover each other.
        reference: UA of attention `none`, 0..1, or None.
    """
    for index, line in enumerate(lines):
        colour, marker, style = _STYLES[index % len(_STYLES)]
        x = [number + dodge * (index - (len(lines) - 1) / 2) for number in line.x]
        axes.vlines(x, POINTS * line.low, POINTS * line.high, colors=colour, linewidth=1.1, alpha=0.55)
        axes.plot(x, POINTS * line.ua, linestyle=style, marker=marker, color=colour, markersize=5, label=line.name)
    if reference is not None:
        axes.axhline(POINTS * reference, color=PALETTE.ink, linewidth=1, dashes=(1, 2), label="none")
    axes.set_xticks(sorted({number for line in lines for number in line.x}))
    axes.set_ylabel("pooled UA, percent")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.grid(axis="y", color=PALETTE.grid, linewidth=0.7)
    legend = axes.legend(fontsize=7.5, frameon=False, loc="best")
    for label in legend.get_texts():
        label.set(color=PALETTE.ink, parse_math=False)


def importance_figure(shares: Mapping[str, float], width: float, title: str) -> Figure:
    """Draw importances as bars, the largest on top.

    Args:
        shares: Share of each setting, 0..1.
        width: Width in inches.
        title: Title.
    """
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    names = [truncate(name, 28) for name, _ in ordered]
    margins = Margins(left=text_width(names, 8) + 0.2)
    figure, (axes,) = make_figure(width, 0.9 + 0.26 * len(shares), title, margins)
    values = [POINTS * share for _, share in ordered]
    axes.barh(range(len(ordered)), values, height=0.62, color=PALETTE.accent)
    axes.set_yticks(range(len(ordered)), names, parse_math=False, color=PALETTE.ink)
    for index, value in enumerate(values):
        axes.annotate(
            f"{value:.0f}",
            (value, index),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=PALETTE.ink,
            bbox={"facecolor": PALETTE.paper, "edgecolor": "none", "pad": 0.6},
        )
    axes.set_ylim(len(ordered) - 0.5, -0.6)
    axes.set_xlim(0, max([*values, 1.0]) * 1.15)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=PALETTE.grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel("share, percent")
    return figure
