"""One contract for all storages: one lease per study, free at once when its owner ends."""

import os
import platform
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from ser.errors import ConfigurationError, StorageError, StudyError, UnavailableError
from studies.search.optuna_study import OptunaStudy
from studies.search.summaries import list_studies
from studies.storages import storage_at
from studies.storages.base import Storage
from studies.storages.postgresql import PostgresqlStorage
from studies.storages.sqlite import SqliteStorage
from tests.support.other_coordinator import other_coordinator
from tests.support.postgresql import PASSWORD, PostgresqlServer
from tests.support.toy_coordinator import plan_of

PLAN = plan_of("none")
MAKE = (
    "import sys, time; from pathlib import Path; from studies.storages import storage_at\n"
    "storage = storage_at(sys.argv[1] or None, Path(sys.argv[2])); sys.stdin.readline(); storage.open()"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def named(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str | None, Path]:
    """What `storage_at` takes."""
    url = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else None
    return url, tmp_path / "deep" / "optuna.db"


@pytest.fixture
def storage(named: tuple[str | None, Path]) -> Storage:
    return storage_at(*named)


def other_process(code: str, named: tuple[str | None, Path]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", code, named[0] or "", str(named[1])]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@pytest.fixture
def holding(named: tuple[str | None, Path]) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that coordinates the study."""
    with other_coordinator(named, "a study") as process:
        yield process


def soon(condition: Callable[[], bool]) -> bool:
    """Waits until a condition is true, at most a minute; returns whether it is."""
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_processes_that_start_at_once_create_tables_once(named: tuple[str | None, Path], storage: Storage) -> None:
    assert not storage.exists()
    assert list_studies(storage) == []
    makers = [other_process(MAKE, named) for _ in range(3)]
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write(b"go\n")
        maker.stdin.flush()
    assert [maker.wait() for maker in makers] == [0, 0, 0]
    assert storage.exists()
    OptunaStudy.open(storage, "a study", PLAN)
    assert [study.name for study in list_studies(storage)] == ["a study"]


def test_a_lease_lasts_until_the_block_ends(storage: Storage) -> None:
    storage.open()
    assert storage.lease_owner("a study") is None
    with storage.acquire_lease("a study") as lease:
        lease.check()
        text = storage.lease_owner("a study")
        assert text is not None
        assert text.startswith(f"process {os.getpid()} on {platform.node()} since ")
        assert storage.lease_owner("a study") == text
        with storage.acquire_lease("another study"):
            assert storage.lease_owner("another study") is not None
    assert soon(lambda: storage.lease_owner("a study") is None)


def test_a_second_coordinator_is_told_the_owner(storage: Storage, holding: "subprocess.Popen[bytes]") -> None:
    with pytest.raises(StudyError) as caught, storage.acquire_lease("a study"):
        raise AssertionError("two coordinators run the same study")
    text = str(caught.value)
    prefix = f"study a study is already running (process {holding.pid} on {platform.node()} since "
    assert text.startswith(prefix)
    assert "\n" not in text
    since = datetime.fromisoformat(text.removeprefix(prefix).partition(")")[0])
    assert datetime.now(UTC) - timedelta(minutes=5) < since <= datetime.now(UTC)


def test_the_lease_of_a_killed_coordinator_is_free_at_once(
    storage: Storage, holding: "subprocess.Popen[bytes]"
) -> None:
    assert storage.lease_owner("a study") is not None
    holding.kill()
    holding.wait()
    assert soon(lambda: storage.lease_owner("a study") is None)
    with storage.acquire_lease("a study"):
        text = storage.lease_owner("a study")
        assert text is not None
        assert text.startswith(f"process {os.getpid()} on ")


def test_a_title_names_no_password(named: tuple[str | None, Path], storage: Storage) -> None:
    assert PASSWORD not in storage.title
    assert storage.title.startswith("PostgreSQL" if named[0] else f"SQLite {named[1]}")


def test_sqlite_logs_ahead(tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "optuna.db")
    storage.open().engine.dispose()
    with closing(sqlite3.connect(tmp_path / "optuna.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.execute("PRAGMA journal_mode=DELETE")
    assert ("write-ahead log", "off (delete)") in storage.describe()
    storage.open()
    assert ("write-ahead log", "on") in storage.describe()


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "optuna.db").write_text("not a database, and long enough to be taken for one " * 40)
    with pytest.raises(StorageError, match=r"optuna\.db cannot be used \(file is not a database"):
        SqliteStorage(tmp_path / "optuna.db").open()


@pytest.mark.parametrize("url", ["mysql://ser:hidden@host/ser", "optuna.db", "postgresql+psycopg2://ser:hidden@host/x"])
def test_an_unknown_storage_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"expected postgresql\+psycopg://") as caught:
        storage_at(url, Path("optuna.db"))
    assert "hidden" not in str(caught.value)


def test_a_missing_server_is_unavailable(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'ser-studies[postgres]'")
    storage = PostgresqlStorage("postgresql://ser:hidden@127.0.0.1:1/ser")
    with pytest.raises(UnavailableError, match="unavailable") as caught:
        storage.open()
    assert "hidden" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_password_does_not_count_as_unavailable(postgresql_url: str) -> None:
    for wrong in (postgresql_url.replace(PASSWORD, "guessed"), f"{postgresql_url}_not"):
        with pytest.raises(StorageError, match="cannot be used") as caught:
            storage_at(wrong, Path("optuna.db")).exists()
        assert not isinstance(caught.value, UnavailableError)
        assert "guessed" not in str(caught.value)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_lease_is_reacquired_when_the_server_is_back(own_postgresql: PostgresqlServer, end: str) -> None:
    storage = storage_at(own_postgresql.url, Path("optuna.db"))
    with storage.acquire_lease("a study") as lease:
        getattr(own_postgresql, end)()
        with pytest.raises(UnavailableError):
            lease.check()
        with pytest.raises(UnavailableError):
            lease.check()
        own_postgresql.start()
        lease.check()
        assert storage.lease_owner("a study") is not None


def test_a_lease_acquired_by_another_during_an_outage_is_lost(own_postgresql: PostgresqlServer) -> None:
    named = (own_postgresql.url, Path("optuna.db"))
    storage = storage_at(*named)
    with storage.acquire_lease("a study") as lease:
        own_postgresql.stop()
        own_postgresql.start()
        with (
            other_coordinator(named, "a study") as other,
            pytest.raises(StudyError, match=f"already running .process {other.pid}"),
        ):
            lease.check()


def test_one_that_slept_ends_when_another_ended_the_study(postgresql_url: str) -> None:
    named = (postgresql_url, Path("optuna.db"))
    storage = storage_at(*named)
    with storage.acquire_lease("a study") as lease:
        end_connections(postgresql_url)
        with other_coordinator(named, "a study") as other:
            pass
        assert soon(lambda: storage.lease_owner("a study") is None)
        for _ in range(2):
            with pytest.raises(StudyError, match=f"was continued by process {other.pid} on .* while this process had"):
                lease.check()
        assert storage.lease_owner("a study") is None


def end_connections(url: str) -> None:
    """End all connections to a database, as those of a machine that slept."""
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        connection.execute(
            sqlalchemy.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid != pg_backend_pid()"
            )
        )


class Relay:
    """Relays connections to a server; those that it cuts stay open at the server, as after a router's failure.

    Args:
        port: The server's port on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._near: list[socket.socket] = []
        self._far: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Breaks every connection at the client's end alone."""
        for near in self._near:
            near.shutdown(socket.SHUT_RDWR)
        self._near.clear()

    def close(self) -> None:
        for connection in (self._listener, *self._near, *self._far):
            connection.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._server)
                self._near.append(near)
                self._far.append(far)
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(65536):
                target.sendall(content)


def test_a_half_open_connection_does_not_block_its_own_study(postgresql_url: str) -> None:
    url = sqlalchemy.make_url(postgresql_url)
    assert url.port is not None
    relay = Relay(url.port)
    through_relay = url.set(host="127.0.0.1", port=relay.port).render_as_string(hide_password=False)
    direct = storage_at(postgresql_url, Path("optuna.db"))
    with storage_at(through_relay, Path("optuna.db")).acquire_lease("a study") as lease:
        lease.check()
        relay.cut()
        assert direct.lease_owner("a study") is not None
        lease.check()
        assert direct.lease_owner("a study") is not None
        with (
            pytest.raises(StudyError, match=f"already running .process {os.getpid()}"),
            direct.acquire_lease("a study"),
        ):
            raise AssertionError("two coordinators run the same study")
    assert soon(lambda: direct.lease_owner("a study") is None)
    relay.close()


def test_a_connection_probes_the_servers_machine(postgresql_url: str) -> None:
    storage = PostgresqlStorage(postgresql_url)
    for engine in (storage.engine(), storage.open().engine):
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            with socket.socket(fileno=os.dup(driver.fileno())) as held:
                waits = [
                    held.getsockopt(socket.IPPROTO_TCP, option)
                    for option in (socket.TCP_KEEPIDLE, socket.TCP_USER_TIMEOUT)
                ]
        engine.dispose()
        assert waits == [10, 25_000]
