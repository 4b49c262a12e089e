"""Opening the MLflow tracking store, made once before anybody uses it."""

import fcntl
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from mlflow.tracking import MlflowClient


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Holds a lock file while the block runs; the system frees it when the process ends, however it ends.

    Args:
        path: The lock file; it is made where it is missing, and stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def open_tracking(database: Path) -> MlflowClient:
    """Opens the SQLite tracking store, and makes it first where there is none.

    Two processes that make the database at once would both fail, so making it is locked.

    Args:
        database: The database file.

    Returns:
        A client; it never touches MLflow's global run.
    """
    with exclusive(database.with_suffix(".lock")):
        if not database.is_file():
            _make(database)
        client = MlflowClient(tracking_uri=f"sqlite:///{database.resolve()}")
        client.search_experiments(max_results=1)
    return client


def _make(database: Path) -> None:
    """Makes an empty store beside its place and moves it there whole; the caller holds the lock.

    A kill amid the hundred tables and migrations of a new store would leave one that MLflow can
    neither use nor mend. The write-ahead log, set once and kept in the file, halves the time of a write.
    """
    # MLflow tells of every new store; whoever runs a study did not ask for one.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    folder = database.with_suffix(".making")
    # Only a kill can have left it; a journal in it must not meet a new file.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made, copied = folder.resolve() / "made.db", folder / "copied.db"
    MlflowClient(tracking_uri=f"sqlite:///{made}").search_experiments(max_results=1)
    # MLflow keeps its connections open, so that its own file cannot be moved safely: a copy can.
    with closing(sqlite3.connect(made)) as source, closing(sqlite3.connect(copied)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode=WAL")
    copied.replace(database)
    shutil.rmtree(folder)


def experiment_id(client: MlflowClient, name: str, artifacts: Path) -> str:
    """The experiment of a corpus, made where there is none.

    Args:
        client: The tracking store.
        name: Its name.
        artifacts: Folder below which its artifacts lie.

    Returns:
        MLflow's id.
    """
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        return str(experiment.experiment_id)
    with exclusive(artifacts / ".experiments.lock"):
        experiment = client.get_experiment_by_name(name)
        if experiment is not None:
            return str(experiment.experiment_id)
        return str(client.create_experiment(name, artifact_location=(artifacts / name).resolve().as_uri()))
