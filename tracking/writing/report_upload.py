"""A report among the artifacts of its study's run, where MLflow shows it."""

import hashlib
from pathlib import Path

from mlflow.tracking import MlflowClient

from tracking import schema
from tracking.backend.queries import search_runs


def upload_report(client: MlflowClient, experiment: str, study: str, folder: Path) -> bool:
    """Logs a report to its study's run; a report of the same content is not logged again.

    Args:
        client: The tracking store.
        experiment: Id of the experiment.
        study: Name of the study.
        folder: The report's folder.

    Returns:
        Whether it was logged; not where the study was stopped before it had a run.
    """
    digest = _digest(folder)
    found = search_runs(client, experiment, ser__kind="study", ser__study=study)
    if not found or found[0].data.tags.get(schema.REPORT_DIGEST) == digest:
        return False
    study_run = found[0].info.run_id
    client.log_artifacts(study_run, str(folder), schema.REPORT_FOLDER)
    # Last, so that a report which a kill left half logged is logged again.
    client.set_tag(study_run, schema.REPORT_DIGEST, digest)
    return True


def _digest(folder: Path) -> str:
    """Digest of all files of a folder, names included."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:32]
