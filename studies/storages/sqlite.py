"""SQLite storage: one file, for one machine; a lease is a locked file beside it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import optuna
from optuna.storages import RDBStorage
from typing_extensions import override

from ser.errors import StorageError
from ser.files import file_lock
from studies.storages import lock_file
from studies.storages.base import Lease, Storage
from tracking.backend.errors import translate_error


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
        return self._database.is_file()

    @override
    def open(self) -> RDBStorage:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with file_lock(self._database.with_suffix(".lock")):
            self._enable_wal()
            return RDBStorage(f"sqlite:///{self._database.resolve()}")

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
        with closing(sqlite3.connect(f"file:{self._database.resolve()}?mode=ro", uri=True)) as connection:
            try:
                (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
            except sqlite3.DatabaseError as error:
                raise StorageError(f"{self._database}: cannot be read as a SQLite database ({error})") from error
        size_mib = self._database.stat().st_size / 2**20
        return [("write-ahead log", "on" if journal == "wal" else f"off ({journal})"), ("size", f"{size_mib:.1f} MiB")]

    def _lock(self, study: str) -> Path:
        return self._database.parent / "locks" / f"{study}.lock"

    def _enable_wal(self) -> None:
        """Switch the file to a write-ahead log for good: readers and the writer no longer wait for each other."""
        try:
            with closing(sqlite3.connect(self._database, timeout=20)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.DatabaseError as error:
            unreadable = StorageError(f"{self._database}: cannot be opened as a SQLite database ({error})")
            raise (translate_error(error, self.title) or unreadable) from error
