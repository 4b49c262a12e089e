"""Scores of variants over folds, speakers and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser.metrics import (
    absent_classes,
    class_f1_scores,
    class_precisions,
    class_recalls,
    macro_f1,
    unweighted_accuracy,
    weighted_accuracy,
)
from ser.results import MAX_CAPPED_SHARE
from tracking.analysis.scored_folds import ScoredFold
from tracking.analysis.statistics.proportions import Interval, wilson_interval
from tracking.analysis.statistics.sign_flip import ua_interval
from tracking.analysis.variants.grouping import Variant
from tracking.analysis.variants.predictions import PooledPredictions, pool_predictions
from tracking.analysis.variants.variance import UaVariance, ua_variance


@dataclass(frozen=True)
class MeanAndStd:
    """Mean with the standard deviation (n - 1) beside it; None where there is one value only."""

    mean: float
    std: float | None

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "MeanAndStd":
        """Compute mean and standard deviation of at least one value."""
        return cls(float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None)


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of one variant or baseline.

    Attributes:
        ua: Pooled UA, 0..1: each seed's confusion matrices are summed over folds; mean and
            standard deviation are over seeds.
        wa: Pooled WA, 0..1, likewise.
        ua_folds: UA of a fold (averaged over seeds first), mean and standard deviation over folds. A fold's
            UA averages the classes that its test set has.
        wa_folds: WA of a fold, likewise.
        ua_interval: 95% t interval over speakers of the pooled UA; None with one speaker.
        wa_interval: 95% Wilson interval of the pooled WA.
        recalls: Recall of each class, averaged over seeds, shape `(class,)`; NaN for a class
            without test utterances.
        precisions: Precision of each class over all seeds' decisions, shape `(class,)`; NaN for a class that
            was never decided.
        f1_scores: F1 of each class over all seeds' decisions, shape `(class,)`; NaN for a class without test
            utterances.
        macro_f1: Mean F1 over classes, 0..1; mean and standard deviation are over seeds.
        confusion: Pooled counts averaged over seeds, shape `(class, class)`, rows true.
        speaker_ua: UA of each test speaker over the classes that it has, in the order of
            `PooledPredictions.speaker_names`, averaged over seeds.
        speaker_wa: WA of each test speaker, likewise.
        absent_classes: Names of classes that a fold's test set lacks, by fold name.
        ua_variance: Parts of the variance of a speaker's UA; None with one seed or one speaker.
    """

    ua: MeanAndStd
    wa: MeanAndStd
    ua_folds: MeanAndStd
    wa_folds: MeanAndStd
    ua_interval: Interval | None
    wa_interval: Interval
    recalls: NDArray[np.float64]
    precisions: NDArray[np.float64]
    f1_scores: NDArray[np.float64]
    macro_f1: MeanAndStd
    confusion: NDArray[np.float64]
    speaker_ua: NDArray[np.float64]
    speaker_wa: NDArray[np.float64]
    absent_classes: dict[str, tuple[str, ...]]
    ua_variance: UaVariance | None


@dataclass(frozen=True, eq=False, kw_only=True)
class ScoredVariant(Variant):
    """Variant with its test predictions and scores.

    Attributes:
        predictions: Its test predictions.
        scores: Its scores.
        validation_ua: Mean validation UA over folds and seeds, 0..1; it guides the search and is
            no result.
        capped_share: Share of targets that were shortened, 0..1.
        undecided_share: Share of test utterances that the posterior decided because the best path
            was empty or tied; None for other decisions.
        changed_decision_share: Share of test decisions that change when the attention is taken out of the
            trained networks, 0..1; None without an attention, or where a fold was not measured.
        training_hours: Summed wall-clock hours of its folds.
        classical: False: it is a network, as classical baselines beside it are not.
    """

    predictions: PooledPredictions
    scores: Scores
    validation_ua: float
    capped_share: float
    undecided_share: float | None
    changed_decision_share: float | None
    training_hours: float
    classical: bool = False

    @property
    def capped(self) -> bool:
        """True where too many targets were shortened to test the label strategy."""
        return self.capped_share > MAX_CAPPED_SHARE


def score(predictions: PooledPredictions) -> Scores:
    """Score test predictions."""
    fold_confusions = _confusions_by(predictions.folds, predictions)
    speaker_confusions = _confusions_by(predictions.speaker_index, predictions)
    speaker_ua = _scores_by_seed(speaker_confusions, unweighted=True)
    pooled = predictions.confusions
    wa = MeanAndStd.of(np.array([weighted_accuracy(matrix) for matrix in pooled]))
    return Scores(
        ua=MeanAndStd.of(np.array([unweighted_accuracy(matrix) for matrix in pooled])),
        wa=wa,
        ua_folds=MeanAndStd.of(_scores_by_seed(fold_confusions, unweighted=True).mean(axis=1)),
        wa_folds=MeanAndStd.of(_scores_by_seed(fold_confusions, unweighted=False).mean(axis=1)),
        ua_interval=ua_interval(
            predictions.correct, predictions.actual, predictions.speaker_index, predictions.classes
        ),
        wa_interval=wilson_interval(wa.mean, len(predictions.utterances)),
        recalls=class_recalls(pooled.sum(axis=0)),
        precisions=class_precisions(pooled.sum(axis=0)),
        f1_scores=class_f1_scores(pooled.sum(axis=0)),
        macro_f1=MeanAndStd.of(np.array([macro_f1(matrix) for matrix in pooled])),
        confusion=pooled.mean(axis=0),
        speaker_ua=speaker_ua.mean(axis=1),
        speaker_wa=_scores_by_seed(speaker_confusions, unweighted=False).mean(axis=1),
        absent_classes=_absent_classes(predictions, fold_confusions),
        ua_variance=ua_variance(speaker_ua),
    )


def _confusions_by(groups: NDArray[np.int64], predictions: PooledPredictions) -> NDArray[np.int64]:
    """Count confusion matrices of each non-empty group of utterances, shape `(group, seed, class, class)`."""
    names, indices = np.unique(groups, return_inverse=True)
    k = predictions.classes
    cells = (indices * k + predictions.actual) * k + predictions.predicted
    counts = [np.bincount(row, minlength=len(names) * k * k).reshape(-1, k, k) for row in cells]
    return np.stack(counts, axis=1)


def _scores_by_seed(confusions: NDArray[np.int64], unweighted: bool) -> NDArray[np.float64]:
    """Compute UA or WA of each group and seed, shape `(group, seed)`."""
    correct = np.diagonal(confusions, axis1=2, axis2=3)
    totals = confusions.sum(axis=3)
    if not unweighted:
        return np.asarray(correct.sum(axis=2) / totals.sum(axis=2), dtype=np.float64)
    present = totals > 0
    recall = np.divide(correct, totals, out=np.zeros(correct.shape), where=present)
    return np.asarray(recall.sum(axis=2) / present.sum(axis=2), dtype=np.float64)


def _absent_classes(predictions: PooledPredictions, fold_confusions: NDArray[np.int64]) -> dict[str, tuple[str, ...]]:
    names = {fold.index: fold.name for fold in predictions.scheme}
    absent_by_fold = {}
    for index, matrices in zip(np.unique(predictions.folds), fold_confusions, strict=True):
        absent = absent_classes(matrices[0])
        if absent:
            absent_by_fold[names[int(index)]] = tuple(predictions.corpus.emotions[index] for index in absent)
    return absent_by_fold


def score_variant(variant: Variant) -> ScoredVariant:
    """Pool and score the predictions of a variant.

    Args:
        variant: A variant with at least one fold.

    Raises:
        ComparisonError: Its folds or seeds do not belong together (see `pool_predictions`).
    """
    predictions = pool_predictions(variant)
    folds = variant.scored_folds
    targets = [fold.targets for fold in folds]
    undecided = [
        (fold.undecided_share, len(fold.test.utterances)) for fold in folds if fold.undecided_share is not None
    ]
    shares = [share for share, _ in undecided if share is not None]
    return ScoredVariant(
        **vars(variant),
        predictions=predictions,
        scores=score(predictions),
        validation_ua=float(np.mean([fold.validation_ua for fold in folds])),
        capped_share=sum(report.capped for report in targets) / max(1, sum(report.utterances for report in targets)),
        undecided_share=float(np.average(shares, weights=[n for _, n in undecided])) if shares else None,
        changed_decision_share=_changed_decision_share(folds),
        training_hours=sum(fold.ended_ms - fold.started_ms for fold in folds) / 3_600_000,
    )


def _changed_decision_share(folds: Sequence[ScoredFold]) -> float | None:
    """Pool over folds the share of decisions that change without the attention; None where a fold was not measured."""
    changed = [
        fold.attention_effect.changed_decision_share * len(fold.test.utterances)
        for fold in folds
        if fold.attention_effect is not None
    ]
    if len(changed) < len(folds):
        return None
    return sum(changed) / sum(len(fold.test.utterances) for fold in folds)
