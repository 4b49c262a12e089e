"""Where Optuna keeps studies, and who coordinates them: one file a kind of database behind `base.Storage`."""

from pathlib import Path

from ser.errors import ConfigurationError
from studies.storages.base import Storage


def storage_at(url: str | None, database: Path) -> Storage:
    """The storage that a URL names.

    Args:
        url: A PostgreSQL database, or None for SQLite.
        database: The SQLite file where there is no URL.

    Returns:
        The storage; nothing is opened or made yet.

    Raises:
        ConfigurationError: The URL is none, or of another database.

    Examples:
        >>> storage_at("postgresql+psycopg://ser:secret@db.lab/ser", Path("optuna.db")).title
        'PostgreSQL postgresql+psycopg://ser:***@db.lab/ser'
    """
    if url is None:
        from studies.storages.sqlite import SqliteStorage

        return SqliteStorage(database)
    scheme = url.partition(":")[0]
    if scheme not in ("postgresql", "postgresql+psycopg"):
        # The URL may hold a password, so that only its beginning is told.
        raise ConfigurationError(
            f"storage '{scheme}:...' is not supported; "
            "expected postgresql+psycopg://USER:PASSWORD@HOST/DATABASE, or nothing for SQLite"
        )
    from studies.storages.postgresql import PostgresqlStorage

    return PostgresqlStorage(url)
