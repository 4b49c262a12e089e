"""Trials as they are kept: one `TrialResult` a trial, whichever study trained it."""

from ser.config import Settings
from ser.results import Fold, FoldResult


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


_SCORES = b'"scores":['


def read_unscored(content: bytes) -> TrialResult:
    """Reads a trial as it is kept, less the scores of every emotion behind each decision.

    They are more than half of a trial's file, and no comparison needs them, so that they are cut out before
    anything is made of them. The key's closing quote tells it from any text: in text a quote has a backslash before it.

    Args:
        content: The trial as JSON, as pydantic writes it.

    Returns:
        The trial; the scores of its evaluations are empty.
    """
    kept, place = [], 0
    while (found := content.find(_SCORES + b"[", place)) >= 0:
        kept.append(content[place : found + len(_SCORES)])
        place = content.index(b"]]", found) + 1
    return TrialResult.model_validate_json(b"".join([*kept, content[place:]]))
