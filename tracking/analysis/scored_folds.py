"""Fold results as a report reads them: scored once, without the scores per emotion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ser.config import FoldConfiguration
from ser.identity import DEVICE_TYPES, fold_identity
from ser.metrics import confusion_matrix, unweighted_accuracies, weighted_accuracies
from ser.results import AttentionEffect, CorpusIdentity, EpochRecord, Evaluation, Fold, FoldResult, TargetReport

CURVE_METRICS: tuple[Literal["training_loss", "validation_ua", "validation_loss"], ...] = (
    "training_loss",
    "validation_ua",
    "validation_loss",
)
"""Metrics whose learning curves a report shows."""


@dataclass(frozen=True, eq=False, slots=True)
class Predictions:
    """Predictions for the test utterances of a fold, in the order in which they were made.

    Attributes:
        utterances: Utterance ids.
        speakers: Speaker of each utterance.
        sessions: Session of each utterance, None where the corpus has none.
        actual: True classes, in the same order.
        predicted: Predicted classes, shape `(utterance,)`.
    """

    utterances: tuple[str, ...]
    speakers: tuple[str, ...]
    sessions: tuple[str | None, ...]
    actual: tuple[int, ...]
    predicted: NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class MetricCurve:
    """Metric over the epochs of one fold.

    Attributes:
        epochs: Epochs that recorded it, ascending.
        values: Its values, shape `(epoch,)`.
    """

    epochs: tuple[int, ...]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Code version and device type, which a fold's identity includes: with others, equal settings give other results.

    Attributes:
        results_version: Version of the code's results.
        torch: Version of torch.
        device_type: 'cpu' or 'cuda'.
    """

    results_version: int
    torch: str
    device_type: str

    def __str__(self) -> str:
        return f"results version {self.results_version}, torch {self.torch}, {self.device_type}"


@dataclass(frozen=True, eq=False, slots=True)
class ScoredFold:
    """Result of a fold with its scores.

    Attributes:
        identity: Name of its file among the results.
        fold: Its speakers.
        corpus: The corpus.
        configuration: The whole configuration.
        results_version: Version of the code's results.
        environment: Versions and machine, by name.
        test: Predictions for the test speakers.
        confidences: Score of the decided class for each of them, 0..1, shape `(utterance,)`.
        confusion: Counts of these predictions, shape `(class, class)`, rows true.
        ua: Test UA over the classes that the fold's test set has, 0..1.
        wa: Test WA, 0..1.
        undecided_share: Share of test utterances that the posterior decided instead of the best path;
            None for other decisions.
        attention_effect: Effect of the attention on the test utterances; None where it was not measured.
        validation_ua: UA of the validation speakers, 0..1.
        validation_loss: Mean loss of the validation speakers, in nats, or None.
        validation_sessions: Sessions of the validation utterances.
        curves: `CURVE_METRICS` that were recorded, by name.
        epochs: Epochs that were trained.
        selected_epoch: Epoch whose weights were scored.
        targets: What became of the label sequences.
        started_ms: Wall-clock start, in milliseconds since 1970.
        ended_ms: Wall-clock end, in milliseconds since 1970.
    """

    identity: str
    fold: Fold
    corpus: CorpusIdentity
    configuration: FoldConfiguration
    results_version: int
    environment: Mapping[str, str]
    test: Predictions
    confidences: NDArray[np.float64]
    confusion: NDArray[np.int64]
    ua: float
    wa: float
    undecided_share: float | None
    attention_effect: AttentionEffect | None
    validation_ua: float
    validation_loss: float | None
    validation_sessions: frozenset[str | None]
    curves: Mapping[str, MetricCurve]
    epochs: int
    selected_epoch: int
    targets: TargetReport
    started_ms: int
    ended_ms: int

    @property
    def provenance(self) -> Provenance:
        """Versions and device type of the training."""
        environment = self.environment
        return Provenance(self.results_version, environment.get("torch", ""), environment.get("device_type", ""))

    @property
    def seconds(self) -> float:
        """Wall-clock duration of the training, in seconds."""
        return (self.ended_ms - self.started_ms) / 1000


def score_folds(folds: Sequence[FoldResult]) -> tuple[ScoredFold, ...]:
    """Score the folds of one trial.

    Returns:
        The scored folds, in the same order.
    """
    if not folds:
        return ()
    classes = len(folds[0].corpus.emotions)
    confusions = _confusion_matrices([fold.test for fold in folds], classes)
    validations = _confusion_matrices([fold.validation for fold in folds], classes)
    scores = zip(
        confusions,
        unweighted_accuracies(confusions).tolist(),
        weighted_accuracies(confusions).tolist(),
        unweighted_accuracies(validations).tolist(),
        strict=True,
    )
    return tuple(_score_fold(fold, *fold_scores) for fold, fold_scores in zip(folds, scores, strict=True))


def decided_scores(evaluation: Evaluation) -> NDArray[np.float64]:
    """Return the score of the decided class of each utterance, 0..1, shape `(utterance,)`."""
    pairs = zip(evaluation.scores, evaluation.predicted, strict=True)
    return np.array([scores[decided] for scores, decided in pairs], dtype=np.float64)


def _confusion_matrices(evaluations: Sequence[Evaluation], classes: int) -> NDArray[np.int64]:
    return np.stack([confusion_matrix(evaluation.actual, evaluation.predicted, classes) for evaluation in evaluations])


def _score_fold(
    result: FoldResult, confusion: NDArray[np.int64], ua: float, wa: float, validation_ua: float
) -> ScoredFold:
    test, validation = result.test, result.validation
    return ScoredFold(
        identity=result.identity,
        fold=result.fold,
        corpus=result.corpus,
        configuration=result.configuration,
        results_version=result.results_version,
        environment=_environment_with_device_type(result),
        test=Predictions(
            test.utterances, test.speakers, test.sessions, test.actual, np.array(test.predicted, dtype=np.int64)
        ),
        confidences=decided_scores(test),
        confusion=confusion,
        ua=ua,
        wa=wa,
        undecided_share=test.undecided_share,
        attention_effect=result.attention_effect,
        validation_ua=validation_ua,
        validation_loss=validation.loss,
        validation_sessions=frozenset(validation.sessions),
        curves=_metric_curves(result.curve),
        epochs=len(result.curve),
        selected_epoch=result.selected_epoch,
        targets=result.targets,
        started_ms=result.started_ms,
        ended_ms=result.ended_ms,
    )


def _environment_with_device_type(result: FoldResult) -> Mapping[str, str]:
    """Return a fold's environment; find a missing device type by trying which one gives the fold's identity."""
    environment = result.environment
    if "device_type" in environment:
        return environment
    torch = environment.get("torch", "")
    for device_type in DEVICE_TYPES:
        identity = fold_identity(
            result.configuration, result.corpus.digest, result.fold, device_type, torch, result.results_version
        )
        if identity == result.identity:
            return {**environment, "device_type": device_type}
    return environment


def _metric_curves(records: Sequence[EpochRecord]) -> dict[str, MetricCurve]:
    curves: dict[str, MetricCurve] = {}
    for metric in CURVE_METRICS:
        points = [(record.epoch, record.values[metric]) for record in records if metric in record.values]
        if points:
            epochs, values = zip(*points, strict=True)
            curves[metric] = MetricCurve(epochs, np.array(values, dtype=np.float64))
    return curves
