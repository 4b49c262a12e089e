"""The table that a report is made of: trials with their scored folds, decisions as arrays, less what no report reads.

A thousand trials of ten folds take 40 MB so, a tenth of what they take as they are kept.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from ser.config import FoldConfiguration
from ser.metrics import evaluation_confusion, unweighted_accuracy, weighted_accuracy
from ser.results import BaselineResult, CorpusIdentity, Evaluation, Fold, FoldResult, TargetReport
from tracking.results import TrialResult

CURVES = ("training_loss", "validation_ua")
"""Metrics whose course over epochs a report shows."""

_Part = TypeVar("_Part", bound=Hashable)


@dataclass(frozen=True, eq=False, slots=True)
class Decisions:
    """Decisions on the test utterances of a fold, in the order in which they were made.

    Attributes:
        utterances: Utterance ids.
        speakers: Speaker of each utterance.
        sessions: Session of each utterance, None where the corpus has none.
        actual: True classes, in the same order.
        predicted: Decided classes, shape `(utterance,)`.
    """

    utterances: tuple[str, ...]
    speakers: tuple[str, ...]
    sessions: tuple[str | None, ...]
    actual: tuple[int, ...]
    predicted: NDArray[np.int64]

    @classmethod
    def of(cls, evaluation: Evaluation, sharing: "Sharing") -> "Decisions":
        """The decisions of an evaluation."""
        return cls(
            sharing.one(evaluation.utterances),
            sharing.one(evaluation.speakers),
            sharing.one(evaluation.sessions),
            sharing.one(evaluation.actual),
            np.array(evaluation.predicted, dtype=np.int64),
        )


@dataclass(frozen=True, eq=False, slots=True)
class Course:
    """A metric over the epochs of one fold.

    Attributes:
        epochs: Epochs that recorded it, ascending.
        values: Its values, shape `(epoch,)`.
    """

    epochs: tuple[int, ...]
    values: NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class ScoredFold:
    """A fold's result as a report reads it, scored once.

    Attributes:
        fold: Its speakers.
        corpus: The corpus.
        configuration: The whole configuration.
        results_version: Version of the code's results.
        environment: Versions and machine, by name.
        test: Decisions on the test speakers.
        confusion: The same as counts, shape `(class, class)`, rows true.
        ua: Test UA over the classes that the fold's test set has, 0..1.
        wa: Test WA, 0..1.
        undecided_share: Share of test utterances that the posterior decided in place of the best path;
            None for other decisions.
        validation_ua: UA of the validation speakers, 0..1.
        validation_loss: Mean loss of the validation speakers, in nats, or None.
        validation_sessions: Sessions of the validation utterances.
        courses: `CURVES` that were recorded, by name.
        epochs: Epochs that were trained.
        selected_epoch: Epoch whose weights were scored.
        targets: What became of the label sequences.
        started_ms: Wall-clock start, in milliseconds since 1970.
        ended_ms: Wall-clock end, in milliseconds since 1970.
    """

    fold: Fold
    corpus: CorpusIdentity
    configuration: FoldConfiguration
    results_version: int
    environment: Mapping[str, str]
    test: Decisions
    confusion: NDArray[np.int64]
    ua: float
    wa: float
    undecided_share: float | None
    validation_ua: float
    validation_loss: float | None
    validation_sessions: frozenset[str | None]
    courses: Mapping[str, Course]
    epochs: int
    selected_epoch: int
    targets: TargetReport
    started_ms: int
    ended_ms: int

    @property
    def seconds(self) -> float:
        """Wall-clock seconds that it took."""
        return (self.ended_ms - self.started_ms) / 1000

    @classmethod
    def of(cls, result: FoldResult, sharing: "Sharing | None" = None) -> "ScoredFold":
        """Scores a fold result.

        Args:
            result: The result; scores per emotion are not read.
            sharing: Equal parts of other folds, which this one then shares.

        Returns:
            The scored fold.
        """
        sharing = sharing or Sharing()
        classes = len(result.corpus.emotions)
        confusion = evaluation_confusion(result.test, classes)
        return cls(
            fold=sharing.one(result.fold),
            corpus=sharing.one(result.corpus),
            configuration=sharing.one(result.configuration),
            results_version=result.results_version,
            environment=dict(sharing.one(tuple(result.environment.items()))),
            test=Decisions.of(result.test, sharing),
            confusion=confusion,
            ua=unweighted_accuracy(confusion),
            wa=weighted_accuracy(confusion),
            undecided_share=result.test.undecided_share,
            validation_ua=unweighted_accuracy(evaluation_confusion(result.validation, classes)),
            validation_loss=result.validation.loss,
            validation_sessions=sharing.one(frozenset(result.validation.sessions)),
            courses=_courses(result, sharing),
            epochs=len(result.curve),
            selected_epoch=result.selected_epoch,
            targets=sharing.one(result.targets),
            started_ms=result.started_ms,
            ended_ms=result.ended_ms,
        )


def _courses(result: FoldResult, sharing: "Sharing") -> dict[str, Course]:
    records = [(record.epoch, record.values) for record in result.curve]
    courses = {}
    for name in CURVES:
        known = [(epoch, values[name]) for epoch, values in records if name in values]
        if known:
            epochs, course = zip(*known, strict=True)
            courses[name] = Course(sharing.one(epochs), np.array(course, dtype=np.float64))
    return courses


class Sharing:
    """Equal parts of many folds, such as their speakers and their utterances, each kept once."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}

    def one(self, value: _Part) -> _Part:
        """The first value that was equal to this one."""
        return cast(_Part, self._known.setdefault(value, value))


@dataclass(frozen=True, eq=False)
class ScoredTrial:
    """One point of a study with its scored folds.

    Attributes:
        study: Name of the study that ran it.
        recipe: Recipe of that study.
        trial_id: Digest of configuration, corpus and folds; equal for equal trials of two studies.
        scheme: All folds that the trial should have, in order.
        folds: Folds that exist, in the order of the scheme.
    """

    study: str
    recipe: str
    trial_id: str
    scheme: tuple[Fold, ...]
    folds: tuple[ScoredFold, ...]

    @classmethod
    def of(cls, result: TrialResult, sharing: Sharing | None = None) -> "ScoredTrial":
        """Scores the folds of a trial; see `ScoredFold.of`."""
        sharing = sharing or Sharing()
        return cls(
            study=result.study,
            recipe=result.recipe,
            trial_id=result.trial_id,
            scheme=sharing.one(result.scheme),
            folds=tuple(ScoredFold.of(fold, sharing) for fold in result.folds),
        )


@dataclass(frozen=True, eq=False)
class PrunedTrial:
    """A trial that its study gave up before its last fold, or one that repeats it with another seed.

    Attributes:
        name: Name of its run.
        reason: Why it was given up.
        trial: The trial, with the folds that exist.
    """

    name: str
    reason: str
    trial: ScoredTrial


@dataclass(frozen=True, eq=False)
class ResultsTable:
    """All that a report is made of: trials of one corpus digest and fold scheme.

    Attributes:
        trials: Trials, each `trial_id` once.
        baselines: Baselines beside the variants.
        notes: What the reader should know, such as skipped utterances.
        pruned: Trials that were given up, or repeat such a one; they are compared with nothing.
    """

    trials: tuple[ScoredTrial, ...]
    baselines: tuple[BaselineResult, ...] = ()
    notes: tuple[str, ...] = ()
    pruned: tuple[PrunedTrial, ...] = ()


def without_pruned(
    trials: Sequence[ScoredTrial], pruned: Iterable[PrunedTrial]
) -> tuple[tuple[ScoredTrial, ...], tuple[PrunedTrial, ...]]:
    """Sets aside the repetitions of points that were given up.

    A point that was given up with one seed is no variant with its other ones: only its lucky
    repetitions would be compared.

    Args:
        trials: Trials that were not given up themselves.
        pruned: Trials that were.

    Returns:
        Trials that may be compared, and all others.
    """
    given_up = list(pruned)
    reasons = {}
    for each in given_up:
        if each.trial.folds:
            seed = each.trial.folds[0].configuration.seed
            reasons[_point(each.trial)] = f"its repetition with seed {seed} was pruned: {each.reason}"
    kept = []
    for trial in trials:
        reason = reasons.get(_point(trial)) if trial.folds else None
        if reason is None:
            kept.append(trial)
        else:
            seed = trial.folds[0].configuration.seed
            given_up.append(PrunedTrial(name=f"trial {trial.trial_id[:12]}, seed {seed}", reason=reason, trial=trial))
    return tuple(kept), tuple(given_up)


def _point(trial: ScoredTrial) -> tuple[str, FoldConfiguration | None]:
    """What repetitions share: recipe and configuration less its seed."""
    if not trial.folds:
        return trial.recipe, None
    return trial.recipe, trial.folds[0].configuration.model_copy(update={"seed": 0})
