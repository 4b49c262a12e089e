"""PostgreSQL: for a team; a coordinator's place is an advisory lock on a connection that it holds.

The server frees the lock when the connection ends, so that the place of a process that was killed
is free at once, and that of a machine that lost its power after the keep-alives named below.
"""

import logging
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from ser.errors import ConfigurationError, SerError, StorageError, StudyError, UnavailableError
from studies.storages.base import Lease, Storage
from tracking.backend.errors import translate_error

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from sqlalchemy import Connection, Engine

_log = logging.getLogger("ser")

CONNECT_TIMEOUT_S = 10
_END_S = 2.0
_PAUSE_S = 0.05
_HOLDERS = "ser_coordinators"
_MAKING = "making the tables"

# After 10 s of silence three questions, 5 s apart: a machine that is gone is known to be so after 25 s, to the server
# by the first and to us by the second ones.
_KEEP_ALIVE = ("SET tcp_keepalives_idle = 10", "SET tcp_keepalives_interval = 5", "SET tcp_keepalives_count = 3")
_KEEP_ALIVE_HERE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
_TABLE = (
    f"CREATE TABLE IF NOT EXISTS {_HOLDERS} "
    "(study text PRIMARY KEY, host text NOT NULL, process integer NOT NULL, since text NOT NULL, "
    "backend integer NOT NULL)"
)
_TAKE_PLACE = (
    f"INSERT INTO {_HOLDERS} VALUES (:study, :host, :process, :since, pg_backend_pid()) "
    "ON CONFLICT (study) DO UPDATE SET host = excluded.host, process = excluded.process, "
    "since = excluded.since, backend = excluded.backend"
)
_END = (
    f"SELECT pg_terminate_backend(backend) FROM {_HOLDERS} WHERE study = :study AND host = :host "
    "AND process = :process AND since = :since AND backend = :backend"
)
_WHO_LOCKED = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND ((classid::bigint << 32) | objid::bigint) = :key"
)


class PostgresqlStorage(Storage):
    """Studies in a PostgreSQL database.

    Args:
        url: Its URL.

    Raises:
        ConfigurationError: The URL cannot be read, or psycopg is not installed.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = sqlalchemy.make_url(url).set(drivername="postgresql+psycopg")
        except SQLAlchemyError:
            raise ConfigurationError(
                "the storage's URL cannot be read; expected postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
            ) from None
        self._url = parsed

    @property
    def title(self) -> str:
        """Kind and URL, without the password; see the base class."""
        return f"PostgreSQL {self._url.render_as_string(hide_password=True)}"

    def exists(self) -> bool:
        """Whether the database has Optuna's tables; see the base class."""
        with self._connected() as connection:
            return sqlalchemy.inspect(connection).has_table("studies")

    def open(self) -> "RDBStorage":
        """Opens the database; see the base class."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with self._connected() as connection:
            _make_table(connection)
            # Two processes that make the tables at once could both fail; the lock ends with the connection.
            connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": _key(_MAKING)})
            return optuna.storages.RDBStorage(
                self._url.render_as_string(hide_password=False),
                engine_kwargs={"pool_pre_ping": True, "connect_args": _arguments()},
            )

    @contextmanager
    def acquire_lease(self, study: str) -> Iterator[Lease]:
        """Takes the study's advisory lock; see the base class."""
        place = AdvisoryLease(self, study)
        try:
            place.acquire()
            yield place
        finally:
            place.release()

    def lease_owner(self, study: str) -> str | None:
        """Who has the study's advisory lock; see the base class."""
        with self._connected() as connection:
            return _described(connection, study)

    def describe(self) -> list[tuple[str, str]]:
        """The server's version, and the connections it has left; see the base class."""
        with self._connected() as connection:
            version = connection.execute(sqlalchemy.text("SHOW server_version")).scalar_one()
            used = connection.execute(sqlalchemy.text("SELECT count(*) FROM pg_stat_activity")).scalar_one()
            most = connection.execute(sqlalchemy.text("SHOW max_connections")).scalar_one()
        return [("server", f"PostgreSQL {version}"), ("connections", f"{used} of {most} in use")]

    def engine(self) -> "Engine":
        """An engine whose connections are closed when they are let go of, and commit each statement.

        Raises:
            ConfigurationError: psycopg is not installed.
        """
        try:
            return sqlalchemy.create_engine(
                self._url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=_arguments()
            )
        except ImportError:
            raise ConfigurationError(
                "PostgreSQL needs psycopg, which is not installed: pip install 'ser-studies[postgres]'"
            ) from None

    @contextmanager
    def _connected(self) -> "Iterator[Connection]":
        """A connection of its own; what goes wrong with it is said in one line."""
        try:
            with self.engine().connect() as connection:
                yield connection
        except DBAPIError as error:
            raise (translate_error(error, self.title) or error) from error


class AdvisoryLease(Lease):
    """A study's advisory lock, and the row that names its holder.

    Args:
        storage: The storage.
        study: Name of the study.
    """

    def __init__(self, storage: PostgresqlStorage, study: str) -> None:
        self._storage = storage
        self._study = study
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._who = {"host": platform.node(), "process": os.getpid(), "since": now}
        self._connection: Connection | None = None
        self._backend: int | None = None

    def acquire(self) -> None:
        """Takes the place.

        Raises:
            StudyError: Another coordinator has it.
            UnavailableError: The database cannot be reached.
        """
        try:
            self._connection = self._storage.engine().connect()
            for statement in _KEEP_ALIVE:
                self._execute(statement)
            _make_table(self._connection)
            if not self._try_lock():
                by = _described(self._connection, self._study) or "another process"
                raise StudyError(f"study {self._study} is being run by {by}; wait for it, or end it")
            self._execute(_TAKE_PLACE, study=self._study, **self._who)
            self._backend = self._execute("SELECT pg_backend_pid()").scalar_one()
            _log.info("lease of study %s acquired from %s", self._study, self._storage.title)
        except DBAPIError as error:
            self.release()
            raise (translate_error(error, self._storage.title) or error) from error
        except SerError:
            self.release()
            raise

    def check(self) -> None:
        """Asks over the held connection; where that was lost, takes the place anew. See the base class."""
        if self._connection is not None:
            try:
                self._execute("SELECT 1")
            except DBAPIError as error:
                if not isinstance(translate_error(error, self._storage.title), UnavailableError):
                    raise
                _log.warning("connection that holds the lease of study %s was lost; acquiring it again", self._study)
                self.release()
            else:
                return
        self.acquire()

    def release(self) -> None:
        """Ends the connection, and the lock with it."""
        if self._connection is not None:
            # Invalidated, so that nothing is sent over a connection that may be broken.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
            _log.info("lease of study %s released", self._study)

    def _try_lock(self) -> bool:
        """Takes the lock, unless another coordinator has it.

        A connection that broke may stand at the server's end for as long as its keep-alives take, with the lock:
        this coordinator ends its own earlier one.

        Raises:
            UnavailableError: It stands there still.
        """
        until = time.monotonic() + _END_S
        while not self._execute("SELECT pg_try_advisory_lock(:key)", key=_key(self._study)).scalar_one():
            locked_by = self._execute(_WHO_LOCKED, key=_key(self._study)).scalar()
            if self._backend is None or locked_by not in (None, self._backend):
                return False
            if time.monotonic() > until:
                raise UnavailableError(
                    f"{self._storage.title}: an earlier connection of this study's still stands there"
                )
            self._execute(_END, study=self._study, backend=self._backend, **self._who)
            time.sleep(_PAUSE_S)
        return True

    def _execute(self, statement: str, **values: Any) -> "sqlalchemy.CursorResult[Any]":
        if self._connection is None:
            raise StorageError(f"{self._storage.title}: the place of study {self._study} is not held")
        return self._connection.execute(sqlalchemy.text(statement), values)


def _make_table(connection: "Connection") -> None:
    """Makes the table of holders: PostgreSQL's IF NOT EXISTS does not keep two processes from making one at once."""
    for statement in ("SELECT pg_advisory_lock(:key)", _TABLE, "SELECT pg_advisory_unlock(:key)"):
        connection.execute(sqlalchemy.text(statement), {"key": _key(_MAKING)} if ":key" in statement else {})


def _described(connection: "Connection", study: str) -> str | None:
    backend = connection.execute(sqlalchemy.text(_WHO_LOCKED), {"key": _key(study)}).scalar()
    if backend is None:
        return None
    row = connection.execute(
        sqlalchemy.text(f"SELECT host, process, since FROM {_HOLDERS} WHERE study = :study AND backend = :backend"),
        {"study": study, "backend": backend},
    ).one_or_none()
    if row is None:
        return "a process that has only just begun"
    return f"process {row.process} on {row.host} since {row.since}"


def _key(name: str) -> int:
    """A signed 64-bit number for an advisory lock."""
    return int.from_bytes(sha256(f"ser-studies {name}".encode()).digest()[:8], signed=True)


def _arguments() -> dict[str, Any]:
    return {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "ser-studies"} | _KEEP_ALIVE_HERE
