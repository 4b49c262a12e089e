"""Results table of a report: trials of one corpus and fold scheme, with their scored folds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ser.config import FoldConfiguration
from ser.results import BaselineResult, Fold
from tracking.analysis.scored_folds import Provenance, ScoredFold


@dataclass(frozen=True, eq=False)
class ScoredTrial:
    """Trial with its scored folds.

    Attributes:
        study: Name of the study.
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


@dataclass(frozen=True, eq=False)
class PrunedTrial:
    """Trial that its study pruned, or one that repeats it with another seed.

    Attributes:
        name: Name of its MLflow run.
        reason: Reason for pruning.
        trial: The trial, with the folds that exist.
    """

    name: str
    reason: str
    trial: ScoredTrial


@dataclass(frozen=True, eq=False)
class ResultsTable:
    """Results of a report: trials of one corpus digest and fold scheme.

    Attributes:
        trials: Trials, each `trial_id` once.
        baselines: Baselines without a trial, such as logistic regression.
        notes: Notes for the reader, such as skipped utterances.
        pruned: Pruned trials and their repetitions; they are compared with nothing.
    """

    trials: tuple[ScoredTrial, ...]
    baselines: tuple[BaselineResult, ...] = ()
    notes: tuple[str, ...] = ()
    pruned: tuple[PrunedTrial, ...] = ()


def without_pruned(
    trials: Sequence[ScoredTrial], pruned: Iterable[PrunedTrial]
) -> tuple[tuple[ScoredTrial, ...], tuple[PrunedTrial, ...]]:
    """Separate the repetitions of pruned points.

    A point that was pruned with one seed is no variant with its other ones: only its lucky
    repetitions would be compared.

    Returns:
        Trials that may be compared, and all others.
    """
    excluded = list(pruned)
    reasons = {}
    for pruned_trial in excluded:
        if pruned_trial.trial.folds:
            seed = pruned_trial.trial.folds[0].configuration.seed
            reason = f"its repetition with seed {seed} was pruned: {pruned_trial.reason}"
            reasons[_point_key(pruned_trial.trial)] = reason
    comparable = []
    for trial in trials:
        reason = reasons.get(_point_key(trial), "") if trial.folds else ""
        if reason:
            seed = trial.folds[0].configuration.seed
            excluded.append(PrunedTrial(name=f"trial {trial.trial_id[:12]}, seed {seed}", reason=reason, trial=trial))
        else:
            comparable.append(trial)
    return tuple(comparable), tuple(excluded)


def _point_key(trial: ScoredTrial) -> tuple[str, FoldConfiguration, Provenance]:
    """Return what repetitions of a trial share: recipe, configuration without its seed, and provenance."""
    fold = trial.folds[0]
    return trial.recipe, fold.configuration.model_copy(update={"seed": 0}), fold.provenance
