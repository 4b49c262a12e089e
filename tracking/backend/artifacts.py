"""Artifacts of runs: local paths, downloads, uploads."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlparse

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from ser.files import link_or_copy
from tracking import schema
from tracking.backend.mlflow_internals import artifact_repository, download_file


def artifact_path(run: Run, name: str) -> Path | None:
    """Return the local path of an artifact, or None where the artifact store is not a local folder."""
    return local_path(f"{run.info.artifact_uri}/{name}")


def local_path(uri: str) -> Path | None:
    """Return the path that a URI of artifacts names, or None where it names no local folder."""
    parsed = urlparse(uri)
    return Path(unquote(parsed.path)) if parsed.scheme in ("file", "") else None


def has_trained_fold(run: Run) -> bool:
    """Check that the file of a fold's run exists; a remote store is trusted to have it.

    An empty file, which a power loss leaves of one just written, does not count.
    """
    path = artifact_path(run, schema.TRAINED_FOLD)
    return path is None or (path.is_file() and path.stat().st_size > 0)


@contextmanager
def open_artifact(client: MlflowClient, run: Run, name: str) -> Iterator[Path]:
    """Provide an artifact as a local file while the block runs.

    Yields:
        Path of the file; of a remote store's artifact a temporary copy.
    """
    path = artifact_path(run, name)
    if path is not None:
        yield path
    else:
        with tempfile.TemporaryDirectory(prefix="ser-") as folder:
            yield download(client, run, name, Path(folder))


def download(client: MlflowClient, run: Run, name: str, folder: Path) -> Path:
    """Download an artifact of a remote store into a folder; one that MLflow chooses would never be deleted."""
    path = folder / str(run.info.run_id) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    download_file(client, str(run.info.artifact_uri), name, path)
    return path


class Artifacts:
    """Uploader of artifacts; it remembers the artifact URI of a run, so that the server is not asked for it again."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client
        self._uris: dict[str, str] = {}

    def remember(self, run: Run) -> str:
        """Remember a run's artifact URI until `forget`; return the run's id."""
        run_id = str(run.info.run_id)
        self._uris[run_id] = str(run.info.artifact_uri)
        return run_id

    def forget(self, run_id: str) -> None:
        """Forget the artifact URI of a finished run."""
        self._uris.pop(run_id, None)

    def log(self, run_id: str, files: Mapping[str, bytes], linked: Mapping[str, Path] | None = None) -> None:
        """Write files by name; existing ones are replaced.

        Args:
            run_id: Id of the run.
            files: Content by name.
            linked: Files on disk that never change, by name: they are linked where the artifact store is a folder on
                the same file system, and copied elsewhere.
        """
        links = dict(linked or {})
        if not files and not links:
            return
        uri = self._uris.get(run_id) or str(self._client.get_run(run_id).info.artifact_uri)
        folder = local_path(uri)
        with tempfile.TemporaryDirectory() as drafts:
            for name, content in files.items():
                (Path(drafts) / name).write_bytes(content)
            if folder is None:
                for name, path in links.items():
                    (Path(drafts) / name).symlink_to(path.resolve())
            artifact_repository(self._client, uri).log_artifacts(drafts)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for name, path in links.items():
                link_or_copy(path, folder / name)
