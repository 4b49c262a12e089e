"""A study whose trials are there and whose runs are gone, such as after MLflow's database was deleted."""

from collections.abc import Callable
from pathlib import Path

from mlflow.tracking import MlflowClient

from ser.config import Precision
from studies.consistency.snapshot import expected_points
from studies.monitoring.events import StudyCallback
from studies.search.optuna_study import OptunaStudy
from studies.search.records import IdentityInputs
from tracking.backend.queries import search_runs
from tracking.context import StudyContext
from tracking.outbox.outbox import Outbox
from tracking.outbox.recovery import recover_from_artifacts


def recover_lost_runs(
    client: MlflowClient,
    experiment: str,
    context: StudyContext,
    search: OptunaStudy,
    precision: Precision,
    device_type: str,
    artifacts: Path | None,
    outbox: Outbox,
    observer: StudyCallback,
    progress: Callable[[int, int], None],
) -> None:
    """Notices that a study's runs are gone, and puts what their artifacts still hold back into the outbox.

    Args:
        client: The tracking store.
        experiment: Id of the study's experiment.
        context: The study.
        search: Its memory in Optuna.
        precision: Its arithmetic.
        device_type: 'cpu' or 'cuda'.
        artifacts: Folder of the experiment's artifacts; None where a tracking server keeps them.
        outbox: Where results wait.
        observer: Is told what is gone and what was found.
        progress: Called with the files looked at and their number.
    """
    # The study's run is made before its first trial begins, so that trials without it have lost it.
    if not search.active_trials() or search_runs(client, experiment, ser__kind="study", ser__study=context.study):
        return
    points = [point.configuration for point in search.points(precision)]
    expected = expected_points(points, search.key, context.corpus.digest, IdentityInputs(context.scheme, device_type))
    wanted = {identity for each in expected for identity in each.folds}
    found = 0 if artifacts is None else recover_from_artifacts(artifacts, wanted, outbox, progress)
    observer.on_message(
        f"the runs of study {context.study} are gone from MLflow: {found} of its folds were found in the artifacts "
        "and are written again; what is in no other study either is trained again"
    )
