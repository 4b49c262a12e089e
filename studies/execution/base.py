"""Executor interface: slots that compute one fold each, and events about them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ser.config import FoldConfiguration, Precision
from ser.corpora.corpus import Corpus
from ser.errors import ConfigurationError, CorpusError, FoldError
from ser.features.frontends.base import FrontEndChoice
from ser.results import EpochRecord, Fold
from studies.execution.gpu_memory import GpuMemory


@dataclass(frozen=True)
class FoldTask:
    """One fold to train.

    Attributes:
        identity: The fold's identity, which names the task.
        configuration: The whole configuration.
        fold: The fold.
        store: Path of the feature store.
        avoid: Slots in which it has failed; the executor uses another one if it has one.
        shares_gpu: Whether other folds may be computed on its GPU at the same time, as the executor notes: a lack of
            memory then ends the fold; alone, it computes less at once instead.
    """

    identity: str
    configuration: FoldConfiguration
    fold: Fold
    store: Path
    avoid: frozenset[int] = frozenset()
    shares_gpu: bool = False


@dataclass(frozen=True)
class Progress:
    """End of an epoch of a fold; after the first epoch on a GPU with the memory that the fold takes."""

    identity: str
    slot: int
    record: EpochRecord
    memory: GpuMemory | None = None


@dataclass(frozen=True)
class Finished:
    """End of a fold; `content` is the trained fold as `ser.training.checkpoint.serialize_fold` writes it."""

    identity: str
    slot: int
    content: bytes


@dataclass(frozen=True)
class Failed:
    """Failure of a fold, by an exception or by the death of its worker.

    Attributes:
        identity: The fold's identity.
        slot: Slot that it ran in.
        reason: One line.
        traceback: The worker's traceback, or the reason again where there is none.
        permanent: Whether the fold would fail the same way in every slot (see `is_permanent`).
        out_of_memory_beside_others: Whether other folds on its GPU took the memory that it lacked, or the GPU itself
            in exclusive mode: fewer of them are computed at once from now on, and the failure does not count as an
            attempt.
        worker_lost: Whether its node left, or its worker got SIGTERM from outside, as from a scheduler that needs the
            machine: the fold is not to blame.
        worker_unusable: Whether the error has left CUDA unusable for its worker, which therefore ends.
    """

    identity: str
    slot: int
    reason: str
    traceback: str
    permanent: bool = False
    out_of_memory_beside_others: bool = False
    worker_lost: bool = False
    worker_unusable: bool = False


Event = Progress | Finished | Failed

CANCELLED = "it was cancelled"
"""Reason in the failure of a fold that `Executor.cancel` ended."""


def is_permanent(error: BaseException) -> bool:
    """Return whether an error lies in settings or corpus, so that it would occur in every worker.

    A loss that is not finite, a store that cannot be read or a lack of memory may be due to the machine.
    """
    return isinstance(error, ConfigurationError | CorpusError | FoldError)


class Executor(ABC):
    """Computes folds. It records and decides nothing: retries are up to the coordinator."""

    @property
    @abstractmethod
    def slots(self) -> int:
        """Number of folds that are computed at once."""

    @abstractmethod
    def free_slots(self) -> int:
        """Return the number of slots that could take a fold now."""

    def can_take(self, task: FoldTask) -> bool:
        """Return whether a slot is free for a fold; one in which it failed is not, unless it failed in every slot."""
        return self.free_slots() > 0

    @abstractmethod
    def submit(self, task: FoldTask) -> None:
        """Start a fold in a free slot, if possible one in which it has not failed.

        Raises:
            StudyError: No slot is free.
        """

    @abstractmethod
    def cancel(self, identity: str) -> None:
        """End a running fold together with its worker process; `Failed` with the reason `CANCELLED` follows.

        Nothing happens if the fold has ended: `wait` has returned its outcome, or will.
        """

    @abstractmethod
    def wait(self, timeout_s: float) -> list[Event]:
        """Wait for events.

        Returns:
            Events since the last call, those of a slot in their order; empty after a timeout.
        """

    @abstractmethod
    def close(self) -> None:
        """End all workers; their running folds are lost."""


@dataclass(frozen=True)
class StudyRequirements:
    """Requirements of a study on a machine that computes its folds.

    Attributes:
        corpus: The corpus as the coordinator read it.
        loader: Name of its loader in the registry; a manifest's corpus may have another name.
        options: Options of the corpus as text, by name.
        stores: Front end of each feature store by the store's path, which is the same on every node.
        precision: Precision of the study.
        device: Device type, 'cpu' or 'cuda'.
    """

    corpus: Corpus
    loader: str
    options: Mapping[str, str]
    stores: Mapping[Path, FrontEndChoice]
    precision: Precision
    device: str
