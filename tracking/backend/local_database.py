"""What is read and changed in MLflow's SQLite database without MLflow: places of artifacts, and discarded runs.

The places are absolute, so that they are wrong once a data directory has moved.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlparse

from tracking import schema
from tracking.backend.errors import translating_errors
from tracking.backend.mlflow_internals import discarded_runs, recorded_artifact_roots, replace_artifact_root
from tracking.backend.read_only_files import is_read_only, reading_uri
from tracking.backend.sqlite_files import read_schema_revision

_TIMEOUT_S = 20


def find_former_folders(database: Path, artifacts: Path) -> list[Path]:
    """Find the folders in which MLflow looks for artifacts that are in another one now.

    Args:
        database: MLflow's SQLite database; need not exist.
        artifacts: Folder of the artifacts.

    Raises:
        StorageError: The database cannot be read; `UnavailableError` where it may be later.
    """
    if not _has_tables(database):
        return []
    with _opened(database) as connection:
        return [_path(root) for root in _former_roots(connection, artifacts)]


def relocate_artifacts(database: Path, artifacts: Path) -> list[Path]:
    """Let MLflow look for all artifacts in the folder where they are now, in one transaction.

    Args:
        database: MLflow's SQLite database, which no other process writes to.
        artifacts: Folder of the artifacts.

    Returns:
        The folders that were recorded.

    Raises:
        StorageError: The database cannot be changed; `UnavailableError` where it may be later.
    """
    with _opened(database) as connection:
        connection.execute("BEGIN IMMEDIATE")
        former_roots = _former_roots(connection, artifacts)
        for root in former_roots:
            replace_artifact_root(connection, root, artifacts.resolve().as_uri())
        connection.execute("COMMIT")
    return [_path(root) for root in former_roots]


def find_discarded_runs(database: Path) -> frozenset[str]:
    """Find the runs that count no more: deleted in MLflow, or superseded.

    Args:
        database: MLflow's SQLite database; need not exist.

    Raises:
        StorageError: The database cannot be read; `UnavailableError` where it may be later.
    """
    if not _has_tables(database):
        return frozenset()
    with _opened(database) as connection:
        return discarded_runs(connection, schema.SUPERSEDED)


def _has_tables(database: Path) -> bool:
    """Check that there are tables; refuse a file that is no database, or another program's."""
    return database.exists() and read_schema_revision(database) is not None


@contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    """Open an existing database; a transaction that the block leaves open is rolled back."""
    uri = reading_uri(database) if is_read_only(database) else f"{database.resolve().as_uri()}?mode=rw"
    with (
        translating_errors(f"MLflow's database {database}"),
        closing(sqlite3.connect(uri, timeout=_TIMEOUT_S, isolation_level=None, uri=True)) as connection,
    ):
        yield connection


def _former_roots(connection: sqlite3.Connection, artifacts: Path) -> list[str]:
    return sorted(recorded_artifact_roots(connection) - {artifacts.resolve().as_uri()})


def _path(uri: str) -> Path:
    return Path(unquote(urlparse(uri).path))
