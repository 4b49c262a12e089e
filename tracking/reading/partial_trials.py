"""What a study has written so far: trials that still lack folds, and whether anything is new."""

from collections.abc import Mapping, Sequence
from itertools import product

from mlflow.entities import Run

from ser.identity import DEVICE_TYPES, fold_identity, trial_identity
from ser.results import Fold, FoldResult
from tracking import schema
from tracking.analysis.trial_result import TrialResult


def partial_trial(run: Run, scheme: tuple[Fold, ...], results: Mapping[str, FoldResult]) -> TrialResult:
    """A trial that is not finished, with the folds that are.

    Args:
        run: The trial's run.
        scheme: All folds that it should have.
        results: Finished folds of its configuration by identity, of any study, scheme, version and device.

    Returns:
        The trial; of the results only those that are folds of this very trial.
    """
    own = _own_folds(run.data.tags[schema.TRIAL_ID], scheme, list(results.values()))
    folds = [
        results[identity].model_copy(update={"fold": fold}) for identity, fold in own.items() if identity in results
    ]
    return TrialResult(
        study=run.data.tags[schema.STUDY],
        recipe=run.data.tags[schema.RECIPE],
        trial_id=run.data.tags[schema.TRIAL_ID],
        scheme=scheme,
        folds=tuple(folds),
        run_id=str(run.info.run_id),
    )


def _own_folds(trial_id: str, scheme: Sequence[Fold], results: Sequence[FoldResult]) -> dict[str, Fold]:
    """The folds of a trial by identity; none where no result has its version, torch and device type.

    Its identity is made of theirs, so whichever of these gives it again is the one that it is trained with.
    """
    versions = dict.fromkeys((result.environment.get("torch", ""), result.results_version) for result in results)
    for (torch, version), device_type in product(versions, DEVICE_TYPES):
        configuration, digest = results[0].configuration, results[0].corpus.digest
        own = {fold_identity(configuration, digest, fold, device_type, torch, version): fold for fold in scheme}
        if trial_identity(list(own)) == trial_id:
            return own
    return {}
