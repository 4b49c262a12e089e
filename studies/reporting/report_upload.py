"""Upload of a report to MLflow, which shows it with its study's run; the report is complete without it."""

import os
from collections.abc import Callable
from pathlib import Path

from mlflow.exceptions import MlflowException

from ser.errors import StorageError
from ser.files import atomic_write
from studies.reporting.report_runner import upload_key
from studies.search.session import find_experiment
from studies.search.summaries import StudySummary
from studies.storages.artifact_locations import hold_artifact_locations
from studies.storages.home import Home
from tracking.backend.client import connect
from tracking.backend.errors import translating_errors
from tracking.backend.read_only_files import is_read_only
from tracking.writing.report_upload import upload_report


def upload_to_study_run(folder: Path, home: Home, study: StudySummary, notify: Callable[[str], None]) -> None:
    """Upload a report to the run of its study, unless MLflow cannot be used now.

    Args:
        folder: The report's folder.
        home: The data directory.
        study: The study.
        notify: Called with one line where the report was not uploaded, or tables of an earlier one stay.
    """
    store = home.tracking_uri_or_path
    if study.location is None or (isinstance(store, Path) and (not store.is_file() or is_read_only(store))):
        # There is no run, which the study's next start writes, or the database may only be read.
        return
    try:
        with translating_errors("MLflow"), hold_artifact_locations(home, notify):
            client = connect(store)
            upload_report(client, find_experiment(client, home, study, notify), study.name, folder, notify)
        if os.access(home.root, os.W_OK):
            record = home.uploaded_report(study.name)
            record.parent.mkdir(exist_ok=True)
            atomic_write(record, upload_key(home, folder))
    except (StorageError, MlflowException) as error:
        notify(f"the report was not uploaded to MLflow: {str(error).partition(chr(10))[0]}")
