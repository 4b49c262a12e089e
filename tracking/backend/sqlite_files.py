"""SQLite files of MLflow and Optuna: damage, versions of their schemas, and copies before a migration."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from ser.errors import StorageError
from tracking.backend.errors import translating_errors
from tracking.backend.read_only_files import reading_uri


def read_schema_revision(database: Path) -> str | None:
    """Read the revision of a database's schema, as Alembic has noted it; nothing is changed.

    Returns:
        The revision, or None of a database without tables.

    Raises:
        StorageError: It is a folder, no SQLite database, damaged, or a database of another program.
    """
    if database.is_dir():
        raise StorageError(f"{database} is a folder; expected a SQLite database; move it away")
    with (
        translating_errors(str(database)),
        closing(sqlite3.connect(reading_uri(database), uri=True)) as connection,
    ):
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        if not tables:
            return None
        revisions = connection.execute("SELECT version_num FROM alembic_version") if "alembic_version" in tables else []
        for (revision,) in revisions:
            return str(revision)
    raise StorageError(f"{database}: a SQLite database of another program; move it away, or use another home")


def check_schema(title: str, library: str, revision: str, revisions: Sequence[str], remedy: str) -> None:
    """Refuse a database whose schema is not the installed library's.

    Args:
        title: The database, for the message.
        library: The library, such as 'MLflow'.
        revision: Revision of the database's schema.
        revisions: All revisions that the installed library knows, the newest first.
        remedy: How to migrate an older database.

    Raises:
        StorageError: It is older, newer, or of another program.
    """
    if revision == revisions[0]:
        return
    installed = f"{library} {version(library.lower())}"
    if revision not in revisions:
        raise StorageError(
            f"{title}: its schema {revision} is unknown to {installed}, so a newer {library} or another program has "
            f"written it; install that {library}, or use another home"
        )
    raise StorageError(
        f"{title}: an older {library} has written it (its schema is {revision}; {installed} needs {revisions[0]}); "
        f"{remedy}"
    )


def upgrade_remedy(database: Path) -> str:
    """Return how to migrate a SQLite database, for messages."""
    return f"migrate it, after a copy that is made first, with: ser storage upgrade --home {database.parent}"


def copy_database(database: Path) -> Path:
    """Copy a database with what its write-ahead log holds; return the copy, which lies beside it."""
    time = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    copy = database.with_name(f"{database.stem}-before-upgrade-{time}{database.suffix}")
    with (
        translating_errors(str(copy)),
        copy.open("xb"),
        closing(sqlite3.connect(database)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    return copy
