"""Scores of variants over folds, speakers and seeds, as records and as tidy tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ser.metrics import absent_classes, class_recalls, unweighted_accuracy, weighted_accuracy
from ser.results import MAX_CAPPED_SHARE
from tracking.analysis.scored_folds import ScoredFold
from tracking.analysis.statistics.proportions import Interval, wilson_interval
from tracking.analysis.statistics.sign_flip import ua_interval
from tracking.analysis.variants.grouping import Variant
from tracking.analysis.variants.predictions import PooledPredictions, pool_predictions


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
        confusion: Pooled counts averaged over seeds, shape `(class, class)`, rows true.
        speaker_ua: UA of each test speaker over the classes that it has, in the order of
            `PooledPredictions.speaker_names`, averaged over seeds.
        speaker_wa: WA of each test speaker, likewise.
        absent_classes: Names of classes that a fold's test set lacks, by fold name.
    """

    ua: MeanAndStd
    wa: MeanAndStd
    ua_folds: MeanAndStd
    wa_folds: MeanAndStd
    ua_interval: Interval | None
    wa_interval: Interval
    recalls: NDArray[np.float64]
    confusion: NDArray[np.float64]
    speaker_ua: NDArray[np.float64]
    speaker_wa: NDArray[np.float64]
    absent_classes: dict[str, tuple[str, ...]]


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
        training_hours: Summed wall-clock hours of its folds.
    """

    predictions: PooledPredictions
    scores: Scores
    validation_ua: float
    capped_share: float
    undecided_share: float | None
    training_hours: float

    @property
    def capped(self) -> bool:
        """True where too many targets were shortened to test the label strategy."""
        return self.capped_share > MAX_CAPPED_SHARE


def score(predictions: PooledPredictions) -> Scores:
    """Score test predictions.

    Args:
        predictions: Pooled predictions of a variant or a baseline.

    Returns:
        The scores.
    """
    fold_confusions = _confusions_by(predictions.folds, predictions)
    speaker_confusions = _confusions_by(predictions.speaker_index, predictions)
    pooled = predictions.confusions
    wa = MeanAndStd.of(np.array([weighted_accuracy(matrix) for matrix in pooled]))
    return Scores(
        ua=MeanAndStd.of(np.array([unweighted_accuracy(matrix) for matrix in pooled])),
        wa=wa,
        ua_folds=MeanAndStd.of(_mean_score(fold_confusions, unweighted=True)),
        wa_folds=MeanAndStd.of(_mean_score(fold_confusions, unweighted=False)),
        ua_interval=ua_interval(
            predictions.correct, predictions.actual, predictions.speaker_index, predictions.classes
        ),
        wa_interval=wilson_interval(wa.mean, len(predictions.utterances)),
        recalls=class_recalls(pooled.sum(axis=0)),
        confusion=pooled.mean(axis=0),
        speaker_ua=_mean_score(speaker_confusions, unweighted=True),
        speaker_wa=_mean_score(speaker_confusions, unweighted=False),
        absent_classes=_absent_classes(predictions, fold_confusions),
    )


def _confusions_by(groups: NDArray[np.int64], predictions: PooledPredictions) -> NDArray[np.int64]:
    """Count confusion matrices of each non-empty group of utterances, shape `(group, seed, class, class)`."""
    names, indices = np.unique(groups, return_inverse=True)
    k = predictions.classes
    cells = (indices * k + predictions.actual) * k + predictions.predicted
    counts = [np.bincount(row, minlength=len(names) * k * k).reshape(-1, k, k) for row in cells]
    return np.stack(counts, axis=1)


def _mean_score(confusions: NDArray[np.int64], unweighted: bool) -> NDArray[np.float64]:
    """Compute UA or WA of each group, averaged over seeds, shape `(group,)`."""
    correct = np.diagonal(confusions, axis1=2, axis2=3)
    totals = confusions.sum(axis=3)
    if not unweighted:
        return np.asarray(np.mean(correct.sum(axis=2) / totals.sum(axis=2), axis=1), dtype=np.float64)
    present = totals > 0
    recall = np.divide(correct, totals, out=np.zeros(correct.shape), where=present)
    return np.asarray(np.mean(recall.sum(axis=2) / present.sum(axis=2), axis=1), dtype=np.float64)


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

    Returns:
        The scored variant.

    Raises:
        ComparisonError: Its folds or seeds do not belong together (see `pool_predictions`).
    """
    predictions = pool_predictions(variant)
    folds = [fold for seed in variant.scored_seeds for fold in variant.folds[seed]]
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
        training_hours=sum(fold.ended_ms - fold.started_ms for fold in folds) / 3_600_000,
    )


def fold_table(variants: Sequence[Variant]) -> pd.DataFrame:
    """Tabulate scores, one row per variant, seed and fold.

    Args:
        variants: Variants of either kind, complete or not.

    Returns:
        Columns: variant, kind, recipe, seed, fold, name, test_speakers, chosen (the chosen
        candidate, for 'selected per fold'), utterances, ua, wa, missing_classes, validation_ua,
        validation_loss, undecided_share, targets, capped, raised, selected_epoch, duration_s. UA,
        WA and shares are 0..1.
    """
    rows = [
        _fold_row(variant, seed, fold) for variant in variants for seed in variant.seeds for fold in variant.folds[seed]
    ]
    return pd.DataFrame(rows)


def _fold_row(variant: Variant, seed: int, fold: ScoredFold) -> dict[str, object]:
    absent = [fold.corpus.emotions[index] for index in absent_classes(fold.confusion)]
    chosen = "" if variant.chosen is None else variant.chosen[seed, fold.fold.index]
    return {
        "variant": variant.label,
        "kind": variant.kind,
        "recipe": variant.recipe,
        "seed": seed,
        "fold": fold.fold.index,
        "name": fold.fold.name,
        "test_speakers": " ".join(fold.fold.test_speakers),
        "chosen": chosen,
        "utterances": len(fold.test.utterances),
        "ua": fold.ua,
        "wa": fold.wa,
        "missing_classes": " ".join(absent),
        "validation_ua": fold.validation_ua,
        "validation_loss": fold.validation_loss,
        "undecided_share": fold.undecided_share,
        "targets": fold.targets.utterances,
        "capped": fold.targets.capped,
        "raised": fold.targets.raised,
        "selected_epoch": fold.selected_epoch,
        "duration_s": fold.seconds,
    }


def variant_table(variants: Sequence[ScoredVariant]) -> pd.DataFrame:
    """Tabulate scores, one row per variant.

    Args:
        variants: Scored variants.

    Returns:
        Columns: variant, kind, recipe, attention, scope, labels, criterion, seeds, folds, complete,
        incomplete, utterances, speakers, ua, ua_low, ua_high, ua_seed_deviation, wa, wa_low,
        wa_high, wa_seed_deviation, ua_fold_mean, ua_fold_deviation, wa_fold_mean,
        wa_fold_deviation, validation_ua, capped_share, comparable_as_strategy, undecided_share,
        missing_classes, training_hours. UA, WA and shares are 0..1.
    """
    return pd.DataFrame([_variant_row(variant) for variant in variants])


def _variant_row(variant: ScoredVariant) -> dict[str, object]:
    variant, scores = variant, variant.scores
    first = variant.configuration
    interval = scores.ua_interval
    return {
        "variant": variant.label,
        "kind": variant.kind,
        "recipe": variant.recipe,
        "attention": first.attention,
        "scope": first.scope if len(variant.configurations) == 1 else None,
        "labels": first.labels,
        "criterion": first.criterion,
        "seeds": " ".join(map(str, variant.seeds)),
        "folds": len(np.unique(variant.predictions.folds)),
        "complete": variant.complete,
        "incomplete": variant.incomplete,
        "utterances": len(variant.predictions.utterances),
        "speakers": len(variant.predictions.speaker_names),
        "ua": scores.ua.mean,
        "ua_low": None if interval is None else interval.low,
        "ua_high": None if interval is None else interval.high,
        "ua_seed_deviation": scores.ua.std,
        "wa": scores.wa.mean,
        "wa_low": scores.wa_interval.low,
        "wa_high": scores.wa_interval.high,
        "wa_seed_deviation": scores.wa.std,
        "ua_fold_mean": scores.ua_folds.mean,
        "ua_fold_deviation": scores.ua_folds.std,
        "wa_fold_mean": scores.wa_folds.mean,
        "wa_fold_deviation": scores.wa_folds.std,
        "validation_ua": variant.validation_ua,
        "capped_share": variant.capped_share,
        "comparable_as_strategy": not variant.capped,
        "undecided_share": variant.undecided_share,
        "missing_classes": "; ".join(f"{fold}: {' '.join(names)}" for fold, names in scores.absent_classes.items()),
        "training_hours": variant.training_hours,
    }
