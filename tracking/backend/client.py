"""Opening the MLflow tracking store, made once before anybody uses it."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# A request that is sent again after its answer was lost would make a run twice. Whoever writes looks first what is
# there and then tries again (`tracking.outbox.background_writer`), so that nobody below may.
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
from tracking.backend.errors import redact_password, translating_errors
from tracking.backend.file_lock import file_lock
from tracking.backend.mlflow_internals import cache_databricks_check, count_runs, silence_database_errors

cache_databricks_check()


def retry_once_on_conflict(write: Callable[[], object]) -> None:
    """Carries out a write that other studies do, too, such as naming their common data.

    Of two that write it for the first time at once MLflow refuses one; by then it is there, and may be written again.

    Args:
        write: The write.
    """
    try:
        write()
    except MlflowException:
        write()


def connect(where: Path | str) -> MlflowClient:
    """Opens the tracking store; a SQLite file is made first where there is none.

    Two processes that make the database at once would both fail, so making it is locked.

    Args:
        where: The database file, or the URI of a tracking server.

    Returns:
        A client; it never touches MLflow's global run.

    Raises:
        ConfigurationError: The URI is none of a tracking server.
        StorageError: The store cannot be used; `UnavailableError` where it cannot be reached now.
    """
    if isinstance(where, str):
        return _open_server(where)
    with translating_errors(f"MLflow's database {where}"), file_lock(where.with_suffix(".lock")):
        silence_database_errors()
        if not where.is_file():
            _create_database(where)
        _enable_wal(where)
        client = MlflowClient(tracking_uri=f"sqlite:///{where.resolve()}")
        client.search_experiments(max_results=1)
    return client


def _open_server(uri: str) -> MlflowClient:
    if uri.partition(":")[0] not in ("http", "https"):
        raise ConfigurationError(
            f"tracking '{redact_password(uri)}' is no tracking server; expected http://HOST:PORT, or nothing for SQLite"
        )
    client = MlflowClient(tracking_uri=uri)
    with translating_errors(f"tracking server {redact_password(uri)}"):
        client.search_experiments(max_results=1)
    return client


def _enable_wal(database: Path) -> None:
    """Sets the write-ahead log, which halves the time of a write; the file keeps it."""
    with closing(sqlite3.connect(database, timeout=20)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def describe_store(where: Path | str) -> list[tuple[str, str]]:
    """What a look at a tracking store finds: names and values. Nothing is changed.

    Args:
        where: The database file, which is there, or the URI of a tracking server.

    Raises:
        StorageError: The store cannot be used; `UnavailableError` where it cannot be reached now.
    """
    if isinstance(where, str):
        client = _open_server(where)
        with translating_errors(f"tracking server {redact_password(where)}"):
            return [("experiments", str(len(client.search_experiments())))]
    with (
        translating_errors(f"MLflow's database {where}"),
        closing(sqlite3.connect(f"file:{where.resolve()}?mode=ro", uri=True)) as connection,
    ):
        schema, runs = count_runs(connection)
        (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    ahead = "on" if journal == "wal" else f"off ({journal})"
    return [("schema", schema), ("write-ahead log", ahead), ("number of runs", str(runs))]


def _create_database(database: Path) -> None:
    """Makes an empty store beside its place and moves it there whole; the caller holds the lock.

    A kill amid the hundred tables and migrations of a new store would leave one that MLflow can
    neither use nor mend.
    """
    folder = database.with_suffix(".making")
    # Only a kill can have left it; a journal in it must not meet a new file.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made, copied = folder.resolve() / "made.db", folder / "copied.db"
    MlflowClient(tracking_uri=f"sqlite:///{made}").search_experiments(max_results=1)
    # MLflow keeps its connections open, so that its own file cannot be moved safely: a copy can.
    with closing(sqlite3.connect(made)) as source, closing(sqlite3.connect(copied)) as target:
        source.backup(target)
    copied.replace(database)
    shutil.rmtree(folder)


def experiment_id(client: MlflowClient, name: str, artifacts: Path | None) -> str:
    """The experiment of a corpus, made where there is none.

    Args:
        client: The tracking store.
        name: Its name.
        artifacts: Folder below which its artifacts lie; None where the tracking server keeps them.

    Returns:
        MLflow's id.

    Raises:
        StorageError: It was deleted.
    """
    experiment = client.get_experiment_by_name(name)
    if experiment is not None and experiment.lifecycle_stage == LifecycleStage.DELETED:
        raise StorageError(
            f"MLflow's experiment {name} was deleted, which can be undone; give the same command again after: "
            f"mlflow experiments restore --experiment-id {experiment.experiment_id}"
        )
    if experiment is None and artifacts is not None:
        with file_lock(artifacts / ".experiments.lock"):
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                return str(client.create_experiment(name, artifact_location=(artifacts / name).resolve().as_uri()))
    if experiment is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:
            # Another machine's study has made it since; if not, the server's refusal stands.
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    return str(experiment.experiment_id)
