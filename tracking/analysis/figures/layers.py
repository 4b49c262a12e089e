"""UA over the layer of a pretrained encoder: its data, for networks and logistic regression, and its figure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ser.feature_settings import PretrainedSettings
from ser.results import FRAME_STATISTICS
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.figures.data import POINTS
from tracking.analysis.figures.drawing.palette import PALETTE, truncate
from tracking.analysis.figures.drawing.style import make_panels
from tracking.analysis.figures.search import MAX_LINES, Line, draw_lines
from tracking.analysis.statistics.proportions import Interval
from tracking.analysis.variants.naming import FIXED, front_end_suffix, settings_without
from tracking.analysis.variants.scores import Scores

_DODGE = 0.06
"""Horizontal offset between lines, in layers."""


@dataclass(frozen=True, eq=False)
class LayerSeries:
    """UA of one classifier over the layers of an encoder.

    Attributes:
        name: The classifier without its front end.
        encoder: The encoder.
        layers: Layers, ascending; 0 is the input of the first.
        ua: Pooled UA, 0..1, shape `(layer,)`.
        low: Lower ends of the 95% intervals over speakers, NaN where there is none, shape `(layer,)`.
        high: Upper ends.
    """

    name: str
    encoder: str
    layers: tuple[int, ...]
    ua: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def layer_series(analysis: Analysis) -> tuple[LayerSeries, ...]:
    """Compute UA over layers, one series for all rows that differ in the layer alone, of two layers or more.

    Returns:
        Logistic regression first, then networks, by encoder in the order of the report.
    """
    groups: dict[tuple[object, ...], list[tuple[str, PretrainedSettings, Scores]]] = defaultdict(list)
    for baseline in analysis.baselines:
        features = baseline.result.features
        if isinstance(features, PretrainedSettings) and baseline.result.functionals == FRAME_STATISTICS:
            of_baseline = baseline.result.name, baseline.result.normalisation, features.source
            groups[of_baseline].append((_without(features, baseline.label), features, baseline.scores))
    for variant in analysis.complete:
        features = variant.configuration.features
        if variant.kind == FIXED and isinstance(features, PretrainedSettings):
            settings = frozenset(settings_without(variant.configuration, ("features",)).items())
            of_variant = variant.recipe, variant.scheme, variant.provenance, settings, features.source
            groups[of_variant].append((_without(features, variant.label), features, variant.scores))
    return tuple(_series(members) for members in groups.values() if len(members) > 1)


def _without(features: PretrainedSettings, label: str) -> str:
    """Return a label without its front end."""
    return label.replace(front_end_suffix(features), "", 1)


def _series(members: Sequence[tuple[str, PretrainedSettings, Scores]]) -> LayerSeries:
    ordered = sorted(members, key=lambda member: member[1].layer)
    name, features, _ = ordered[0]
    intervals = [scores.ua_interval or Interval(np.nan, np.nan) for _, _, scores in ordered]
    return LayerSeries(
        name,
        features.source_label,
        tuple(features.layer for _, features, _ in ordered),
        np.array([scores.ua.mean for _, _, scores in ordered]),
        np.array([interval.low for interval in intervals]),
        np.array([interval.high for interval in intervals]),
    )


def layer_figure(series: Sequence[LayerSeries], width: float, title: str) -> Figure:
    """Draw UA over the layer with 95% intervals, one panel per encoder.

    Args:
        series: UA over layers; a panel has the first `MAX_LINES` of its encoder.
        width: Width in inches; below 5 the panels stand below each other.
        title: Title.
    """
    encoders = list(dict.fromkeys(line.encoder for line in series))
    figure, panels = make_panels(len(encoders), 2, 3.0, width, title)
    for axes, encoder in zip(panels, encoders, strict=True):
        of_encoder = [line for line in series if line.encoder == encoder]
        lines = [Line(truncate(line.name, 44), line.layers, line.ua, line.low, line.high) for line in of_encoder]
        draw_lines(axes, lines[:MAX_LINES], _DODGE)
        # Room for the legend.
        low, high = axes.get_ylim()
        top = high + 0.09 * (high - low) * (1 + len(lines[:MAX_LINES]))
        axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= POINTS])
        axes.set_ylim(low, top)
        axes.set_title(truncate(encoder, 30), fontsize=8.5, color=PALETTE.ink, loc="left", parse_math=False)
        axes.set_xlabel("layer of the encoder")
    return figure
