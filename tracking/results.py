"""Trials as the analysis reads them: one `TrialResult` a trial, whichever study trained it."""

from ser.config import Settings
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


class ResultsTable(Settings):
    """All that a report is made of: trials of one corpus digest and fold scheme.

    Attributes:
        trials: Trials, each `trial_id` once, their evaluations without scores per emotion.
        baselines: Baselines beside the variants.
        notes: What the reader should know, such as skipped utterances.
    """

    trials: tuple[TrialResult, ...]
    baselines: tuple[BaselineResult, ...] = ()
    notes: tuple[str, ...] = ()
