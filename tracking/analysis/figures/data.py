"""What the pictures show, computed apart from drawing them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking.analysis.comparison.baselines import ATTENTION_EFFECT
from tracking.analysis.comparison.comparison import Comparison, Verdict
from tracking.analysis.scored_folds import ScoredFold
from tracking.analysis.variants.naming import FIXED, settings_without, target_label
from tracking.analysis.variants.scores import ScoredVariant

POINTS = 100
"""Differences of UA and WA are drawn in percentage points."""


@dataclass(frozen=True)
class ForestRow:
    """One difference with its interval.

    Attributes:
        label: The variant, and its baseline where that is not attention `none`.
        difference: UA of the variant less UA of the baseline, in points.
        low: Lower end of the 95% interval, in points; None with one speaker.
        high: Upper end.
        better: Whether it is shown to be better after Holm's adjustment.
    """

    label: str
    difference: float
    low: float | None
    high: float | None
    significant: bool


def forest_rows(comparisons: Iterable[Comparison]) -> tuple[ForestRow, ...]:
    """The differences of a forest plot, in the given order."""
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
    """One score of each test speaker.

    Attributes:
        values: Scores averaged over seeds, shape `(speaker,)`, percent.
        pooled: The variant's pooled score, percent.
        offsets: Vertical places that keep like points apart, shape `(speaker,)`, within +-0.3 of a row.
    """

    values: NDArray[np.float64]
    pooled: float
    offsets: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SpeakerRow:
    """Scores of each test speaker under one variant.

    Attributes:
        label: The variant.
        speakers: Test speakers.
        ua: Their UA, over the classes that each has.
        wa: Their WA.
    """

    label: str
    speakers: tuple[str, ...]
    ua: SpeakerScores
    wa: SpeakerScores


def speaker_rows(scored: Iterable[ScoredVariant]) -> tuple[SpeakerRow, ...]:
    """The points of the speaker plot, one row a variant."""
    return tuple(
        SpeakerRow(
            entry.label,
            entry.predictions.speaker_names,
            _speaker_scores(entry.scores.speaker_ua, entry.scores.ua.mean),
            _speaker_scores(entry.scores.speaker_wa, entry.scores.wa.mean),
        )
        for entry in scored
    )


def _speaker_scores(shares: NDArray[np.float64], pooled: float) -> SpeakerScores:
    values = shares * POINTS
    return SpeakerScores(values, pooled * POINTS, _jitter(values))


def _jitter(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Alternates points that fall on the same whole percent above and below the row."""
    offsets = np.zeros(len(values))
    met: dict[int, int] = defaultdict(int)
    for place, value in enumerate(values):
        rank = met[round(float(value))]
        met[round(float(value))] += 1
        offsets[place] = min(0.3, 0.12 * ((rank + 1) // 2)) * (1 if rank % 2 else -1)
    return offsets


@dataclass(frozen=True, eq=False)
class Curve:
    """A metric over epochs, mean and deviation over all folds and seeds that reached the epoch.

    Attributes:
        epochs: Epochs, ascending, shape `(epoch,)`.
        mean: Means, shape `(epoch,)`.
        deviation: Standard deviations (n - 1), 0 where one fold is left, shape `(epoch,)`.
    """

    epochs: NDArray[np.int64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]


def learning_curve(folds: Sequence[ScoredFold], metric: str) -> Curve | None:
    """The curve of a metric over folds.

    Args:
        folds: Folds of all seeds of a variant.
        metric: One of `CURVES`.

    Returns:
        The curve, or None where no fold recorded the metric.
    """
    courses = [fold.curves[metric] for fold in folds if metric in fold.curves]
    if not courses:
        return None
    if len({course.epochs for course in courses}) == 1:
        # One row an epoch, so that a mean adds up in the order of the folds whatever their number.
        rows = np.stack([course.values for course in courses], axis=1)
        deviations = rows.std(axis=1, ddof=1) if len(courses) > 1 else np.zeros(len(rows))
        return Curve(np.array(courses[0].epochs, dtype=np.int64), rows.mean(axis=1), deviations)
    values: dict[int, list[float]] = defaultdict(list)
    for course in courses:
        for epoch, value in zip(course.epochs, course.values.tolist(), strict=True):
            values[epoch].append(value)
    epochs = sorted(values)
    columns = [np.array(values[epoch]) for epoch in epochs]
    return Curve(
        np.array(epochs, dtype=np.int64),
        np.array([column.mean() for column in columns]),
        np.array([column.std(ddof=1) if len(column) > 1 else 0.0 for column in columns]),
    )


def shared_percent_limits(curves: Iterable[Curve | None]) -> tuple[float, float] | None:
    """Ends of an axis in percent that holds all curves of shares with their bands; None without a curve."""
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
        name: The variant less its scope.
        attention: Its attention.
        target: Its label strategy, or 'cross_entropy'.
        labels: Labels of its variants, one a scope.
        scopes: Scopes in frames, ascending.
        ua: Pooled UA, 0..1, shape `(scope,)`.
        low: Lower ends of the 95% intervals, NaN where there is none, shape `(scope,)`.
        high: Upper ends.
        baseline: Pooled UA of the variant that it is compared with, 0..1, or None.
    """

    name: str
    attention: str
    target: str
    labels: tuple[str, ...]
    scopes: tuple[int, ...]
    ua: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    baseline: float | None


def scope_lines(scored: Iterable[ScoredVariant], comparisons: Iterable[Comparison]) -> tuple[ScopeSeries, ...]:
    """UA over scopes, one line for all variants that differ in nothing else, where there are two scopes or more."""
    groups: dict[tuple[object, ...], list[ScoredVariant]] = defaultdict(list)
    entries = list(scored)
    for entry in entries:
        if entry.kind == FIXED and entry.configuration.scope is not None and entry.complete:
            settings = settings_without(entry.configuration, ("scope",))
            key = entry.recipe, entry.scheme, entry.provenance, frozenset(settings.items())
            groups[key].append(entry)
    uas = {entry.label: entry.scores.ua.mean for entry in entries}
    baselines = {made.variant: uas[made.baseline] for made in comparisons}
    return tuple(_scope_line(members, baselines) for members in groups.values() if len(members) > 1)


def _scope_line(members: Sequence[ScoredVariant], baselines: Mapping[str, float]) -> ScopeSeries:
    ordered = sorted(members, key=lambda entry: entry.configuration.scope or 0)
    first = ordered[0]
    intervals = [entry.scores.ua_interval for entry in ordered]
    return ScopeSeries(
        first.label.replace(f" · scope {first.configuration.scope}", "", 1),
        first.configuration.attention,
        target_label(first.configuration),
        tuple(entry.label for entry in ordered),
        tuple(entry.configuration.scope or 0 for entry in ordered),
        np.array([entry.scores.ua.mean for entry in ordered]),
        np.array([np.nan if interval is None else interval.low for interval in intervals]),
        np.array([np.nan if interval is None else interval.high for interval in intervals]),
        baselines.get(first.label),
    )
