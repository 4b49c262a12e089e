"""Classical baselines as rows beside the networks: the properties that both have, scores and names."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import fmean
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ser.metrics import evaluation_confusion, unweighted_accuracy, weighted_accuracy
from ser.results import FRAME_STATISTICS, BaselineResult, Evaluation, Fold
from tracking.analysis.results_table import ScoredTrial
from tracking.analysis.scored_folds import Provenance
from tracking.analysis.variants.naming import front_end_suffix
from tracking.analysis.variants.predictions import PooledPredictions, pool_baseline_predictions
from tracking.analysis.variants.scores import ScoredVariant, Scores, score

CLASSICAL = "classical baseline"
"""Kind of a row that is no network, beside the kinds of variants."""


class ScoredClassifier(Protocol):
    """Row of a table, picture or test, whichever kind: a network (`ScoredVariant`) or a baseline (`ScoredBaseline`)."""

    @property
    def label(self) -> str:
        """Readable name, unique in a report."""

    @property
    def kind(self) -> str:
        """'fixed' or 'selected per fold' for networks, `CLASSICAL` for a baseline."""

    @property
    def classical(self) -> bool:
        """True for a classical baseline, which has no configuration, epochs or seeds."""

    @property
    def scheme(self) -> tuple[Fold, ...]:
        """All folds that it should have."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that it was trained with; none for a baseline, which depends on none."""

    @property
    def trials(self) -> tuple[ScoredTrial, ...]:
        """Trials that its predictions come from; none for a baseline."""

    @property
    def complete(self) -> bool:
        """True where every fold exists."""

    @property
    def incomplete(self) -> str:
        """Missing folds, in words; empty where it is complete."""

    @property
    def provenance(self) -> Provenance | None:
        """Versions and device type that its predictions depend on; None for a baseline."""

    @property
    def predictions(self) -> PooledPredictions:
        """Test predictions; a baseline's are given once, under seed 0."""

    @property
    def scores(self) -> Scores:
        """Scores of these predictions."""


@dataclass(frozen=True, eq=False)
class BaselineFold:
    """Scores of one fold of a baseline.

    Attributes:
        fold: Its speakers.
        utterances: Number of test utterances.
        confusion: Counts of the test decisions, shape `(class, class)`, rows true.
        ua: Test UA over the classes that the fold's test set has, 0..1.
        wa: Test WA, 0..1.
        validation_ua: UA of the validation speakers, 0..1; None where nothing was chosen by validation.
    """

    fold: Fold
    utterances: int
    confusion: NDArray[np.int64]
    ua: float
    wa: float
    validation_ua: float | None

    @classmethod
    def of(cls, fold: Fold, test: Evaluation, validation: Evaluation | None, classes: int) -> "BaselineFold":
        """Score the decisions of a fold."""
        confusion = evaluation_confusion(test, classes)
        validation_ua = None if validation is None else unweighted_accuracy(evaluation_confusion(validation, classes))
        ua, wa = unweighted_accuracy(confusion), weighted_accuracy(confusion)
        return cls(fold, len(test.utterances), confusion, ua, wa, validation_ua)


@dataclass(frozen=True, eq=False)
class ScoredBaseline:
    """Classical baseline with its scores, such as logistic regression: a `ScoredClassifier`.

    It is stored with all of its folds, depends on no seed, and is compared with networks of any version and device.
    """

    result: BaselineResult
    label: str
    predictions: PooledPredictions
    scores: Scores
    kind: str = CLASSICAL
    classical: bool = True
    seeds: tuple[int, ...] = ()
    trials: tuple[ScoredTrial, ...] = ()
    complete: bool = True
    incomplete: str = ""
    provenance: Provenance | None = None

    @property
    def scheme(self) -> tuple[Fold, ...]:
        """All folds."""
        return self.result.folds

    @property
    def on_frames(self) -> bool:
        """True where it hears means and deviations of a front end's frames, as the networks hear these frames."""
        return self.result.functionals == FRAME_STATISTICS

    @property
    def folds(self) -> tuple[BaselineFold, ...]:
        """Scores of each fold."""
        result, classes = self.result, self.predictions.classes
        validations = result.validations or (None,) * len(result.folds)
        return tuple(
            BaselineFold.of(*parts, classes) for parts in zip(result.folds, result.tests, validations, strict=True)
        )

    @property
    def validation_ua(self) -> float | None:
        """Mean validation UA over folds, 0..1; None where nothing was chosen by validation."""
        uas = [fold.validation_ua for fold in self.folds if fold.validation_ua is not None]
        return fmean(uas) if uas else None


Classifier = ScoredVariant | ScoredBaseline
"""Either kind of row, for code that tells them apart."""


def score_baselines(results: Sequence[BaselineResult]) -> tuple[ScoredBaseline, ...]:
    """Score classical baselines, and name each one.

    A name says the classifier and what it hears: nothing more of log-mels, else the front end, or the set of
    functionals. Those that differ in nothing else are told apart by their normalisation.

    Returns:
        The baselines in the order of their names.
    """
    names = [_name(result) for result in results]
    namesakes = Counter(names)
    scored = []
    for name, result in zip(names, results, strict=True):
        label = name if namesakes[name] == 1 else f"{name} · {result.normalisation}"
        predictions = pool_baseline_predictions(result)
        scored.append(ScoredBaseline(result, label, predictions, score(predictions)))
    return tuple(sorted(scored, key=lambda baseline: baseline.label))


def _name(result: BaselineResult) -> str:
    """Name a baseline, such as 'logistic regression · whisper-tiny.en@2' or 'linear SVM · eGeMAPSv02'."""
    if result.functionals == FRAME_STATISTICS:
        return f"{result.name}{front_end_suffix(result.features)}"
    return f"{result.name} · {result.functionals}"


def predictions_with_seeds(classifier: ScoredClassifier, seeds: Sequence[int]) -> PooledPredictions:
    """Return the predictions of a classifier, those of a baseline once for each seed.

    Args:
        classifier: The classifier.
        seeds: Seeds of the network that a baseline stands beside; without one, or for a network, no effect.
    """
    if not (classifier.classical and seeds):
        return classifier.predictions
    return _repeat(classifier.predictions, tuple(seeds))


@lru_cache(maxsize=16)
def _repeat(pooled: PooledPredictions, seeds: tuple[int, ...]) -> PooledPredictions:
    """Repeat predictions of a single seed; all comparisons with a baseline share the result and what it caches."""
    return replace(pooled, seeds=seeds, predicted=np.repeat(pooled.predicted, len(seeds), axis=0))
