"""Data of the figures, computed apart from drawing them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking.analysis.comparison.baselines import ATTENTION_EFFECT, pair_with_baselines
from tracking.analysis.comparison.comparability import is_comparable
from tracking.analysis.comparison.comparison import Comparison, Verdict
from tracking.analysis.scored_folds import ScoredFold
from tracking.analysis.variants.classical import ScoredClassifier
from tracking.analysis.variants.naming import FIXED, settings_without, target_label
from tracking.analysis.variants.scores import ScoredVariant

POINTS = 100
"""Differences of UA and WA are drawn in percentage points."""


@dataclass(frozen=True)
class ForestRow:
    """Difference of UA with its interval.

    Attributes:
        label: The variant, with its baseline where that is not attention `none`.
        difference: UA of the variant less UA of the baseline, in points.
        low: Lower end of the 95% interval, in points; None with one speaker.
        high: Upper end.
        significant: Whether the variant is better by the joint test.
    """

    label: str
    difference: float
    low: float | None
    high: float | None
    significant: bool


def forest_rows(comparisons: Iterable[Comparison]) -> tuple[ForestRow, ...]:
    """Compute the differences of a forest plot, in the order of the comparisons."""
    rows = []
    for comparison in comparisons:
        test = comparison.ua_speakers
        low, high = (None, None) if test.interval is None else (test.interval.low, test.interval.high)
        rows.append(
            ForestRow(
                comparison.variant
                if comparison.question == ATTENTION_EFFECT
                else f"{comparison.variant} against {comparison.baseline}",
                test.difference * POINTS,
                None if low is None else low * POINTS,
                None if high is None else high * POINTS,
                comparison.verdict is Verdict.BETTER,
            )
        )
    return tuple(rows)


@dataclass(frozen=True, eq=False)
class SpeakerScores:
    """Scores of the test speakers by one metric.

    Attributes:
        values: Scores averaged over seeds, shape `(speaker,)`, percent.
        pooled: The variant's pooled score, percent.
        offsets: Vertical offsets that separate equal points, shape `(speaker,)`, within +-0.3 of a row.
    """

    values: NDArray[np.float64]
    pooled: float
    offsets: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SpeakerRow:
    """UA and WA of each test speaker under one variant.

    Attributes:
        label: The variant.
        speakers: Test speakers.
        ua: Their UA, over the classes of each speaker.
        wa: Their WA.
    """

    label: str
    speakers: tuple[str, ...]
    ua: SpeakerScores
    wa: SpeakerScores


def speaker_rows(scored: Iterable[ScoredClassifier]) -> tuple[SpeakerRow, ...]:
    """Compute the points of the speaker plot, one row per variant."""
    return tuple(
        SpeakerRow(
            variant.label,
            variant.predictions.speaker_names,
            _speaker_scores(variant.scores.speaker_ua, variant.scores.ua.mean),
            _speaker_scores(variant.scores.speaker_wa, variant.scores.wa.mean),
        )
        for variant in scored
    )


def _speaker_scores(shares: NDArray[np.float64], pooled: float) -> SpeakerScores:
    values = shares * POINTS
    return SpeakerScores(values, pooled * POINTS, _jitter(values))


def _jitter(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Offset points of the same whole percent alternately above and below the row."""
    offsets = np.zeros(len(values))
    counts: dict[int, int] = defaultdict(int)
    for index, value in enumerate(values):
        rank = counts[round(float(value))]
        counts[round(float(value))] += 1
        offsets[index] = min(0.3, 0.12 * ((rank + 1) // 2)) * (1 if rank % 2 else -1)
    return offsets


@dataclass(frozen=True, eq=False)
class Curve:
    """Metric over epochs: mean and standard deviation over all folds and seeds that reached the epoch.

    Attributes:
        epochs: Epochs, ascending, shape `(epoch,)`.
        mean: Means, shape `(epoch,)`.
        std: Standard deviations (n - 1), 0 where one fold is left, shape `(epoch,)`.
    """

    epochs: NDArray[np.int64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]


def learning_curve(folds: Sequence[ScoredFold], metric: str) -> Curve | None:
    """Average a metric over folds, epoch by epoch.

    Args:
        folds: Folds of all seeds of a variant.
        metric: One of `CURVE_METRICS`.

    Returns:
        The curve, or None where no fold recorded the metric.
    """
    curves = [fold.curves[metric] for fold in folds if metric in fold.curves]
    if not curves:
        return None
    if len({curve.epochs for curve in curves}) == 1:
        # One row per epoch, so that a mean sums in the order of the folds whatever their number.
        rows = np.stack([curve.values for curve in curves], axis=1)
        deviations = rows.std(axis=1, ddof=1) if len(curves) > 1 else np.zeros(len(rows))
        return Curve(np.array(curves[0].epochs, dtype=np.int64), rows.mean(axis=1), deviations)
    values: dict[int, list[float]] = defaultdict(list)
    for curve in curves:
        for epoch, value in zip(curve.epochs, curve.values.tolist(), strict=True):
            values[epoch].append(value)
    epochs = sorted(values)
    columns = [np.array(values[epoch]) for epoch in epochs]
    return Curve(
        np.array(epochs, dtype=np.int64),
        np.array([column.mean() for column in columns]),
        np.array([column.std(ddof=1) if len(column) > 1 else 0.0 for column in columns]),
    )


def shared_percent_limits(curves: Iterable[Curve | None]) -> tuple[float, float] | None:
    """Compute the limits in percent of an axis that holds all curves with their bands; None without a curve."""
    drawn = [curve for curve in curves if curve is not None]
    if not drawn:
        return None
    low = min(float((curve.mean - curve.std).min()) for curve in drawn)
    high = max(float((curve.mean + curve.std).max()) for curve in drawn)
    return max(0.0, POINTS * low - 2), min(100.0, POINTS * high + 2)


@dataclass(frozen=True, eq=False)
class ScopeSeries:
    """UA of one variant over the scope of its window.

    Attributes:
        name: The variant without its scope.
        attention: Its attention.
        target: Its label strategy, or 'cross_entropy'.
        labels: Labels of its variants, one per scope.
        scopes: Scopes in frames, ascending.
        ua: Pooled UA, 0..1, shape `(scope,)`.
        low: Lower ends of the 95% intervals, NaN where there is none, shape `(scope,)`.
        high: Upper ends.
        none: Label of attention `none` with all other settings equal, tested alike; None where there is none.
        none_ua: Its pooled UA, 0..1.
    """

    name: str
    attention: str
    target: str
    labels: tuple[str, ...]
    scopes: tuple[int, ...]
    ua: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    none: str | None
    none_ua: float | None


def scope_series(variants: Sequence[ScoredVariant]) -> tuple[ScopeSeries, ...]:
    """Compute UA over scopes, one series for all variants that differ in the scope alone, of two scopes or more."""
    groups: dict[tuple[object, ...], list[ScoredVariant]] = defaultdict(list)
    for variant in variants:
        if variant.kind != FIXED or not variant.complete or variant.configuration.scope is None:
            continue
        settings = settings_without(variant.configuration, ("scope",))
        key = variant.recipe, variant.scheme, variant.provenance, frozenset(settings.items())
        groups[key].append(variant)
    # Whatever baseline is requested, a scope belongs beside the attention that has none.
    planned, _ = pair_with_baselines(variants)
    baselines = {pair.variant.label: pair.baseline for pair in planned if is_comparable(pair.variant, pair.baseline)}
    return tuple(_make_series(members, baselines) for members in groups.values() if len(members) > 1)


def _make_series(members: Sequence[ScoredVariant], baselines: Mapping[str, ScoredClassifier]) -> ScopeSeries:
    ordered = sorted(members, key=lambda variant: variant.configuration.scope or 0)
    first = ordered[0]
    intervals = [variant.scores.ua_interval for variant in ordered]
    none = baselines.get(first.label)
    return ScopeSeries(
        first.label.replace(f" · scope {first.configuration.scope}", "", 1),
        first.configuration.attention,
        target_label(first.configuration),
        tuple(variant.label for variant in ordered),
        tuple(variant.configuration.scope or 0 for variant in ordered),
        np.array([variant.scores.ua.mean for variant in ordered]),
        np.array([np.nan if interval is None else interval.low for interval in intervals]),
        np.array([np.nan if interval is None else interval.high for interval in intervals]),
        None if none is None else none.label,
        None if none is None else none.scores.ua.mean,
    )
