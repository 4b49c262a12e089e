"""Trials as the analysis reads them: one `TrialResult` a trial, whichever study trained it."""

from collections.abc import Iterable, Sequence

from ser.config import FoldConfiguration, Settings
from ser.results import BaselineResult, Fold, FoldResult


class TrialResult(Settings):
    """One point of a study: a configuration with its fold results.

    Attributes:
        study: Name of the study that ran it.
        recipe: Recipe of that study.
        trial_id: Digest of configuration, corpus and folds; equal for equal trials of two studies.
        scheme: All folds that the trial should have, in order.
        folds: Results of the folds that exist, in the order of the scheme.
        run_id: Its MLflow run.
        reused_from: Run of the study that had trained it already, or None.
    """

    study: str
    recipe: str
    trial_id: str
    scheme: tuple[Fold, ...]
    folds: tuple[FoldResult, ...]
    run_id: str = ""
    reused_from: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every fold of the scheme has a result."""
        return len(self.folds) == len(self.scheme)


def without_scores(trial: TrialResult) -> TrialResult:
    """The trial with its decisions, but without the score of every emotion behind each of them."""
    folds = tuple(
        fold.model_copy(
            update={
                "test": fold.test.model_copy(update={"scores": ()}),
                "validation": fold.validation.model_copy(update={"scores": ()}),
            }
        )
        for fold in trial.folds
    )
    return trial.model_copy(update={"folds": folds})


class PrunedTrial(Settings):
    """A trial that its study gave up before its last fold, or one that repeats it with another seed.

    Attributes:
        name: Name of its run.
        reason: Why it was given up.
        trial: The trial, with the folds that exist.
    """

    name: str
    reason: str
    trial: TrialResult


def without_pruned(
    trials: Sequence[TrialResult], pruned: Iterable[PrunedTrial]
) -> tuple[tuple[TrialResult, ...], tuple[PrunedTrial, ...]]:
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


def _point(trial: TrialResult) -> tuple[str, FoldConfiguration | None]:
    """What repetitions share: recipe and configuration less its seed."""
    if not trial.folds:
        return trial.recipe, None
    return trial.recipe, trial.folds[0].configuration.model_copy(update={"seed": 0})


class ResultsTable(Settings):
    """All that a report is made of: trials of one corpus digest and fold scheme.

    Attributes:
        trials: Trials, each `trial_id` once, their evaluations without scores per emotion.
        baselines: Baselines beside the variants.
        notes: What the reader should know, such as skipped utterances.
        pruned: Trials that were given up, or repeat such a one; they are compared with nothing.
    """

    trials: tuple[TrialResult, ...]
    baselines: tuple[BaselineResult, ...] = ()
    notes: tuple[str, ...] = ()
    pruned: tuple[PrunedTrial, ...] = ()
