"""Training of a classical baseline on the folds that the networks use; its penalty is chosen by validation speakers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser.baselines.base import BaselineData, ClassicalBaseline, Progress
from ser.baselines.frame_statistics import FrameStatisticsBaseline
from ser.baselines.functionals import FunctionalsBaseline
from ser.baselines.opensmile_functionals import CompareBaseline, EgemapsBaseline
from ser.corpora.corpus import Corpus
from ser.feature_settings import LogMelSettings
from ser.folds import split_indices
from ser.metrics import evaluation_confusion, unweighted_accuracy
from ser.results import (
    BASELINES_VERSION,
    FRAME_STATISTICS,
    BaselineResult,
    Evaluation,
    Fold,
    FunctionalsName,
    functionals_frames_version,
)

BASELINES: dict[FunctionalsName, type[ClassicalBaseline]] = {
    baseline.functionals: baseline
    for baseline in (FrameStatisticsBaseline, FunctionalsBaseline, EgemapsBaseline, CompareBaseline)
}
"""All classical baselines by what they hear."""


_LEAST_SCORE = 1e-12
"""Scores are raised to this before the logarithm."""


@dataclass(frozen=True)
class _TrainedFold:
    """Outcome of one fold: the chosen C, and the decisions of its classifier."""

    inverse_penalty: float
    validation: Evaluation
    test: Evaluation


def train_baseline(
    baseline: ClassicalBaseline,
    data: BaselineData,
    folds: tuple[Fold, ...],
    progress: Progress = lambda done, total: None,
) -> BaselineResult:
    """Train and test a baseline on every fold.

    Vectors are standardised on the training speakers. In each fold a classifier is trained with every C of the
    baseline's grid. The highest UA of the fold's validation speakers chooses one; of equals the lower validation
    loss, as among networks (`tracking.analysis.variants.selection`), then the smaller C. Only the chosen one decides on
    the test speakers. Nothing is drawn at random.

    Args:
        baseline: The baseline.
        data: The data.
        folds: The folds.
        progress: Called with the steps done and their number: utterances that are described, then folds.

    Returns:
        Validation and test decisions of every fold.

    Raises:
        FoldError: A fold breaks a guard of `ser.folds.check_fold`.
        SerError: The functionals cannot be computed.
    """
    # Only here: every start of a study would wait for more than a second, and most need no baseline.
    from threadpoolctl import threadpool_limits

    # One thread gives the same sums on every machine; several are slower for matrices as small as these.
    with threadpool_limits(1):
        trained = _train_folds(baseline, data, folds, progress)
    features = data.store.settings
    return BaselineResult(
        name=baseline.name,
        corpus=data.corpus.identity,
        normalisation=data.normalisation,
        folds=folds,
        tests=tuple(fold.test for fold in trained),
        # Functionals of the audio do not depend on the study's front end.
        features=features if baseline.functionals == FRAME_STATISTICS else LogMelSettings(),
        functionals=baseline.functionals,
        validations=tuple(fold.validation for fold in trained),
        inverse_penalties=tuple(fold.inverse_penalty for fold in trained),
        version=BASELINES_VERSION,
        frames_version=functionals_frames_version(features, baseline.functionals),
    )


def _train_folds(
    baseline: ClassicalBaseline, data: BaselineData, folds: tuple[Fold, ...], progress: Progress
) -> list[_TrainedFold]:
    utterances = len(data.corpus.utterances)
    steps = utterances + len(folds)
    vectors_of_fold = baseline.describe(data, lambda done, total: progress(done, steps))
    trained = []
    for number, fold in enumerate(folds, 1):
        trained.append(_train_fold(baseline, data.corpus, fold, vectors_of_fold(fold)))
        progress(utterances + number, steps)
    return trained


def _train_fold(baseline: ClassicalBaseline, corpus: Corpus, fold: Fold, vectors: NDArray[np.float64]) -> _TrainedFold:
    from sklearn.preprocessing import StandardScaler

    training, validation, test = split_indices(corpus, fold)
    actual = np.asarray([corpus.emotions.index(utterance.emotion) for utterance in corpus.utterances])
    standardised = StandardScaler().fit(vectors[training]).transform(vectors)

    def evaluate(classifier: Any, indices: NDArray[np.int64]) -> Evaluation:
        return _evaluation(corpus, indices, actual, baseline.scores(classifier, standardised[indices]))

    candidates = []
    for inverse_penalty in baseline.inverse_penalties:
        classifier = baseline.fit(standardised[training], actual[training], inverse_penalty)
        evaluation = evaluate(classifier, validation)
        ua = unweighted_accuracy(evaluation_confusion(evaluation, len(corpus.emotions)))
        candidates.append(((ua, -_loss(evaluation)), inverse_penalty, evaluation, classifier))
    # The first of equals has the smallest C.
    _, inverse_penalty, evaluation, classifier = max(candidates, key=lambda candidate: candidate[0])
    return _TrainedFold(inverse_penalty, evaluation, evaluate(classifier, test))


def _loss(evaluation: Evaluation) -> float:
    """Compute the mean cross-entropy of decisions' scores, in nats."""
    scores = np.asarray(evaluation.scores)[np.arange(len(evaluation.actual)), list(evaluation.actual)]
    return float(-np.log(np.maximum(scores, _LEAST_SCORE)).mean())


def _evaluation(
    corpus: Corpus, indices: NDArray[np.int64], actual: NDArray[np.int64], scores: NDArray[np.float64]
) -> Evaluation:
    utterances = [corpus.utterances[index] for index in indices]
    return Evaluation(
        utterances=tuple(utterance.id for utterance in utterances),
        speakers=tuple(utterance.speaker for utterance in utterances),
        sessions=tuple(utterance.session for utterance in utterances),
        actual=tuple(actual[indices].tolist()),
        predicted=tuple(scores.argmax(axis=1).tolist()),
        scores=tuple(tuple(row) for row in scores.tolist()),
    )
