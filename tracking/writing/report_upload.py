"""Upload of a report to the artifacts of its study's run, where MLflow shows it."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from ser.files import folder_digest
from tracking import schema
from tracking.analysis.conditional_tables import former_tables
from tracking.backend.mlflow_internals import artifact_repository
from tracking.backend.queries import search_runs


def upload_report(
    client: MlflowClient, experiment: str, study: str, folder: Path, notify: Callable[[str], None]
) -> bool:
    """Upload a report to its study's run, unless the same content is there already.

    Args:
        client: The tracking store.
        experiment: Id of the experiment.
        study: Name of the study.
        folder: The report's folder.
        notify: Called with one line where tables of an earlier report stay, since their store does not delete them.

    Returns:
        True if it was uploaded; False also where the study was stopped before it had a run.
    """
    digest = folder_digest(folder)
    study_runs = search_runs(client, experiment, ser__kind="study", ser__study=study)
    if not study_runs or study_runs[0].data.tags.get(schema.REPORT_DIGEST) == digest:
        return False
    study_run = study_runs[0].info.run_id
    if schema.REPORT_DIGEST in study_runs[0].data.tags:
        # An upload that is killed leaves files of two reports, neither of which is there then.
        client.delete_tag(study_run, schema.REPORT_DIGEST)
    client.log_artifacts(study_run, str(folder), schema.REPORT_FOLDER)
    try:
        _remove_former_tables(client, study_runs[0], folder)
    except (MlflowException, OSError, NotImplementedError) as error:
        # The report itself is there: without its digest each later one would be uploaded in full again.
        reason = str(error).partition("\n")[0] or type(error).__name__
        notify(f"tables that the report no longer has stay beside it in MLflow: they cannot be deleted ({reason})")
    # Last, so that a report that a kill left half uploaded is uploaded again.
    client.set_tag(study_run, schema.REPORT_DIGEST, digest)
    return True


def _remove_former_tables(client: MlflowClient, study_run: Run, folder: Path) -> None:
    """Remove the tables of an earlier report from a run's artifacts: an upload only adds and replaces files."""
    repository = artifact_repository(client, str(study_run.info.artifact_uri))
    artifacts = repository.list_artifacts(f"{schema.REPORT_FOLDER}/tables")
    paths = {PurePosixPath(artifact.path).name: artifact.path for artifact in artifacts}
    for name in former_tables(paths, {file.stem for file in (folder / "tables").iterdir()}):
        repository.delete_artifacts(paths[name])
