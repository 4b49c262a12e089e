"""What runs in a worker process: it reads the mapped store, trains, reports, and returns bytes.

It imports neither the search nor the tracker, and writes nothing but its result.
"""

import signal
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from ser.checkpoint import to_bytes
from ser.corpora.base import Corpus
from ser.errors import TrainingError
from ser.features.store import FeatureStore
from ser.results import EpochRecord
from ser.training import train_fold
from studies.executors.base import FoldTask
from studies.executors.memory import keep_memory


class _Worker:
    """What a worker keeps between folds: the corpus, the open stores, its device, its way to report.

    Args:
        corpus: The corpus.
        device: Where to compute.
        reports: Takes `(identity, EpochRecord)`.
    """

    def __init__(self, corpus: Corpus, device: str, reports: Connection) -> None:
        self._corpus = corpus
        self._device = torch.device(device)
        self._reports = reports
        self._stores: dict[Path, FeatureStore] = {}

    def run(self, task: FoldTask) -> bytes:
        """Trains one fold and returns it as bytes."""
        if task.store not in self._stores:
            self._stores[task.store] = FeatureStore.open(task.store)

        def report(record: EpochRecord) -> None:
            self._reports.send((task.identity, record))

        store = self._stores[task.store]
        trained = train_fold(self._corpus, store, task.configuration, task.fold, self._device, report)
        if trained.result.identity != task.identity:
            # The worker's code, library or device is not the coordinator's: its result is of another fold.
            raise TrainingError(f"this worker would compute fold {trained.result.identity}, not {task.identity}")
        return to_bytes(trained)


_worker: _Worker | None = None


def start_worker(corpus: Corpus, device: str, threads: int, reports: Connection) -> None:
    """Makes this process a worker; called once, when it starts.

    Args:
        corpus: The corpus.
        device: Where to compute, such as 'cpu' or 'cuda:0'.
        threads: Threads for one operation.
        reports: Takes `(identity, EpochRecord)`.
    """
    global _worker
    # An interrupt from the keyboard reaches the whole process group; ending workers is the coordinator's task.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_memory()
    torch.set_num_threads(threads)
    _worker = _Worker(corpus, device, reports)


def run_task(task: FoldTask) -> bytes:
    """Trains one fold in this worker process."""
    if _worker is None:
        raise TrainingError("this process was not started as a worker")
    return _worker.run(task)
