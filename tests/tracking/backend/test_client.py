import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tests.support.toy_studies import CORPUS, MlflowFixture
from tracking.backend.client import connect, experiment_id

OPEN = "import sys; from pathlib import Path; from tracking.backend.client import connect\nconnect(Path(sys.argv[1]))"


def tables(database: Path) -> int:
    """Count the tables and indices that another process has created so far; 0 without a database."""
    if not database.is_file():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return len(connection.execute("SELECT name FROM sqlite_master").fetchall())
    except sqlite3.OperationalError:
        return 0


def test_a_new_store_is_complete_and_created_silently(tmp_path: Path) -> None:
    database = tmp_path / "deep" / "mlflow.db"
    answer = subprocess.run([sys.executable, "-c", OPEN, str(database)], capture_output=True, text=True, check=True)
    assert (answer.stdout, answer.stderr) == ("", "")
    assert sorted(path.name for path in database.parent.iterdir()) == ["mlflow.db", "mlflow.lock"]
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert [experiment.name for experiment in connect(database).search_experiments()] == ["Default"]


@pytest.mark.slow
def test_a_kill_while_the_store_is_created_is_repaired(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    process = subprocess.Popen([sys.executable, "-c", OPEN, str(database)])
    # Amid the migrations: MLflow could never use this store again.
    while tables(tmp_path / "mlflow.making" / "original.db") < 60:
        assert process.poll() is None, "the store was created before its migrations were seen"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not database.exists()
    client = connect(database)
    assert client.get_run(client.create_run("0").info.run_id).info.status == "RUNNING"
    assert not (tmp_path / "mlflow.making").exists()


def test_an_experiment_is_created_once_with_its_folder(store: MlflowFixture, tmp_path: Path) -> None:
    first = experiment_id(store.client, "emodb", tmp_path / "artifacts")
    assert experiment_id(store.client, "emodb", tmp_path / "artifacts") == first != store.experiment
    assert store.client.get_experiment(first).artifact_location == (tmp_path / "artifacts" / "emodb").as_uri()


def test_a_deleted_experiment_is_restored(store: MlflowFixture, tmp_path: Path) -> None:
    run = store.client.create_run(store.experiment).info.run_id
    store.client.delete_experiment(store.experiment)
    notes: list[str] = []
    for _ in range(2):
        assert experiment_id(store.client, CORPUS.name, tmp_path / "artifacts", notes.append) == store.experiment
    assert notes == [f"MLflow's experiment {CORPUS.name} was deleted there; it is restored with all its runs"]
    assert [found.info.run_id for found in store.runs()] == [run]


def test_two_commands_may_restore_an_experiment_at_once(
    store: MlflowFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.client.delete_experiment(store.experiment)
    restore = MlflowClient.restore_experiment

    def restore_twice(client: MlflowClient, experiment: str) -> None:
        restore(client, experiment)
        restore(client, experiment)

    monkeypatch.setattr(MlflowClient, "restore_experiment", restore_twice)
    assert experiment_id(store.client, CORPUS.name, tmp_path / "artifacts") == store.experiment
