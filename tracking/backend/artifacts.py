"""Files of runs: where they lie, and writing them there."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlparse

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from tracking import schema
from tracking.backend.mlflow_internals import artifact_repository


def artifact_path(run: Run, name: str) -> Path | None:
    """Where an artifact lies on this machine, or None where the store is not a local folder."""
    parsed = urlparse(f"{run.info.artifact_uri}/{name}")
    return Path(unquote(parsed.path)) if parsed.scheme in ("file", "") else None


def has_result_artifact(run: Run) -> bool:
    """Whether a run's result lies on this machine; of a store elsewhere it is taken on trust.

    An empty file, which a loss of power leaves of one that had just been written, is none.
    """
    path = artifact_path(run, schema.RESULT_OF[run.data.tags[schema.KIND]])
    return path is None or (path.is_file() and path.stat().st_size > 0)


@contextmanager
def open_artifact(client: MlflowClient, run: Run, name: str) -> Iterator[Path]:
    """A file on this machine with an artifact's content, for as long as the block runs.

    Args:
        client: The tracking store.
        run: The run.
        name: Name of the artifact.

    Yields:
        The file; of a store elsewhere a copy.
    """
    path = artifact_path(run, name)
    if path is not None:
        yield path
    else:
        with tempfile.TemporaryDirectory(prefix="ser-") as folder:
            yield download(client, run, name, Path(folder))


def download(client: MlflowClient, run: Run, name: str, folder: Path) -> Path:
    """Copies an artifact of a store elsewhere into a folder; MLflow's own choice of a folder would stay for ever."""
    own = folder / str(run.info.run_id)
    own.mkdir(parents=True, exist_ok=True)
    return Path(client.download_artifacts(run.info.run_id, name, str(own)))


class Artifacts:
    """Writes files of runs; a run that was seen need not be asked for again only to learn where its files go.

    Args:
        client: The tracking store.
    """

    def __init__(self, client: MlflowClient) -> None:
        self._client = client
        self._uris: dict[str, str] = {}

    def remember(self, run: Run) -> str:
        """Notes where a run keeps its files, until `forget`; returns the run's id."""
        run_id = str(run.info.run_id)
        self._uris[run_id] = str(run.info.artifact_uri)
        return run_id

    def forget(self, run_id: str) -> None:
        """Lets go of the note of a run that is written to its end."""
        self._uris.pop(run_id, None)

    def log(self, run_id: str, files: Mapping[str, bytes]) -> None:
        """Writes files, by name; one that is there is replaced."""
        if not files:
            return
        uri = self._uris.get(run_id) or str(self._client.get_run(run_id).info.artifact_uri)
        repository = artifact_repository(self._client, uri)
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            repository.log_artifacts(folder)
