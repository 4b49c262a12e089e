"""Figures of one variant: its confusion matrix, what differs from another one, and its learning curves."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ser.metrics import row_shares
from tracking.analysis.figures.data import Curve
from tracking.analysis.figures.drawing.palette import PALETTE, truncate
from tracking.analysis.figures.drawing.style import Margins, annotate, make_figure

# Ink stays readable on the darkest cell, on light and on dark pages.
_SHADE = 0.55
_PANEL_WIDTH = 3.6
_LEAST_SHOWN = 0.005
"""Differences of shares that round to less than a point are not shown."""


def confusion_figure(confusion: NDArray[np.int64] | NDArray[np.float64], emotions: Sequence[str], title: str) -> Figure:
    """Draw a confusion matrix: cells shaded by their row's share, share and count in them.

    Args:
        confusion: Counts (or their mean over seeds), shape `(class, class)`, rows true.
        emotions: Names of the classes.
        title: Title.

    Returns:
        A figure 3.6 inches wide; cells without utterances stay empty.
    """
    k, shares = len(emotions), row_shares(confusion)
    cells = {}
    for row, column in np.argwhere(confusion > 0).tolist():
        share = f"{100 * shares[row, column]:.0f}"
        text = f"{share}%\n{confusion[row, column]:.0f}" if k <= 8 else share
        cells[row, column] = text, to_rgba(PALETTE.accent, _SHADE * float(shares[row, column]))
    return _matrix_figure(cells, emotions, title)


def confusion_difference_figure(
    confusion: NDArray[np.float64], baseline: NDArray[np.float64], emotions: Sequence[str], title: str
) -> Figure:
    """Draw the shares of one confusion matrix less those of another one, in points.

    Args:
        confusion: Counts (or their mean over seeds), shape `(class, class)`, rows true.
        baseline: Counts of the other one, same shape.
        emotions: Names of the classes.
        title: Title.

    Returns:
        A figure 3.6 inches wide, blue where there are more decisions and orange where there are fewer; cells in
        which nothing differs stay empty.
    """
    differences = row_shares(confusion) - row_shares(baseline)
    largest = max(float(np.abs(differences).max()), 1e-9)
    cells = {}
    for row, column in np.argwhere(np.abs(differences) >= _LEAST_SHOWN).tolist():
        difference = float(differences[row, column])
        colour = PALETTE.accent if difference > 0 else PALETTE.second
        text = f"{100 * difference:+.0f}".replace("-", "−")
        cells[row, column] = text, to_rgba(colour, _SHADE * abs(difference) / largest)
    return _matrix_figure(cells, emotions, title)


def _matrix_figure(
    cells: Mapping[tuple[int, int], tuple[str, tuple[float, float, float, float]]], emotions: Sequence[str], title: str
) -> Figure:
    """Draw a matrix of classes with a text and a colour in each of some cells."""
    k = len(emotions)
    figure, (axes,) = make_figure(_PANEL_WIDTH, 3.64, title, Margins(left=0.9, right=0.05, top=0.26, bottom=0.73))
    text_pt = 8.0 if k <= 5 else 6.5 if k <= 8 else 5.0
    patches = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in cells]
    axes.add_collection(PatchCollection(patches, facecolors=[colour for _, colour in cells.values()], linewidths=0))
    for (row, column), (text, _) in cells.items():
        axes.text(column, row, text, ha="center", va="center", fontsize=text_pt, color=PALETTE.ink)
    names = [truncate(emotion, 12) for emotion in emotions]
    axes.set(xlim=(-0.5, k - 0.5), ylim=(k - 0.5, -0.5), aspect="equal", xticks=[], yticks=[])
    for index, name in enumerate(names):
        annotate(axes, (-0.5, index), (-4, 0), name, fontsize=7.5, color=PALETTE.muted, ha="right", va="center")
        rotated = {"rotation": 35, "rotation_mode": "anchor", "ha": "right", "va": "top"}
        annotate(axes, (index, k - 0.5), (0, -4), name, fontsize=7.5, color=PALETTE.muted, **rotated)
    axes.set_xlabel("predicted", labelpad=34)
    axes.set_ylabel("true", labelpad=48)
    for side in ("left", "bottom", "top", "right"):
        axes.spines[side].set(visible=True, color=PALETTE.grid)
    return figure


def curves_figure(
    losses: tuple[Curve | None, Curve | None],
    ua: Curve | None,
    title: str,
    ua_percent: tuple[float, float] | None = None,
) -> Figure:
    """Draw training and validation loss (left axis) and validation UA (right axis), means with deviation bands.

    Args:
        losses: Loss in training (dashed) and in validation (dotted), in nats.
        ua: Validation UA, 0..1; drawn in percent.
        title: Title.
        ua_percent: Limits of the right axis, so that neighbouring figures are comparable; None for those of the data.

    Returns:
        A figure 3.6 inches wide.
    """
    figure, (left,) = make_figure(_PANEL_WIDTH, 2.7, title, Margins(left=0.5, right=0.5))
    right = left.twinx()
    for spine in right.spines.values():
        spine.set_visible(False)
    for axes, curve, scale, colour, style, name in (
        (left, losses[1], 1.0, PALETTE.muted, ":", "loss, nats"),
        (left, losses[0], 1.0, PALETTE.second, "--", "loss, nats"),
        (right, ua, 100.0, PALETTE.accent, "-", "validation UA, percent"),
    ):
        axes.set_ylabel(name, color=colour, fontsize=8)
        axes.tick_params(axis="y", colors=colour, labelsize=7.5, length=0)
        # To draw a tick takes a millisecond.
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
        if curve is None:
            continue
        mean, deviation = curve.mean * scale, curve.std * scale
        axes.fill_between(curve.epochs, mean - deviation, mean + deviation, color=colour, alpha=0.18, linewidth=0)
        axes.plot(curve.epochs, mean, style, color=colour, linewidth=1.8)
    if ua_percent is not None:
        right.set_ylim(*ua_percent)
    left.set_xlabel("epoch")
    left.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    left.grid(axis="x", color=PALETTE.grid, linewidth=0.7)
    left.spines["left"].set_visible(False)
    return figure
