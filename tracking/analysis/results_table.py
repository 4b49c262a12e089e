"""The table that a report is made of: trials of one corpus and fold scheme, with their scored folds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ser.config import FoldConfiguration
from ser.results import BaselineResult, Fold
from tracking.analysis.scored_folds import Provenance, ScoredFold, score_folds
from tracking.analysis.trial_result import TrialResult


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
    def of(cls, result: TrialResult) -> "ScoredTrial":
        """Score the folds of a trial; what a report does not read of its results is not retained."""
        return cls(
            study=result.study,
            recipe=result.recipe,
            trial_id=result.trial_id,
            scheme=result.scheme,
            folds=score_folds(result.folds),
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


def _point(trial: ScoredTrial) -> tuple[str, FoldConfiguration, Provenance]:
    """What repetitions of a trial with folds share: recipe, configuration less its seed, and origin."""
    first = trial.folds[0]
    return trial.recipe, first.configuration.model_copy(update={"seed": 0}), first.provenance
