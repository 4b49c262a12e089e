"""PostgreSQL storage, for a team; a lease is an advisory lock on an open connection.

The server frees the lock when the connection ends, so that the lease of a process that was killed
is free at once, and that of a machine that lost power after the keep-alives below.
"""

import logging
import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import optuna
import sqlalchemy
from optuna.storages import RDBStorage
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from typing_extensions import override

from ser.errors import ConfigurationError, SerError, StorageError, StudyError, UnavailableError
from studies.storages.base import Lease, Storage, check_tables
from tracking.backend.errors import redact_password, translate_error

_log = logging.getLogger("ser")

CONNECT_TIMEOUT_S = 10
_TERMINATE_TIMEOUT_S = 2.0
_PAUSE_S = 0.05
_OWNERS = "ser_coordinators"
_TABLES_LOCK = "making the tables"
_UPGRADE = 'copy it with pg_dump, then migrate it with: OPTUNA_STORAGE="$SER_STORAGE" optuna storage upgrade'

# After 10 s of silence three probes, 5 s apart: a lost connection is noticed after 25 s, by the server with the first
# settings and by this process with the second.
_SERVER_KEEP_ALIVE = ("SET tcp_keepalives_idle = 10", "SET tcp_keepalives_interval = 5", "SET tcp_keepalives_count = 3")
_CLIENT_KEEP_ALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
_TABLE = (
    f"CREATE TABLE IF NOT EXISTS {_OWNERS} "
    "(study text PRIMARY KEY, host text NOT NULL, process integer NOT NULL, since text NOT NULL, "
    "backend integer NOT NULL)"
)
_RECORD_OWNER = (
    f"INSERT INTO {_OWNERS} VALUES (:study, :host, :process, :since, pg_backend_pid()) "
    "ON CONFLICT (study) DO UPDATE SET host = excluded.host, process = excluded.process, "
    "since = excluded.since, backend = excluded.backend"
)
_LAST_OWNER = f"SELECT host, process, since FROM {_OWNERS} WHERE study = :study"
_TERMINATE = (
    f"SELECT pg_terminate_backend(backend) FROM {_OWNERS} WHERE study = :study AND host = :host "
    "AND process = :process AND since = :since AND backend = :backend"
)
_LOCKING_BACKEND = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND ((classid::bigint << 32) | objid::bigint) = :key"
)


class PostgresqlStorage(Storage):
    """Studies in a PostgreSQL database.

    Args:
        url: URL of the database.

    Raises:
        ConfigurationError: The URL is malformed.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = sqlalchemy.make_url(url).set(drivername="postgresql+psycopg")
        except (SQLAlchemyError, ValueError):
            raise ConfigurationError(
                "the storage URL is malformed; expected postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
            ) from None
        self._url = parsed

    @property
    @override
    def title(self) -> str:
        return f"PostgreSQL {redact_password(self._url.render_as_string(hide_password=True))}"

    @override
    def exists(self) -> bool:
        with self._connected() as connection:
            return sqlalchemy.inspect(connection).has_table("studies")

    @override
    def open(self) -> RDBStorage:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with self._connected() as connection:
            _create_table(connection)
            # Two processes that create the tables at once could both fail; the lock ends with the connection.
            connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": _key(_TABLES_LOCK)})
            if sqlalchemy.inspect(connection).has_table("studies"):
                tables = self._tables(skip_compatibility_check=True)
                check_tables(tables, self.title, _UPGRADE)
                return tables
            return self._tables()

    @override
    def upgrade(self) -> None:
        """Check the version alone: only the server's own programs can copy a database before it is migrated."""
        if self.exists():
            self.open()

    @override
    @contextmanager
    def acquire_lease(self, study: str) -> Iterator[Lease]:
        lease = AdvisoryLease(self, study)
        try:
            lease.acquire()
            yield lease
        finally:
            lease.release()

    @override
    def lease_owner(self, study: str) -> str | None:
        with self._connected() as connection:
            return _describe_owner(connection, study)

    @override
    def describe(self) -> list[tuple[str, str]]:
        with self._connected() as connection:
            version = connection.execute(sqlalchemy.text("SHOW server_version")).scalar_one()
            used = connection.execute(sqlalchemy.text("SELECT count(*) FROM pg_stat_activity")).scalar_one()
            allowed = connection.execute(sqlalchemy.text("SHOW max_connections")).scalar_one()
        return [("server", f"PostgreSQL {version}"), ("connections", f"{used} of {allowed} in use")]

    def engine(self) -> Engine:
        """Return an engine without a pool, whose connections commit each statement.

        Raises:
            ConfigurationError: psycopg is not installed.
        """
        try:
            return sqlalchemy.create_engine(
                self._url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=_connect_args()
            )
        except ImportError:
            raise ConfigurationError(
                "PostgreSQL needs psycopg, which is not installed: pip install 'ser-studies[postgres]'"
            ) from None

    def _tables(self, skip_compatibility_check: bool = False) -> RDBStorage:
        """Open Optuna's tables, and create them where they are missing."""
        return RDBStorage(
            self._url.render_as_string(hide_password=False),
            engine_kwargs={"pool_pre_ping": True, "connect_args": _connect_args()},
            skip_compatibility_check=skip_compatibility_check,
            skip_table_creation=skip_compatibility_check,
        )

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Open a connection for the block; its errors become one line."""
        try:
            with self.engine().connect() as connection:
                yield connection
        except DBAPIError as error:
            raise (translate_error(error, self.title) or error) from error


class AdvisoryLease(Lease):
    """Study's advisory lock, and the row that names its owner.

    Args:
        storage: The storage.
        study: Name of the study.
    """

    def __init__(self, storage: PostgresqlStorage, study: str) -> None:
        self._storage = storage
        self._study = study
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._owner = {"host": platform.node(), "process": os.getpid(), "since": now}
        self._connection: Connection | None = None
        self._backend: int | None = None

    def acquire(self) -> None:
        """Acquire the lease.

        Raises:
            StudyError: Another coordinator has it.
            UnavailableError: The database is unavailable.
        """
        try:
            self._connection = self._storage.engine().connect()
            for statement in _SERVER_KEEP_ALIVE:
                self._execute(statement)
            _create_table(self._connection)
            if not self._try_lock():
                owner = _describe_owner(self._connection, self._study) or "another process"
                raise StudyError(f"study {self._study} is already running ({owner}); wait for it or stop it")
            self._check_last_owner()
            self._execute(_RECORD_OWNER, study=self._study, **self._owner)
            self._backend = self._execute("SELECT pg_backend_pid()").scalar_one()
            _log.info("lease of study %s acquired from %s", self._study, self._storage.title)
        except DBAPIError as error:
            self.release()
            raise (translate_error(error, self._storage.title) or error) from error
        except SerError:
            self.release()
            raise

    @override
    def check(self) -> None:
        """Query over the open connection; if that was lost, acquire the lease again."""
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
        """End the connection, and the lock with it."""
        if self._connection is not None:
            # Invalidated, so that nothing is sent over a connection that may be broken.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
            _log.info("lease of study %s released", self._study)

    def _check_last_owner(self) -> None:
        """Refuse a lease that another coordinator has had since this one: it may have ended the study.

        Raises:
            StudyError: It was another one's; the text names that.
        """
        if self._backend is None:
            return
        owner = dict(self._execute(_LAST_OWNER, study=self._study).mappings().one())
        if owner != self._owner:
            raise StudyError(
                f"study {self._study} was continued by {_describe(owner)} while this process had no connection; "
                "this process ends, and the same command shows what is left"
            )

    def _try_lock(self) -> bool:
        """Try to acquire the lock; return whether no other coordinator has it.

        The server may take a broken connection for alive until its keep-alives fail, and the lock for taken:
        this coordinator terminates its own earlier connection.

        Raises:
            UnavailableError: The earlier connection does not end.
        """
        deadline = time.monotonic() + _TERMINATE_TIMEOUT_S
        while not self._execute("SELECT pg_try_advisory_lock(:key)", key=_key(self._study)).scalar_one():
            locked_by = self._execute(_LOCKING_BACKEND, key=_key(self._study)).scalar()
            if self._backend is None or locked_by not in (None, self._backend):
                return False
            if time.monotonic() > deadline:
                raise UnavailableError(f"{self._storage.title}: an earlier connection of this study has not ended yet")
            self._execute(_TERMINATE, study=self._study, backend=self._backend, **self._owner)
            time.sleep(_PAUSE_S)
        return True

    def _execute(self, statement: str, **values: Any) -> "sqlalchemy.CursorResult[Any]":
        if self._connection is None:
            raise StorageError(f"{self._storage.title}: the lease of study {self._study} has been released")
        return self._connection.execute(sqlalchemy.text(statement), values)


def _create_table(connection: Connection) -> None:
    """Create the table of owners; with IF NOT EXISTS alone, two processes that create it at once can fail."""
    for statement in ("SELECT pg_advisory_lock(:key)", _TABLE, "SELECT pg_advisory_unlock(:key)"):
        connection.execute(sqlalchemy.text(statement), {"key": _key(_TABLES_LOCK)} if ":key" in statement else {})


def _describe_owner(connection: Connection, study: str) -> str | None:
    backend = connection.execute(sqlalchemy.text(_LOCKING_BACKEND), {"key": _key(study)}).scalar()
    if backend is None:
        return None
    rows = connection.execute(
        sqlalchemy.text(f"SELECT host, process, since FROM {_OWNERS} WHERE study = :study AND backend = :backend"),
        {"study": study, "backend": backend},
    ).mappings()
    owner = rows.one_or_none()
    return "a process that has just started" if owner is None else _describe(owner)


def _describe(owner: Mapping[Any, Any]) -> str:
    return f"process {owner['process']} on {owner['host']} since {owner['since']}"


def _key(name: str) -> int:
    """Return a signed 64-bit number for an advisory lock."""
    return int.from_bytes(sha256(f"ser-studies {name}".encode()).digest()[:8], signed=True)


def _connect_args() -> dict[str, Any]:
    return {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "ser-studies"} | _CLIENT_KEEP_ALIVE
