"""Runs and experiments that somebody deletes in MLflow while their study runs: their results count, so they return."""

from collections.abc import Callable

from mlflow.entities import LifecycleStage
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from tracking.backend.client import restore_experiment
from tracking.backend.mlflow_internals import deleted_entity


def restore_deleted(client: MlflowClient, notify: Callable[[str], None], error: BaseException) -> bool:
    """Restore what MLflow has refused a write for, since it is deleted there.

    Args:
        client: The tracking store.
        notify: Called with one line that names it.
        error: The error of the write.

    Returns:
        Whether it was restored, so that the write may be repeated.
    """
    entity = deleted_entity(error) if isinstance(error, MlflowException) else None
    if entity is None:
        return False
    kind, identity = entity
    if kind == "run":
        experiment = client.get_experiment(client.get_run(identity).info.experiment_id)
        if experiment.lifecycle_stage == LifecycleStage.DELETED:
            # MLflow names the run, but with the experiment all its runs were deleted.
            kind, identity = "experiment", str(experiment.experiment_id)
    if kind == "run":
        client.restore_run(identity)
    else:
        restore_experiment(client, identity)
    notify(f"MLflow's {kind} {identity} was deleted while its study runs; it is restored")
    return True
