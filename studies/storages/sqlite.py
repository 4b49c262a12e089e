"""SQLite storage: one file, for one machine; a lease is a locked file beside it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import optuna
from optuna.storages import RDBStorage
from typing_extensions import override

from ser.files import file_lock
from studies.storages import lock_file
from studies.storages.base import Lease, Storage, check_tables
from tracking.backend.errors import translating_errors
from tracking.backend.read_only_files import is_read_only, reading_uri, sqlite_url
from tracking.backend.sqlite_files import copy_database, read_schema_revision, upgrade_remedy


class SqliteStorage(Storage):
    """Studies in one SQLite file.

    Args:
        database: The file; locks lie in the folder `locks` beside it.
    """

    def __init__(self, database: Path) -> None:
        self._database = database

    @property
    @override
    def title(self) -> str:
        return f"SQLite {self._database}"

    @override
    def exists(self) -> bool:
        return self._database.exists()

    @override
    def open(self) -> RDBStorage:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        read_only = is_read_only(self._database)
        with (
            nullcontext() if read_only else file_lock(self._database.with_suffix(".lock")),
            translating_errors(self.title),
        ):
            tables = self._tables() if self._has_tables() else None
            if tables is not None:
                check_tables(tables, self.title, upgrade_remedy(self._database))
            if not read_only:
                self._enable_wal()
            return tables or RDBStorage(self._url)

    @override
    def upgrade(self) -> Path | None:
        with file_lock(self._database.with_suffix(".lock")), translating_errors(self.title):
            if not self._has_tables():
                return None
            tables = self._tables()
            if tables.get_current_version() not in tables.get_all_versions()[1:]:
                check_tables(tables, self.title, upgrade_remedy(self._database))
                return None
            copy = copy_database(self._database)
            tables.upgrade()
            return copy

    @override
    @contextmanager
    def acquire_lease(self, study: str) -> Iterator[Lease]:
        with lock_file.coordinator_lock(self._lock(study), study):
            yield Lease()

    @override
    def lease_owner(self, study: str) -> str | None:
        return lock_file.lock_owner(self._lock(study))

    @override
    def describe(self) -> list[tuple[str, str]]:
        if not self.exists():
            return []
        with (
            translating_errors(self.title),
            closing(sqlite3.connect(reading_uri(self._database), uri=True)) as connection,
        ):
            (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
        size_mib = self._database.stat().st_size / 2**20
        return [("write-ahead log", "on" if journal == "wal" else f"off ({journal})"), ("size", f"{size_mib:.1f} MiB")]

    def _lock(self, study: str) -> Path:
        return self._database.parent / "locks" / f"{study}.lock"

    @property
    def _url(self) -> str:
        return sqlite_url(self._database)

    def _has_tables(self) -> bool:
        """Check that there are tables; refuse a file that is damaged or no database."""
        return self._database.exists() and read_schema_revision(self._database) is not None

    def _tables(self) -> RDBStorage:
        """Open existing tables of any version."""
        return RDBStorage(self._url, skip_compatibility_check=True, skip_table_creation=True)

    def _enable_wal(self) -> None:
        """Switch the file to a write-ahead log for good: readers and the writer no longer wait for each other."""
        with closing(sqlite3.connect(self._database, timeout=20)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
