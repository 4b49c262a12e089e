"""SQLite files that may lie in a folder that cannot be written, such as another user's or an archived home."""

import os
from pathlib import Path
from urllib.parse import quote, urlencode

from sqlalchemy import URL


def is_read_only(database: Path) -> bool:
    """Return whether an existing database, or the folder of its journal, cannot be written."""
    return database.is_file() and not all(os.access(path, os.W_OK) for path in (database, database.parent))


def sqlite_url(database: Path) -> str:
    """Build SQLAlchemy's URL of a database; a read-only one is opened so that nothing is written or locked.

    Args:
        database: The file, which need not exist where its folder can be written.
    """
    if not is_read_only(database):
        return f"sqlite:///{database.resolve()}"
    # With the driver's name: without, MLflow would make the folders of the path, which it takes to be relative.
    url = URL.create("sqlite+pysqlite", database=_file_uri(database), query=_reading_mode(database) | {"uri": "true"})
    return url.render_as_string(hide_password=False)


def reading_uri(database: Path) -> str:
    """Build the URI by which Python's `sqlite3` opens an existing database to read it alone."""
    return f"{_file_uri(database)}?{urlencode(_reading_mode(database))}"


def _file_uri(database: Path) -> str:
    return f"file:{quote(str(database.resolve()))}"


def _reading_mode(database: Path) -> dict[str, str]:
    """Choose how SQLite opens a database to be read.

    To read a database with a write-ahead log it makes files beside it. Where it cannot make them, either there is no
    log, as nobody writes, or its writer has made them.
    """
    has_log = database.with_name(f"{database.name}-wal").exists()
    return {"immutable": "1"} if is_read_only(database) and not has_log else {"mode": "ro"}
