"""Figures with one row per variant: differences with intervals, and scores of speakers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tracking.analysis.figures.data import ForestRow, SpeakerRow
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

_GAP = 0.1
"""Inches between a text and the axes beside it."""
_AGAINST = " against "


def forest_figure(rows: Sequence[ForestRow], width: float, title: str) -> Figure:
    """Draw differences of UA with their intervals, one per row.

    Args:
        rows: Differences, first on top.
        width: Width in inches; below 5 the names stand above the intervals.
        title: Title.

    Returns:
        The figure; points of significant differences are filled, the others hollow.
    """
    wide = width >= MIN_WIDE_INCHES
    names, differences = [row.label for row in rows], [_format_difference(row) for row in rows]
    figure, (axes,) = make_figure(width, _height(len(rows), wide), title, _margins(names, differences, wide))
    _draw_row_labels(axes, names, wide)
    axes.axvline(0, color=PALETTE.ink, linewidth=1, zorder=1)
    for significant, colour, face in ((True, PALETTE.accent, PALETTE.accent), (False, PALETTE.muted, PALETTE.paper)):
        points = [(index, row) for index, row in enumerate(rows) if row.significant == significant]
        intervals = [
            (index, row.low, row.high) for index, row in points if row.low is not None and row.high is not None
        ]
        if intervals:
            indices, lows, highs = zip(*intervals, strict=True)
            axes.hlines(indices, lows, highs, colors=colour, linewidth=2.2, capstyle="round", zorder=2)
        axes.plot(
            [row.difference for _, row in points],
            [index for index, _ in points],
            "o",
            markersize=6.5,
            color=colour,
            markerfacecolor=face,
            markeredgewidth=1.6,
            zorder=3,
        )
    for index, text in enumerate(differences):
        _annotate_row_end(axes, index, text, wide)
    axes.set_xlabel("difference of UA from the baseline, percentage points")
    return figure


def _format_difference(row: ForestRow) -> str:
    if row.low is None or row.high is None:
        return format_signed(row.difference)
    return f"{format_signed(row.difference)}  ({format_signed(row.low)} to {format_signed(row.high)})"


def speaker_figure(rows: Sequence[SpeakerRow], width: float, title: str, wa_greyed_out: bool = False) -> Figure:
    """Draw UA and WA of each test speaker as points, one row per variant; a bar marks the pooled score.

    Args:
        rows: Variants, first on top.
        width: Width in inches; below 5 WA is below UA, and names are above the points.
        title: Title.
        wa_greyed_out: Whether WA is drawn grey because it must not be interpreted.
    """
    wide = width >= MIN_WIDE_INCHES
    height = _height(len(rows), wide)
    shape = (1, 2) if wide else (2, 1)
    names = [row.label for row in rows]
    figure, panels = make_figure(
        width, height if wide else 2 * height - 0.2, title, _margins(names, ["100–100"], wide), shape
    )
    indices = np.arange(len(rows))
    for axes, metric in zip(panels, ("UA", "WA"), strict=True):
        grey = metric == "WA" and wa_greyed_out
        point, bar = (PALETTE.muted, PALETTE.muted) if grey else (PALETTE.accent, PALETTE.second)
        _draw_row_labels(axes, names, wide, labelled=axes is panels[0] or not wide)
        scores = [row.ua if metric == "UA" else row.wa for row in rows]
        axes.hlines(indices, 0, 1, transform=axes.get_yaxis_transform(), colors=PALETTE.grid, linewidth=0.7, zorder=0)
        x = np.concatenate([speakers.values for speakers in scores])
        y = np.concatenate([index + speakers.offsets for index, speakers in enumerate(scores)])
        axes.plot(x, y, "o", color=point, alpha=0.6, markersize=5, mew=0)
        pooled = [speakers.pooled for speakers in scores]
        axes.vlines(pooled, indices - 0.3, indices + 0.3, colors=bar, linewidth=2.4, zorder=2)
        for index, speakers in enumerate(scores):
            _annotate_row_end(axes, index, f"{speakers.values.min():.0f}–{speakers.values.max():.0f}", wide)
        axes.set_xlabel(f"{metric}, percent{' (do not interpret, see the caveats)' if grey else ''}")
    return figure


def _height(rows: int, wide: bool) -> float:
    """Height of the figure in inches."""
    return 0.9 + (0.29 if wide else 0.44) * rows


def _margins(names: Sequence[str], row_ends: Sequence[str], wide: bool) -> Margins:
    """Room for the names on the left and the texts on the right of the rows."""
    if not wide:
        return Margins(left=0.1, hspace=0.6)
    right = text_width(row_ends, LABEL_PT) + 2 * _GAP
    return Margins(left=text_width(_shorten(names, 56), LABEL_PT) + 2 * _GAP, right=right, wspace=right)


def _shorten(names: Sequence[str], max_length: int) -> list[str]:
    """Cut names; of one with its baseline, each of the two by itself."""
    half = (max_length - len(_AGAINST)) // 2
    shortened = shorten_names(names, max_length)
    parts = shorten_names((part for name in names for part in name.split(_AGAINST)), half)
    return [
        _AGAINST.join(parts[part] for part in name.split(_AGAINST))
        if _AGAINST in name and len(name) > max_length
        else shortened[name]
        for name in names
    ]


def _draw_row_labels(axes: Axes, names: Sequence[str], wide: bool, labelled: bool = True) -> None:
    """Draw one row per name, with the name left of the axes, or above the row where they are narrow."""
    axes.set_ylim(len(names) - 0.4, -0.6 if wide else -0.85)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=PALETTE.grid, linewidth=0.7)
    axes.set_yticks([])
    if not labelled:
        return
    for index, name in enumerate(_shorten(names, 56 if wide else 44)):
        if wide:
            _annotate_row(axes, (0, index), (-6, 0), name, ha="right", va="center")
        else:
            _annotate_above(axes, (0, index), (0, 7), name, ha="left")


def _annotate_row_end(axes: Axes, index: int, text: str, wide: bool) -> None:
    """Write a text at the right end of a row, or above it."""
    if wide:
        _annotate_row(axes, (1, index), (6, 0), text, va="center")
    else:
        _annotate_above(axes, (1, index), (0, 7), text.split("  ")[0], ha="right")


def _annotate_row(
    axes: Axes, point: tuple[float, float], offset: tuple[float, float], text: str, **options: Any
) -> None:
    annotate(axes, point, offset, text, xycoords=axes.get_yaxis_transform(), zorder=1.5, **options)


def _annotate_above(
    axes: Axes, point: tuple[float, float], offset: tuple[float, float], text: str, **options: Any
) -> None:
    """Write a text on a patch of background over the grid and below the points."""
    _annotate_row(
        axes, point, offset, text, bbox={"facecolor": PALETTE.paper, "edgecolor": "none", "pad": 0.6}, **options
    )
