"""Draws the pictures: forest plot, points of speakers, confusion matrices, learning curves.

Only matplotlib's figure objects are used, never pyplot, so that there is no shared state. Names are
never parsed as mathematics.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tracking.analysis.figure_data import Curve, ForestRow, SpeakerRow, row_shares
from tracking.analysis.rendering import PAPER, to_png

_LONGEST_NAME = 22
# Ink stays readable on the darkest cell, on light and on dark pages.
_SHADE = 0.55
_WIDE = 5.0


def confusion_png(confusion: NDArray[np.int64], emotions: Sequence[str], title: str) -> bytes:
    """Draws one confusion matrix as a PNG picture.

    Args:
        confusion: Counts, shape `(class, class)`, rows true.
        emotions: Names of the classes.
        title: Title, drawn as it is.

    Returns:
        The picture's bytes.
    """
    return to_png(confusion_figure(confusion, emotions, title))


def confusion_figure(confusion: NDArray[np.int64] | NDArray[np.float64], emotions: Sequence[str], title: str) -> Figure:
    """Draws a confusion matrix: cells shaded by their row's share, share and count in them.

    Args:
        confusion: Counts (or their mean over seeds), shape `(class, class)`, rows true.
        emotions: Names of the classes.
        title: Title.

    Returns:
        A figure 3.6 inches wide; cells without utterances stay empty.
    """
    k = len(emotions)
    # Fixed margins: a layout engine would draw everything twice, and the tracker draws every fold.
    figure, axes = _figure(3.6, 3.5, title, layout=None)
    figure.subplots_adjust(left=0.25, right=0.97, top=0.92, bottom=0.22)
    text_pt = 8.0 if k <= 5 else 6.5 if k <= 8 else 5.0
    shares = row_shares(confusion)
    filled = [(int(row), int(column)) for row, column in np.argwhere(confusion > 0)]
    cells = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in filled]
    shades = [to_rgba(PAPER.accent, _SHADE * float(shares[cell])) for cell in filled]
    axes.add_collection(PatchCollection(cells, facecolors=shades, linewidths=0))
    for row, column in filled:
        share = f"{100 * shares[row, column]:.0f}"
        words = f"{share}%\n{confusion[row, column]:.0f}" if k <= 8 else share
        axes.text(column, row, words, ha="center", va="center", fontsize=text_pt, color=PAPER.ink)
    names = [_short(emotion, 12) for emotion in emotions]
    axes.set_xticks(range(k), names, parse_math=False, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(k), names, parse_math=False)
    axes.set(xlim=(-0.5, k - 0.5), ylim=(k - 0.5, -0.5), aspect="equal")
    axes.set_xlabel("decided")
    axes.set_ylabel("true")
    axes.tick_params(length=0, labelsize=7.5)
    for side in ("left", "bottom", "top", "right"):
        axes.spines[side].set(visible=True, color=PAPER.grid)
    return figure


def forest_figure(rows: Sequence[ForestRow], width: float, title: str) -> Figure:
    """Draws differences of UA with their intervals, one row each.

    Args:
        rows: Differences, first on top.
        width: Width in inches; below 5 the names stand above the intervals.
        title: Title.

    Returns:
        The figure; rows shown to be better are filled, the others hollow.
    """
    figure, axes = _rows_figure([row.label for row in rows], width, title)
    axes.axvline(0, color=PAPER.ink, linewidth=1)
    for place, row in enumerate(rows):
        colour = PAPER.accent if row.better else PAPER.muted
        words = _signed(row.difference)
        if row.low is not None and row.high is not None:
            axes.plot([row.low, row.high], [place, place], color=colour, linewidth=2.2, solid_capstyle="round")
            words += f"  ({_signed(row.low)} to {_signed(row.high)})"
        face = colour if row.better else PAPER.paper
        axes.plot(row.difference, place, "o", markersize=6.5, color=colour, markerfacecolor=face, markeredgewidth=1.6)
        _beside(axes, place, words, width)
    axes.set_xlabel("difference of UA from the baseline, percentage points")
    return figure


def speaker_figure(rows: Sequence[SpeakerRow], width: float, title: str) -> Figure:
    """Draws the UA of each test speaker as a point, one row a variant; a bar marks the pooled UA.

    Args:
        rows: Variants, first on top.
        width: Width in inches; below 5 the names stand above the points.
        title: Title.

    Returns:
        The figure.
    """
    figure, axes = _rows_figure([row.label for row in rows], width, title)
    for place, row in enumerate(rows):
        axes.axhline(place, color=PAPER.grid, linewidth=0.7, zorder=0)
        axes.plot(row.ua, place + row.offsets, "o", color=PAPER.accent, alpha=0.6, markersize=5, markeredgewidth=0)
        axes.plot([row.pooled] * 2, [place - 0.3, place + 0.3], color=PAPER.second, linewidth=2.4)
        _beside(axes, place, f"{row.ua.min():.0f} to {row.ua.max():.0f}", width)
    axes.set_xlabel("UA of one test speaker (point), pooled UA (bar), percent")
    return figure


def _rows_figure(names: Sequence[str], width: float, title: str) -> tuple[Figure, Axes]:
    """A figure with one horizontal row a name: left of the axes, or above each row where it is narrow."""
    wide = width >= _WIDE
    figure, axes = _figure(width, 0.9 + (0.29 if wide else 0.44) * len(names), title)
    axes.set_ylim(len(names) - 0.4, -0.6 if wide else -0.85)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=PAPER.grid, linewidth=0.7)
    if wide:
        axes.set_yticks(range(len(names)), [_short(name, 56) for name in names], parse_math=False, color=PAPER.ink)
        return figure, axes
    axes.set_yticks([])
    for place, name in enumerate(names):
        _above(axes, place, 0, "left", _short(name, 50))
    return figure, axes


def _beside(axes: Axes, place: int, words: str, width: float) -> None:
    """Writes words at the right end of a row."""
    if width < _WIDE:
        _above(axes, place, 1, "right", words.split("  ")[0])
        return
    axes.annotate(
        words,
        (1, place),
        xytext=(6, 0),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        fontsize=8,
        va="center",
        color=PAPER.ink,
    )


def _above(axes: Axes, place: int, side: int, align: str, words: str) -> None:
    axes.annotate(
        words,
        (side, place),
        xytext=(0, 7),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        fontsize=8,
        ha=align,
        color=PAPER.ink,
        parse_math=False,
    )


def curves_figure(loss: Curve | None, ua: Curve | None, title: str) -> Figure:
    """Draws training loss (left axis) and validation UA (right axis), means with deviation bands.

    Args:
        loss: Training loss, in nats.
        ua: Validation UA, 0..1; drawn in percent.
        title: Title.

    Returns:
        A figure 3.6 inches wide.
    """
    figure, left = _figure(3.6, 2.7, title)
    right = left.twinx()
    for spine in right.spines.values():
        spine.set_visible(False)
    for axes, curve, scale, colour, style, name in (
        (left, loss, 1.0, PAPER.second, "--", "training loss, nats"),
        (right, ua, 100.0, PAPER.accent, "-", "validation UA, percent"),
    ):
        axes.set_ylabel(name, color=colour, fontsize=8)
        axes.tick_params(axis="y", colors=colour, labelsize=7.5, length=0)
        if curve is None:
            continue
        mean, deviation = curve.mean * scale, curve.deviation * scale
        axes.fill_between(curve.epochs, mean - deviation, mean + deviation, color=colour, alpha=0.18, linewidth=0)
        axes.plot(curve.epochs, mean, style, color=colour, linewidth=1.8)
    left.set_xlabel("epoch")
    left.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    left.grid(axis="x", color=PAPER.grid, linewidth=0.7)
    left.spines["left"].set_visible(False)
    return figure


def _figure(
    width: float, height: float, title: str, layout: Literal["constrained"] | None = "constrained"
) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout=layout)
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    heading = _short(title, int(15 * width))
    figure.suptitle(heading, x=0.01, ha="left", fontsize=9, color=PAPER.ink, parse_math=False)
    axes.tick_params(colors=PAPER.muted, labelsize=8, length=0)
    axes.xaxis.label.set(color=PAPER.muted, fontsize=8)
    axes.yaxis.label.set(color=PAPER.muted, fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(PAPER.grid)
    return figure, axes


def _signed(difference: float) -> str:
    return f"{difference:+.1f}".replace("-", "−")


def _short(name: str, longest: int = _LONGEST_NAME) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"
