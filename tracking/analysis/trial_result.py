"""Trials as they are kept: one `TrialResult` a trial, whichever study trained it."""

from ser.config import FrozenModel
from ser.results import Fold, FoldResult


class TrialResult(FrozenModel):
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
