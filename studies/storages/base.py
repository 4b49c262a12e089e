"""Storage interface: Optuna's database, and the lease of the one coordinator per study."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path

from optuna.storages import RDBStorage

from tracking.backend.sqlite_files import check_schema

_installed_versions: list[str] = []
"""Schema versions of the installed Optuna, the newest first; read once, since it loads every migration."""


class Lease:
    """Right to coordinate a study, which one process has at a time; this kind cannot be lost."""

    def check(self) -> None:
        """Check that this process still has the lease; called before anything is written.

        Raises:
            StudyError: Another coordinator has acquired it.
            UnavailableError: The database of the lease is unavailable.
        """


class Storage(ABC):
    """Database of studies. The constructor opens nothing."""

    @property
    @abstractmethod
    def title(self) -> str:
        """Kind and location, without a password."""

    @abstractmethod
    def exists(self) -> bool:
        """Return whether Optuna's tables exist.

        Raises:
            StorageError: The database cannot be opened.
        """

    @abstractmethod
    def open(self) -> RDBStorage:
        """Open the database, and create its tables if they are missing, by one process at a time.

        Raises:
            StorageError: The database cannot be opened, or has another schema version.
        """

    @abstractmethod
    def upgrade(self) -> Path | None:
        """Migrate the tables of an older Optuna by Optuna's own command, after a copy.

        Returns:
            The copy; None where nothing is to be migrated.

        Raises:
            StorageError: The database cannot be migrated.
        """

    @abstractmethod
    def acquire_lease(self, study: str) -> AbstractContextManager[Lease]:
        """Hold a study's lease while the block runs; it is free at once when this process ends, however it ends.

        Raises:
            StudyError: Another coordinator has it; the text names its host, process and start.
        """

    @abstractmethod
    def lease_owner(self, study: str) -> str | None:
        """Describe the process that coordinates a study now, or return None. Acquires nothing and never blocks."""

    @abstractmethod
    def describe(self) -> list[tuple[str, str]]:
        """Return names and values that describe the database.

        Raises:
            StorageError: The database cannot be opened.
        """


def check_tables(tables: RDBStorage, title: str, remedy: str) -> None:
    """Refuse Optuna's tables of another version.

    Args:
        tables: The tables, opened without Optuna's own check.
        title: Kind and location of the database.
        remedy: How to migrate older tables.

    Raises:
        StorageError: They are older or newer.
    """
    if not _installed_versions:
        _installed_versions[:] = tables.get_all_versions()
    check_schema(title, "Optuna", tables.get_current_version(), _installed_versions, remedy)
