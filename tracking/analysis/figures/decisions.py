"""Figures of single decisions: their reliability, and a map of the utterances."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tracking.analysis.figures.data import POINTS
from tracking.analysis.figures.drawing.palette import PALETTE, truncate
from tracking.analysis.figures.drawing.style import MIN_WIDE_INCHES, Margins, annotate, make_figure
from tracking.analysis.statistics.calibration import Calibration

_PANEL_WIDTH = 3.6
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#7f7f7f")
"""Okabe and Ito's colours, the yellow darkened so that it is seen on white, too; and grey."""
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def reliability_figure(calibration: Calibration, title: str) -> Figure:
    """Draw how often decisions are right over their confidence; on the diagonal, confidence is what it claims.

    Args:
        calibration: Bins of decisions; the area of a point grows with its decisions.
        title: Title.

    Returns:
        A figure 3.6 inches wide.
    """
    figure, (axes,) = make_figure(_PANEL_WIDTH, 3.0, title, Margins(left=0.5, right=0.15))
    axes.plot([0, 100], [0, 100], color=PALETTE.muted, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    sizes = 12 + 150 * calibration.counts / calibration.counts.max()
    confidences, accuracies = POINTS * calibration.confidences, POINTS * calibration.accuracies
    axes.plot(confidences, accuracies, color=PALETTE.accent, linewidth=1.2, zorder=2)
    axes.scatter(confidences, accuracies, s=sizes, color=PALETTE.accent, alpha=0.75, linewidths=0, zorder=3)
    annotate(axes, (3, 92), (0, 0), f"ECE {POINTS * calibration.expected_error:.1f} points", color=PALETTE.ink)
    axes.set(xlim=(0, 102), ylim=(0, 102))
    axes.set_xlabel("confidence of the decision, percent")
    axes.set_ylabel("decisions that are right, percent")
    axes.grid(color=PALETTE.grid, linewidth=0.7)
    return figure


def map_figure(
    points: NDArray[np.float64],
    emotions: Sequence[str],
    speakers: Sequence[str],
    explained: tuple[float, float],
    width: float,
) -> Figure:
    """Draw utterances in a plane, coloured by emotion, and again by speaker.

    Args:
        points: Coordinates, shape `(utterance, 2)`.
        emotions: Emotion of each utterance.
        speakers: Speaker of each utterance.
        explained: Share of the variance along each axis, 0..1.
        width: Width in inches; below 5 the second panel stands below.

    Returns:
        The figure; speakers and emotions differ in colour and marker.
    """
    wide = width >= MIN_WIDE_INCHES
    margins = Margins(left=0.3, top=0.35, wspace=0.35, hspace=0.75)
    rows = 1 if wide else 2
    figure, panels = make_figure(width, 0.9 + 3.1 * rows, "", margins, (1, 2) if wide else (2, 1))
    for axes, names, title in ((panels[0], emotions, "by emotion"), (panels[1], speakers, "by speaker")):
        _scatter(axes, points, names)
        axes.set_title(title, fontsize=8.5, color=PALETTE.ink, loc="left")
        axes.set(xticks=[], yticks=[])
        axes.set_xlabel(f"first component, {POINTS * explained[0]:.0f}% of the variance")
        axes.set_ylabel(f"second, {POINTS * explained[1]:.0f}%")
    return figure


def _scatter(axes: Axes, points: NDArray[np.float64], names: Sequence[str]) -> None:
    groups = sorted(set(names))
    for index, group in enumerate(groups):
        members = points[[name == group for name in names]]
        colour = _COLOURS[index % len(_COLOURS)]
        marker = _MARKERS[(index + index // len(_COLOURS)) % len(_MARKERS)]
        axes.plot(*members.T, marker, color=colour, alpha=0.7, markersize=4.5, mew=0, label=truncate(group, 16))
    if len(groups) <= 2 * len(_COLOURS):
        legend = axes.legend(
            fontsize=7, frameon=False, ncols=2, loc="best", handletextpad=0.1, columnspacing=0.6, borderpad=0.1
        )
        for text in legend.get_texts():
            text.set(color=PALETTE.ink, parse_math=False)
