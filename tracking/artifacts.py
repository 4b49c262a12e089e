"""Files of runs, written where the runs keep them."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow.entities import Run
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking import MlflowClient


class Artifacts:
    """Writes files of runs; a run that was seen need not be asked for again only to learn where its files go.

    Args:
        client: The tracking store.
    """

    def __init__(self, client: MlflowClient) -> None:
        self._client = client
        self._places: dict[str, str] = {}

    def expect(self, run: Run) -> str:
        """Notes where a run keeps its files, until `forget`; returns the run's id."""
        run_id = str(run.info.run_id)
        self._places[run_id] = str(run.info.artifact_uri)
        return run_id

    def forget(self, run_id: str) -> None:
        """Lets go of the note of a run that is written to its end."""
        self._places.pop(run_id, None)

    def write(self, run_id: str, files: Mapping[str, bytes]) -> None:
        """Writes files, by name; one that is there is replaced."""
        if not files:
            return
        place = self._places.get(run_id) or self._client.get_run(run_id).info.artifact_uri
        repository: Any = get_artifact_repository(place, tracking_uri=self._client.tracking_uri)
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            repository.log_artifacts(folder)
