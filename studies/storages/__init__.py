"""Storages of Optuna studies and of their leases: one file per kind of database, behind `base.Storage`."""

from pathlib import Path

from ser.errors import ConfigurationError
from studies.storages.base import Storage
from studies.storages.postgresql import PostgresqlStorage
from studies.storages.sqlite import SqliteStorage


def storage_at(url: str | None, database: Path) -> Storage:
    """Return the storage that a URL names.

    Args:
        url: URL of a PostgreSQL database, or None for SQLite.
        database: SQLite file, used if there is no URL.

    Returns:
        The storage; nothing is opened or created yet.

    Raises:
        ConfigurationError: The URL is malformed, or of another kind of database.

    Examples:
        >>> storage_at("postgresql+psycopg://ser:secret@db.lab/ser", Path("optuna.db")).title
        'PostgreSQL postgresql+psycopg://ser:***@db.lab/ser'
    """
    if url is None:
        return SqliteStorage(database)
    scheme = url.partition(":")[0]
    if scheme not in ("postgresql", "postgresql+psycopg"):
        # The URL may contain a password, so only its scheme is shown.
        raise ConfigurationError(
            f"storage '{scheme}:...' is not supported; "
            "expected postgresql+psycopg://USER:PASSWORD@HOST/DATABASE, or nothing for SQLite"
        )
    return PostgresqlStorage(url)
