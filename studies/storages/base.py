"""What a storage of studies is: Optuna's database, and the place of one coordinator a study."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.storages import RDBStorage


class Lease:
    """A study's one place for a coordinator, while it is held; by itself it cannot be lost."""

    def check(self) -> None:
        """Makes sure that the place is still held; called before anything is written.

        Raises:
            StudyError: Another coordinator has taken it.
            UnavailableError: The database that keeps the place cannot be reached.
        """


class Storage(ABC):
    """A database of studies. Making one opens nothing."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is and where, in words; never with a password."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether Optuna's tables are there.

        Raises:
            StorageError: The database cannot be opened.
        """

    @abstractmethod
    def open(self) -> "RDBStorage":
        """Opens the database, and makes its tables first where there are none, by one process at a time.

        Raises:
            StorageError: The database cannot be opened, or is of another version.
        """

    @abstractmethod
    def acquire_lease(self, study: str) -> AbstractContextManager[Lease]:
        """Takes a study's place while the block runs; it is free at once when this process ends, however it ends.

        Args:
            study: Name of the study.

        Raises:
            StudyError: Another coordinator has it; the text names host, process and since when.
        """

    @abstractmethod
    def lease_owner(self, study: str) -> str | None:
        """Who coordinates a study now, in words, or None. Asking takes nothing and waits for nobody."""

    @abstractmethod
    def describe(self) -> list[tuple[str, str]]:
        """What a look at the database finds beyond Optuna's own: names and values.

        Raises:
            StorageError: The database cannot be opened.
        """
