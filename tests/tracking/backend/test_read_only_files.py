import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from tracking.backend.read_only_files import is_read_only, reading_uri, sqlite_url


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "a home? 50%#1" / "runs.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE runs (name)")
        connection.execute("INSERT INTO runs VALUES ('first')")
        connection.commit()
    return path


@pytest.fixture
def nothing_writable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for a read-only file system, which root's tests cannot make."""
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)


def runs(database: Path) -> list[str]:
    engine = create_engine(sqlite_url(database))
    with engine.connect() as connection:
        return [name for (name,) in connection.execute(text("SELECT name FROM runs"))]


def test_a_database_that_can_be_written_is_opened_as_ever(database: Path) -> None:
    assert not is_read_only(database)
    assert sqlite_url(Path("/data/runs.db")) == "sqlite:////data/runs.db"
    assert reading_uri(Path("/data/a?b.db")) == "file:/data/a%3Fb.db?mode=ro"


@pytest.mark.usefixtures("nothing_writable")
def test_a_read_only_database_is_read_and_nothing_is_made(database: Path) -> None:
    assert is_read_only(database)
    assert runs(database) == ["first"]
    assert [path.name for path in database.parent.iterdir()] == ["runs.db"]
    with pytest.raises(OperationalError, match="readonly"), create_engine(sqlite_url(database)).begin() as connection:
        connection.execute(text("INSERT INTO runs VALUES ('second')"))


@pytest.mark.usefixtures("nothing_writable")
def test_the_log_of_a_running_writer_is_read(database: Path) -> None:
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("INSERT INTO runs VALUES ('second')")
        writer.commit()
        assert runs(database) == ["first", "second"]


@pytest.mark.usefixtures("nothing_writable")
def test_a_missing_database_is_not_read_only(tmp_path: Path) -> None:
    assert not is_read_only(tmp_path / "none.db")
