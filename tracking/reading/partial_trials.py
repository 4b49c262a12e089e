"""Trials that lack folds, with the folds that exist."""

from collections.abc import Mapping, Sequence
from itertools import product

from mlflow.entities import Run

from ser.identity import DEVICE_TYPES, fold_identity, trial_identity
from ser.results import Fold, FoldResult
from tracking import schema
from tracking.analysis.trial_result import TrialResult


def partial_trial(run: Run, scheme: tuple[Fold, ...], results: Mapping[str, FoldResult]) -> TrialResult:
    """Build an unfinished trial from its finished folds.

    Args:
        run: The trial's run.
        scheme: All folds of the trial.
        results: Finished folds of its configuration by identity, of any study, scheme, version and device.

    Returns:
        The trial, with those results that are its folds.
    """
    folds = _folds_by_identity(run.data.tags[schema.TRIAL_ID], scheme, list(results.values()))
    finished = {identity: fold for identity, fold in folds.items() if identity in results}
    return TrialResult(
        study=run.data.tags[schema.STUDY],
        recipe=run.data.tags[schema.RECIPE],
        trial_id=run.data.tags[schema.TRIAL_ID],
        scheme=scheme,
        folds=tuple(results[identity].model_copy(update={"fold": fold}) for identity, fold in finished.items()),
        run_id=str(run.info.run_id),
    )


def _folds_by_identity(trial_id: str, scheme: Sequence[Fold], results: Sequence[FoldResult]) -> dict[str, Fold]:
    """Map identities to the folds of a trial; empty if no result has its results version, torch and device type.

    A trial's identity is computed from its folds': the combination that gives it again is the one of its training.
    """
    versions = dict.fromkeys((result.environment.get("torch", ""), result.results_version) for result in results)
    for (torch, version), device_type in product(versions, DEVICE_TYPES):
        configuration, digest = results[0].configuration, results[0].corpus.digest
        folds = {fold_identity(configuration, digest, fold, device_type, torch, version): fold for fold in scheme}
        if trial_identity(list(folds)) == trial_id:
            return folds
    return {}
