"""Databases of tests: a test kills processes and never the machine, so that no commit needs to reach the disk."""

import sqlite3
from functools import cache
from typing import Any

from mlflow.store.db import utils
from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite


@event.listens_for(Engine, "connect")
def _wait_for_no_disk(connection: object, record: object) -> None:
    """Leave it to the system when a commit is on disk; other processes see it at once all the same."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


_STATEMENTS: dict[Any, Any] = {}


@event.listens_for(Engine, "engine_connect")
def _share_compiled_statements(connection: Connection) -> None:
    """Compile a statement once for all SQLite files; SQLAlchemy would again for each, and each test has its own."""
    if connection.dialect.name == "sqlite":
        connection.execution_options(compiled_cache=_STATEMENTS)


# A statement is compiled for a dialect, of which every engine has an object of its own.
SQLiteDialect_pysqlite.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
SQLiteDialect_pysqlite.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]

# MLflow loads all its migrations for each database that it opens, to learn the newest.
utils._get_latest_schema_revision = cache(utils._get_latest_schema_revision)
