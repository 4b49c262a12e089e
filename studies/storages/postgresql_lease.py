"""Lease of a study in PostgreSQL: an advisory lock on an open connection.

The server frees the lock when the connection ends, so that the lease of a process that was killed
is free at once, and that of a machine that lost power after the keep-alives below.
"""

import logging
import os
import platform
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from typing_extensions import override

from ser.errors import SerError, StorageError, StudyError, UnavailableError
from studies.storages.base import Lease
from tracking.backend.errors import translate_error

_log = logging.getLogger("ser")

_TERMINATE_TIMEOUT_S = 2.0
_PAUSE_S = 0.05
_OWNERS = "ser_coordinators"
TABLES_LOCK = "making the tables"

# After 10 s of silence three probes, 5 s apart: the server notices a lost connection after 25 s.
_SERVER_KEEP_ALIVE = ("SET tcp_keepalives_idle = 10", "SET tcp_keepalives_interval = 5", "SET tcp_keepalives_count = 3")

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


class AdvisoryLease(Lease):
    """Study's advisory lock, and the row that names its owner.

    Args:
        engine: Makes an engine without a pool, whose connections commit each statement.
        title: Kind and location of the storage, without a password.
        study: Name of the study.
    """

    def __init__(self, engine: Callable[[], Engine], title: str, study: str) -> None:
        self._engine = engine
        self._title = title
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
            self._connection = self._engine().connect()
            for statement in _SERVER_KEEP_ALIVE:
                self._execute(statement)
            create_table(self._connection)
            if not self._try_lock():
                owner = describe_owner(self._connection, self._study) or "another process"
                raise StudyError(f"study {self._study} is already running ({owner}); wait for it or stop it")
            self._check_last_owner()
            self._execute(_RECORD_OWNER, study=self._study, **self._owner)
            self._backend = self._execute("SELECT pg_backend_pid()").scalar_one()
            _log.info("lease of study %s acquired from %s", self._study, self._title)
        except DBAPIError as error:
            self.release()
            raise (translate_error(error, self._title) or error) from error
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
                if not isinstance(translate_error(error, self._title), UnavailableError):
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
        while not self._execute("SELECT pg_try_advisory_lock(:key)", key=lock_key(self._study)).scalar_one():
            locked_by = self._execute(_LOCKING_BACKEND, key=lock_key(self._study)).scalar()
            if self._backend is None or locked_by not in (None, self._backend):
                return False
            if time.monotonic() > deadline:
                raise UnavailableError(f"{self._title}: an earlier connection of this study has not ended yet")
            self._execute(_TERMINATE, study=self._study, backend=self._backend, **self._owner)
            time.sleep(_PAUSE_S)
        return True

    def _execute(self, statement: str, **values: Any) -> "sqlalchemy.CursorResult[Any]":
        if self._connection is None:
            raise StorageError(f"{self._title}: the lease of study {self._study} has been released")
        return self._connection.execute(sqlalchemy.text(statement), values)


def create_table(connection: Connection) -> None:
    """Create the table of owners; with IF NOT EXISTS alone, two processes that create it at once can fail."""
    for statement in ("SELECT pg_advisory_lock(:key)", _TABLE, "SELECT pg_advisory_unlock(:key)"):
        connection.execute(sqlalchemy.text(statement), {"key": lock_key(TABLES_LOCK)} if ":key" in statement else {})


def describe_owner(connection: Connection, study: str) -> str | None:
    """Describe the process that has a study's lease now; None where no process has it."""
    backend = connection.execute(sqlalchemy.text(_LOCKING_BACKEND), {"key": lock_key(study)}).scalar()
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


def lock_key(name: str) -> int:
    """Return a signed 64-bit number for an advisory lock."""
    return int.from_bytes(sha256(f"ser-studies {name}".encode()).digest()[:8], signed=True)
