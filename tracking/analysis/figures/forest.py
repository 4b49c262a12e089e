"""Draws pictures with one row a variant: differences with intervals, and scores of speakers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tracking.analysis.figures.data import ForestRow, SpeakerRow
from tracking.analysis.figures.palette import PALETTE, truncate
from tracking.analysis.figures.style import (
    LABEL_PT,
    MIN_WIDE_INCHES,
    Margins,
    annotate,
    format_signed,
    make_figure,
    text_width,
)

_GAP = 0.1
"""Inches between words and the axes beside them."""


def forest_figure(rows: Sequence[ForestRow], width: float, title: str) -> Figure:
    """Draws differences of UA with their intervals, one row each.

    Args:
        rows: Differences, first on top.
        width: Width in inches; below 5 the names stand above the intervals.
        title: Title.

    Returns:
        The figure; rows shown to be better are filled, the others hollow.
    """
    wide = width >= MIN_WIDE_INCHES
    names, words = [row.label for row in rows], [_difference(row) for row in rows]
    figure, (axes,) = make_figure(width, _height(len(rows), wide), title, _margins(names, words, wide))
    _draw_row_labels(axes, names, wide)
    axes.axvline(0, color=PALETTE.ink, linewidth=1, zorder=1)
    for better, colour, face in ((True, PALETTE.accent, PALETTE.accent), (False, PALETTE.muted, PALETTE.paper)):
        own = [(place, row) for place, row in enumerate(rows) if row.significant == better]
        known = [(place, row.low, row.high) for place, row in own if row.low is not None and row.high is not None]
        if known:
            places, lows, highs = zip(*known, strict=True)
            axes.hlines(places, lows, highs, colors=colour, linewidth=2.2, capstyle="round", zorder=2)
        axes.plot(
            [row.difference for _, row in own],
            [place for place, _ in own],
            "o",
            markersize=6.5,
            color=colour,
            markerfacecolor=face,
            markeredgewidth=1.6,
            zorder=3,
        )
    for place, text in enumerate(words):
        _annotate_row_end(axes, place, text, wide)
    axes.set_xlabel("difference of UA from the baseline, percentage points")
    return figure


def _difference(row: ForestRow) -> str:
    words = format_signed(row.difference)
    if row.low is not None and row.high is not None:
        words += f"  ({format_signed(row.low)} to {format_signed(row.high)})"
    return words


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
    wide = width >= MIN_WIDE_INCHES
    height = _height(len(rows), wide)
    shape = (1, 2) if wide else (2, 1)
    names = [row.label for row in rows]
    figure, panels = make_figure(
        width, height if wide else 2 * height - 0.2, title, _margins(names, ["100 to 100"], wide), shape
    )
    places = np.arange(len(rows))
    for axes, metric in zip(panels, ("UA", "WA"), strict=True):
        grey = metric == "WA" and wa_muted
        point, bar = (PALETTE.muted, PALETTE.muted) if grey else (PALETTE.accent, PALETTE.second)
        _draw_row_labels(axes, names, wide, named=axes is panels[0] or not wide)
        scores = [row.ua if metric == "UA" else row.wa for row in rows]
        axes.hlines(places, 0, 1, transform=axes.get_yaxis_transform(), colors=PALETTE.grid, linewidth=0.7, zorder=0)
        x = np.concatenate([one.values for one in scores])
        y = np.concatenate([place + one.offsets for place, one in enumerate(scores)])
        axes.plot(x, y, "o", color=point, alpha=0.6, markersize=5, mew=0)
        axes.vlines([one.pooled for one in scores], places - 0.3, places + 0.3, colors=bar, linewidth=2.4, zorder=2)
        for place, one in enumerate(scores):
            _annotate_row_end(axes, place, f"{one.values.min():.0f} to {one.values.max():.0f}", wide)
        axes.set_xlabel(f"{metric}, percent{' (not to be read, see the marks)' if grey else ''}")
    return figure


def _height(rows: int, wide: bool) -> float:
    """Height in inches of so many rows with title and axis."""
    return 0.9 + (0.29 if wide else 0.44) * rows


def _margins(names: Sequence[str], words: Sequence[str], wide: bool) -> Margins:
    """Room for the names on the left and the words on the right, where they stand beside the rows."""
    if not wide:
        return Margins(left=0.1, hspace=0.6)
    right = text_width(words, LABEL_PT) + 2 * _GAP
    return Margins(left=text_width([_named(name) for name in names], LABEL_PT) + 2 * _GAP, right=right, wspace=right)


def _named(name: str) -> str:
    return truncate(name, 56)


def _draw_row_labels(axes: Axes, names: Sequence[str], wide: bool, named: bool = True) -> None:
    """Makes one horizontal row a name: left of the axes, or above each row where they are narrow."""
    axes.set_ylim(len(names) - 0.4, -0.6 if wide else -0.85)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=PALETTE.grid, linewidth=0.7)
    axes.set_yticks([])
    if not named:
        return
    for place, name in enumerate(names):
        if wide:
            _write(axes, (0, place), (-6, 0), _named(name), ha="right", va="center")
        else:
            _annotate_above(axes, (0, place), (0, 7), truncate(name, 44), ha="left")


def _annotate_row_end(axes: Axes, place: int, words: str, wide: bool) -> None:
    """Writes words at the right end of a row, or above it."""
    if wide:
        _write(axes, (1, place), (6, 0), words, va="center")
    else:
        _annotate_above(axes, (1, place), (0, 7), words.split("  ")[0], ha="right")


def _write(axes: Axes, where: tuple[float, float], away: tuple[float, float], words: str, **options: Any) -> None:
    annotate(axes, where, away, words, xycoords=axes.get_yaxis_transform(), zorder=1.5, **options)


def _annotate_above(
    axes: Axes, where: tuple[float, float], away: tuple[float, float], words: str, **options: Any
) -> None:
    """Writes words over the grid, which ends at them; points lie over them."""
    _write(axes, where, away, words, bbox={"facecolor": PALETTE.paper, "edgecolor": "none", "pad": 0.6}, **options)
