"""Result of a trial as stored: one `TrialResult` per trial, whichever study trained it."""

from ser.frozen_model import FrozenModel
from ser.results import Fold, FoldResult


class TrialResult(FrozenModel):
    """Configuration with its fold results.

    Attributes:
        study: Name of the study.
        recipe: Recipe of that study.
        trial_id: Digest of configuration, corpus and folds; equal for equal trials of two studies.
        scheme: All folds that the trial should have, in order.
        folds: Results of the folds that exist, in the order of the scheme.
        run_id: MLflow run of the trial.
        reused_from: Trial run of the study that trained it, or None where this one did.
    """

    study: str
    recipe: str
    trial_id: str
    scheme: tuple[Fold, ...]
    folds: tuple[FoldResult, ...]
    run_id: str = ""
    reused_from: str | None = None
