"""PostgreSQL storage, for a team."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import optuna
import sqlalchemy
from optuna.storages import RDBStorage
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from typing_extensions import override

from ser.errors import ConfigurationError
from studies.storages.base import Lease, Storage, check_tables
from studies.storages.postgresql_lease import TABLES_LOCK, AdvisoryLease, create_table, describe_owner, lock_key
from tracking.backend.errors import redact_password, translate_error

CONNECT_TIMEOUT_S = 10
_UPGRADE = 'copy it with pg_dump, then migrate it with: OPTUNA_STORAGE="$SER_STORAGE" optuna storage upgrade'

# With the settings that the lease gives the server: a lost connection is noticed after 25 s on either side.
_CLIENT_KEEP_ALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}


class PostgresqlStorage(Storage):
    """Studies in a PostgreSQL database.

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
            create_table(connection)
            # Two processes that create the tables at once could both fail; the lock ends with the connection.
            connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": lock_key(TABLES_LOCK)})
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
        lease = AdvisoryLease(self.engine, self.title, study)
        try:
            lease.acquire()
            yield lease
        finally:
            lease.release()

    @override
    def lease_owner(self, study: str) -> str | None:
        with self._connected() as connection:
            return describe_owner(connection, study)

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


def _connect_args() -> dict[str, Any]:
    return {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "ser-studies"} | _CLIENT_KEEP_ALIVE
