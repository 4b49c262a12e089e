"""Connection to the MLflow tracking store: a SQLite database, created on first use, or a server."""

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# A request that is sent again after its answer was lost would create a run twice. `BackgroundWriter` tries again, and
# its writes look first for what exists; MLflow itself must not.
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
# Two lines on standard output for each run that ends, and two requests to fill them in.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# A bar for each file of a few kilobytes that a server is asked for, across those of the study.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from mlflow.entities import LifecycleStage
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from ser.errors import ConfigurationError, StorageError
from ser.files import file_lock
from tracking.backend.errors import redact_password, translating_errors
from tracking.backend.mlflow_internals import (
    cache_databricks_check,
    count_runs,
    schema_revisions,
    silence_database_errors,
)
from tracking.backend.read_only_files import is_read_only, reading_uri, sqlite_url
from tracking.backend.sqlite_files import check_schema, copy_database, read_schema_revision, upgrade_remedy

cache_databricks_check()

_log = logging.getLogger("ser")


def retry_once_on_conflict(write: Callable[[], object]) -> None:
    """Carry out a write that other studies do, too, such as naming their common data.

    Of two first writes at the same time MLflow refuses one; by then the other is done, and it may be repeated.
    """
    try:
        write()
    except MlflowException:
        write()


def end_run(client: MlflowClient, run_id: str, status: str, ended_ms: int | None = None) -> None:
    """End a run, now or at a time, but not before it started: clocks may have been set back since.

    Args:
        client: The tracking store.
        run_id: Id of the run.
        status: Its status, such as 'FINISHED'.
        ended_ms: Time of its end, in milliseconds since 1970, or None for now.
    """
    started_ms = int(client.get_run(run_id).info.start_time)
    now_ms = time.time_ns() // 1_000_000
    client.set_terminated(run_id, status, max(started_ms, now_ms if ended_ms is None else ended_ms))


def connect(location: Path | str) -> MlflowClient:
    """Connect to the tracking store; create a SQLite database that does not exist.

    Two processes that create the database at once would both fail, so that creation is locked. A database in a folder
    that cannot be written is opened to be read, without a lock.

    Args:
        location: Path of the database, or URI of a tracking server.

    Returns:
        A client; it never touches MLflow's global run.

    Raises:
        ConfigurationError: The URI is not one of a tracking server.
        StorageError: The store cannot be used; `UnavailableError` where it may be later.
    """
    if isinstance(location, str):
        return _connect_to_server(location)
    read_only = is_read_only(location)
    with (
        translating_errors(f"MLflow's database {location}"),
        nullcontext() if read_only else file_lock(location.with_suffix(".lock")),
    ):
        silence_database_errors()
        if location.exists():
            # MLflow would migrate some older databases without asking, and fill those of other programs.
            _check_schema(location)
        else:
            _create_database(location)
        if not read_only:
            _enable_wal(location)
        client = MlflowClient(tracking_uri=sqlite_url(location))
        client.search_experiments(max_results=1)
    return client


def _connect_to_server(uri: str) -> MlflowClient:
    if not _is_server_uri(uri):
        raise ConfigurationError(
            f"'{redact_password(uri)}' is not a tracking server; expected http://HOST:PORT, or nothing for SQLite"
        )
    client = MlflowClient(tracking_uri=uri)
    with translating_errors(f"tracking server {redact_password(uri)}"):
        client.search_experiments(max_results=1)
    return client


def _is_server_uri(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        # Read, since a port is checked no earlier.
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def upgrade_store(location: Path | str) -> Path | None:
    """Migrate a SQLite database of an older MLflow by MLflow's own command, after a copy.

    Args:
        location: Path of the database, or URI of a tracking server, whose database its administrator migrates.

    Returns:
        The copy; None where nothing is to be migrated.

    Raises:
        StorageError: The database cannot be migrated; it is named with its copy.
    """
    if isinstance(location, str) or not location.exists():
        return None
    with file_lock(location.with_suffix(".lock")):
        revision, revisions = read_schema_revision(location), schema_revisions()
        if revision is None or revision not in revisions[1:]:
            _check_schema(location)
            return None
        copy = copy_database(location)
        command = [sys.executable, "-m", "mlflow", "db", "upgrade", f"sqlite:///{location.resolve()}"]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        if process.returncode != 0:
            reason = process.stderr.strip().rpartition("\n")[2]
            raise StorageError(f"MLflow's database {location} cannot be migrated ({reason}); its copy is {copy}")
    return copy


def _check_schema(database: Path) -> None:
    """Refuse a database that is damaged or not of the installed MLflow's version."""
    revision = read_schema_revision(database)
    if revision is not None:
        title = f"MLflow's database {database}"
        check_schema(title, "MLflow", revision, schema_revisions(), upgrade_remedy(database))


def _enable_wal(database: Path) -> None:
    """Turn on the write-ahead log, which halves the time of a write; the setting stays in the file."""
    with closing(sqlite3.connect(database, timeout=20)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def describe_store(location: Path | str) -> list[tuple[str, str]]:
    """Describe a tracking store as names and values, without changing it.

    Args:
        location: Path of an existing database, or URI of a tracking server.

    Raises:
        StorageError: The store cannot be used; `UnavailableError` where it may be later.
    """
    if isinstance(location, str):
        client = _connect_to_server(location)
        with translating_errors(f"tracking server {redact_password(location)}"):
            return [("experiments", str(len(client.search_experiments())))]
    _check_schema(location)
    with (
        translating_errors(f"MLflow's database {location}"),
        closing(sqlite3.connect(reading_uri(location), uri=True)) as connection,
    ):
        schema, runs = count_runs(connection)
        (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    write_ahead = "on" if journal == "wal" else f"off ({journal})"
    return [("schema", schema), ("write-ahead log", write_ahead), ("number of runs", str(runs))]


def _create_database(database: Path) -> None:
    """Create an empty database in a folder beside its path and rename it; the caller holds the lock.

    A kill amid the hundred tables and migrations of a new database would leave one that MLflow can
    neither use nor repair.
    """
    journal = database.with_name(f"{database.name}-wal")
    if journal.exists():
        # SQLite would write what it holds into the new database.
        raise StorageError(f"{journal}: its database {database.name} is missing; restore that, or move the file away")
    folder = database.with_suffix(".making")
    # Only a kill can have left it; a journal in it must not meet a new file.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    original, copy = folder.resolve() / "original.db", folder / "copy.db"
    MlflowClient(tracking_uri=f"sqlite:///{original}").search_experiments(max_results=1)
    # MLflow keeps its connections open, so that its own file cannot be moved safely: a copy can.
    with closing(sqlite3.connect(original)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    copy.replace(database)
    shutil.rmtree(folder)


def restore_experiment(client: MlflowClient, experiment: str) -> None:
    """Restore a deleted experiment with all its runs; another process may do it at the same time."""
    try:
        client.restore_experiment(experiment)
    except MlflowException:
        if client.get_experiment(experiment).lifecycle_stage == LifecycleStage.DELETED:
            raise


def experiment_id(
    client: MlflowClient, name: str, artifacts: Path | None, notify: Callable[[str], None] = _log.info
) -> str:
    """Find the experiment of a corpus; restore it if it was deleted, and create it if it does not exist.

    Args:
        client: The tracking store.
        name: Name of the experiment.
        artifacts: Parent folder of its artifacts; None where the tracking server stores them.
        notify: Called with one line where it was deleted.

    Returns:
        MLflow's id.
    """
    experiment = client.get_experiment_by_name(name)
    if experiment is not None and experiment.lifecycle_stage == LifecycleStage.DELETED:
        restore_experiment(client, str(experiment.experiment_id))
        notify(f"MLflow's experiment {name} was deleted there; it is restored with all its runs")
    if experiment is None and artifacts is not None:
        with file_lock(artifacts / ".experiments.lock"):
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                return str(client.create_experiment(name, artifact_location=(artifacts / name).resolve().as_uri()))
    if experiment is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:
            # Another machine's study may have created it since; if not, the server's error is the reason.
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    return str(experiment.experiment_id)
