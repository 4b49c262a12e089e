"""What an executor is: slots that take a fold each, and events that come back."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ser.config import FeatureSettings, FoldConfiguration, Precision
from ser.corpora.corpus import Corpus
from ser.errors import ConfigurationError, CorpusError, FoldError
from ser.results import EpochRecord, Fold


@dataclass(frozen=True)
class FoldTask:
    """One fold to train.

    Attributes:
        identity: The fold's identity, which names the task.
        configuration: The whole configuration.
        fold: The fold.
        store: Path of the feature store.
        avoid: Slots in which it has failed; another one is taken where the executor has one.
    """

    identity: str
    configuration: FoldConfiguration
    fold: Fold
    store: Path
    avoid: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Progress:
    """An epoch of a fold has ended."""

    identity: str
    slot: int
    record: EpochRecord


@dataclass(frozen=True)
class Finished:
    """A fold is trained; `content` holds the bytes of `ser.training.checkpoint.to_bytes`."""

    identity: str
    slot: int
    content: bytes


@dataclass(frozen=True)
class Failed:
    """A fold failed, by an exception or because its worker died.

    Attributes:
        identity: The fold's identity.
        slot: The slot it ran in.
        reason: One line.
        traceback: The worker's traceback, or the reason again where there is none.
        permanent: Whether the same fold would fail the same way anywhere (see `is_permanent`).
        crowded: Whether it was short of a memory that other folds took: fewer of them are computed at once
            from now on, and the failure is no attempt at the fold.
        lost: Whether its node left, or its worker was asked from outside to end, as by a scheduler that needs the
            room: nothing that speaks against the fold.
    """

    identity: str
    slot: int
    reason: str
    traceback: str
    permanent: bool = False
    out_of_memory_beside_others: bool = False
    worker_lost: bool = False


Event = Progress | Finished | Failed

CANCELLED = "it was cancelled"
"""Reason of a fold that `Executor.cancel` ended."""


def is_permanent(error: BaseException) -> bool:
    """Whether an error lies in settings or corpus, so that no other worker would fare better.

    A loss that is not finite, a store that cannot be read and want of memory may be the machine's.
    """
    return isinstance(error, ConfigurationError | CorpusError | FoldError)


class Executor(ABC):
    """Computes folds. It records nothing and decides nothing: retries are the coordinator's."""

    @property
    @abstractmethod
    def slots(self) -> int:
        """Folds that are computed at once."""

    @abstractmethod
    def free_slots(self) -> int:
        """Slots that could take a fold now."""

    def can_take(self, task: FoldTask) -> bool:
        """Whether a slot is free for a fold; one in which it has failed is not, unless it has failed in every slot."""
        return self.free_slots() > 0

    @abstractmethod
    def submit(self, task: FoldTask) -> None:
        """Hands a fold to a free slot, one in which it has not failed where there is one.

        Raises:
            StudyError: No slot is free.
        """

    @abstractmethod
    def cancel(self, identity: str) -> None:
        """Ends a fold in hand together with its worker process; `Failed` with the reason `CANCELLED` follows.

        Nothing happens where the fold has ended: its outcome is the one that `wait` has told or will tell.

        Args:
            identity: The fold's identity.
        """

    @abstractmethod
    def wait(self, timeout_s: float) -> list[Event]:
        """Waits for something to happen.

        Args:
            timeout_s: Longest wait, in seconds.

        Returns:
            What has happened since the last call, oldest first; empty after a timeout.
        """

    @abstractmethod
    def close(self) -> None:
        """Ends all workers; folds in their hands are lost."""


@dataclass(frozen=True)
class StudyRequirements:
    """What a node must have.

    Attributes:
        corpus: The corpus as the coordinator read it.
        loader: How it is read, as in the registry; a manifest's corpus may have another name.
        options: Options of the corpus as text, by name.
        features: Settings of the log-mels.
        store: Path of the feature store, the same on every node.
        precision: Arithmetic of the study.
        device: Where folds are computed, 'cpu' or 'cuda'.
    """

    corpus: Corpus
    loader: str
    options: Mapping[str, str]
    features: FeatureSettings
    store: Path
    precision: Precision
    device: str
