"""Draws pictures with one row a variant: differences with intervals, and scores of speakers."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tracking.analysis.canvas import WIDE_FROM, new_figure, shortened, signed
from tracking.analysis.figure_data import ForestRow, SpeakerRow
from tracking.analysis.rendering import PAPER


def forest_figure(rows: Sequence[ForestRow], width: float, title: str) -> Figure:
    """Draws differences of UA with their intervals, one row each.

    Args:
        rows: Differences, first on top.
        width: Width in inches; below 5 the names stand above the intervals.
        title: Title.

    Returns:
        The figure; rows shown to be better are filled, the others hollow.
    """
    wide = width >= WIDE_FROM
    figure, (axes,) = new_figure(width, _height(len(rows), wide), title)
    _lay_rows(axes, [row.label for row in rows], wide)
    axes.axvline(0, color=PAPER.ink, linewidth=1, zorder=1)
    for place, row in enumerate(rows):
        colour = PAPER.accent if row.better else PAPER.muted
        words = signed(row.difference)
        if row.low is not None and row.high is not None:
            axes.plot([row.low, row.high], [place, place], color=colour, linewidth=2.2, solid_capstyle="round")
            words += f"  ({signed(row.low)} to {signed(row.high)})"
        face = colour if row.better else PAPER.paper
        axes.plot(row.difference, place, "o", markersize=6.5, color=colour, markerfacecolor=face, markeredgewidth=1.6)
        _beside(axes, place, words, wide)
    axes.set_xlabel("difference of UA from the baseline, percentage points")
    return figure


def speaker_figure(rows: Sequence[SpeakerRow], width: float, title: str, wa_muted: bool = False) -> Figure:
    """Draws UA and WA of each test speaker as points, one row a variant; a bar marks the pooled score.

    Args:
        rows: Variants, first on top.
        width: Width in inches; below 5 WA stands below UA, and names above the points.
        title: Title.
        wa_muted: Whether WA is drawn grey because it is not to be read.

    Returns:
        The figure.
    """
    wide = width >= WIDE_FROM
    height = _height(len(rows), wide)
    shape = (1, 2) if wide else (2, 1)
    figure, panels = new_figure(width, height if wide else 2 * height - 0.5, title, shape)
    for axes, metric in zip(panels, ("UA", "WA"), strict=True):
        grey = metric == "WA" and wa_muted
        point, bar = (PAPER.muted, PAPER.muted) if grey else (PAPER.accent, PAPER.second)
        _lay_rows(axes, [row.label for row in rows], wide, named=axes is panels[0] or not wide)
        for place, row in enumerate(rows):
            scores = row.ua if metric == "UA" else row.wa
            axes.axhline(place, color=PAPER.grid, linewidth=0.7, zorder=0)
            axes.plot(scores.values, place + scores.offsets, "o", color=point, alpha=0.6, markersize=5, mew=0)
            axes.plot([scores.pooled] * 2, [place - 0.3, place + 0.3], color=bar, linewidth=2.4)
            _beside(axes, place, f"{scores.values.min():.0f} to {scores.values.max():.0f}", wide)
        axes.set_xlabel(f"{metric}, percent{' (not to be read, see the marks)' if grey else ''}")
    return figure


def _height(rows: int, wide: bool) -> float:
    """Height in inches of so many rows with title and axis."""
    return 0.9 + (0.29 if wide else 0.44) * rows


def _lay_rows(axes: Axes, names: Sequence[str], wide: bool, named: bool = True) -> None:
    """Makes one horizontal row a name: left of the axes, or above each row where they are narrow."""
    axes.set_ylim(len(names) - 0.4, -0.6 if wide else -0.85)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=PAPER.grid, linewidth=0.7)
    if not wide or not named:
        axes.set_yticks([])
    if wide and named:
        labels = [shortened(name, 56) for name in names]
        axes.set_yticks(range(len(names)), labels, parse_math=False, color=PAPER.ink)
    elif named:
        for place, name in enumerate(names):
            _write(axes, (0, place), (0, 7), shortened(name, 44), ha="left")


def _beside(axes: Axes, place: int, words: str, wide: bool) -> None:
    """Writes words at the right end of a row, or above it."""
    if wide:
        _write(axes, (1, place), (6, 0), words, va="center")
    else:
        _write(axes, (1, place), (0, 7), words.split("  ")[0], ha="right")


def _write(axes: Axes, where: tuple[float, float], away: tuple[float, float], words: str, **alignment: Any) -> None:
    axes.annotate(
        words,
        where,
        xytext=away,
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        fontsize=8,
        color=PAPER.ink,
        parse_math=False,
        # Lines end at the words, and points lie over them.
        bbox={"facecolor": PAPER.paper, "edgecolor": "none", "pad": 0.6},
        zorder=1.5,
        **alignment,
    )
