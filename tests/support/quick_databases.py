"""Databases of tests: a test kills processes and never the machine, so that no commit needs to reach the disk."""

import sqlite3
from functools import cache

from mlflow.store.db import utils
from sqlalchemy import Engine, event


@event.listens_for(Engine, "connect")
def _wait_for_no_disk(connection: object, record: object) -> None:
    """Leave it to the system when a commit is on disk; other processes see it at once all the same."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


# MLflow loads all its migrations for each database that it opens, to learn the newest.
utils._get_latest_schema_revision = cache(utils._get_latest_schema_revision)
