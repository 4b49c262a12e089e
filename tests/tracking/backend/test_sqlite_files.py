"""Databases that are damaged, of another version or no databases: one line with the remedy, and nothing is changed."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from shutil import copyfile

import pytest
from alembic import command
from mlflow.store.db.utils import _get_alembic_config
from optuna.storages import RDBStorage

from ser.errors import StorageError
from studies.storages.sqlite import SqliteStorage
from tracking.backend.client import connect, upgrade_store
from tracking.backend.sqlite_files import read_schema_revision

OPEN: dict[str, Callable[[Path], object]] = {
    "mlflow.db": connect,
    "optuna.db": lambda database: SqliteStorage(database).open(),
}


@pytest.fixture(params=OPEN)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An empty database of MLflow or Optuna."""
    fixture = "empty_store" if request.param == "mlflow.db" else "empty_search"
    copyfile(request.getfixturevalue(fixture), tmp_path / request.param)
    return tmp_path / str(request.param)


def refusal(database: Path) -> str:
    """The line with which a database is refused; its file stays as it is."""
    content = database.read_bytes() if database.is_file() else None
    with pytest.raises(StorageError) as caught:
        OPEN[database.name](database)
    assert content == (database.read_bytes() if database.is_file() else None)
    assert "\n" not in str(caught.value)
    assert str(database) in str(caught.value)
    return str(caught.value)


def set_revision(database: Path, revision: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
        connection.commit()


def test_a_text_in_place_of_a_database_is_damaged(database: Path) -> None:
    database.write_text("not a database, and long enough to be taken for one " * 40)
    assert "file is not a database: the file is damaged; move it away" in refusal(database)


def test_a_database_cut_in_half_is_damaged(database: Path) -> None:
    content = database.read_bytes()
    database.write_bytes(content[: len(content) // 2])
    assert "malformed: the file is damaged; move it away with its -wal and -shm files" in refusal(database)


def test_a_folder_in_place_of_a_database_is_named(database: Path) -> None:
    database.unlink()
    database.mkdir()
    assert "is a folder; expected a SQLite database" in refusal(database)


def test_a_database_of_another_program_gets_no_tables(database: Path) -> None:
    database.unlink()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE notes (text)")
    assert "a SQLite database of another program; move it away" in refusal(database)


def test_a_newer_database_names_the_version_that_it_needs(database: Path) -> None:
    set_revision(database, "from-the-future")
    assert "its schema from-the-future is unknown to " in refusal(database)


def make_older(database: Path) -> None:
    """Undo the last migration of a database; a new one of Optuna's has not the index that the last one makes."""
    url = f"sqlite:///{database}"
    if database.name == "mlflow.db":
        command.downgrade(_get_alembic_config(url), "-1")
    else:
        set_revision(database, RDBStorage(url).get_all_versions()[1])


def test_an_older_database_is_migrated_when_asked(database: Path) -> None:
    newest = read_schema_revision(database)
    make_older(database)
    older = read_schema_revision(database)
    assert older != newest
    assert f"; migrate it, after a copy that is made first, with: ser storage upgrade --home {database.parent}" in (
        refusal(database)
    )
    storage = SqliteStorage(database)
    copy = upgrade_store(database) if database.name == "mlflow.db" else storage.upgrade()
    assert copy is not None
    assert (read_schema_revision(copy), read_schema_revision(database)) == (older, newest)
    OPEN[database.name](database)
    assert (upgrade_store(database) if database.name == "mlflow.db" else storage.upgrade()) is None


def test_a_journal_without_its_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db-wal").write_bytes(b"rows of a database that was moved away")
    with pytest.raises(StorageError, match=r"mlflow\.db-wal: its database mlflow\.db is missing; restore that"):
        connect(tmp_path / "mlflow.db")
    assert not (tmp_path / "mlflow.db").exists()
