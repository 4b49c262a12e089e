"""What runs in a worker process: it reads the mapped store, trains, reports, and returns bytes.

It imports neither the search nor the tracker, and writes nothing but its result.
"""

import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from ser.corpora.corpus import Corpus
from ser.errors import TrainingError
from ser.features.store import FeatureStore
from ser.results import EpochRecord
from ser.training.checkpoint import serialize_fold
from ser.training.trainer import EpochCallback, train_fold
from studies.execution.base import FoldTask

_THREADS = 1


class Worker:
    """What a worker keeps between folds: the corpus, the open stores, its device.

    Args:
        corpus: The corpus.
        device: Where to compute.
    """

    def __init__(self, corpus: Corpus, device: str) -> None:
        self._corpus = corpus
        self._device = torch.device(device)
        self._stores: dict[Path, FeatureStore] = {}

    def run(self, task: FoldTask, report: EpochCallback) -> bytes:
        """Trains one fold.

        Args:
            task: The fold.
            report: Is told each epoch's record.

        Returns:
            The bytes of `ser.training.checkpoint.to_bytes`.

        Raises:
            TrainingError: What this worker would compute is not the fold that was asked for.
        """
        # One thread a worker: folds run side by side, and more threads in one of them gain nothing.
        torch.set_num_threads(_THREADS)
        if task.store not in self._stores:
            self._stores[task.store] = FeatureStore.open(task.store)
        store = self._stores[task.store]
        trained = train_fold(self._corpus, store, task.configuration, task.fold, self._device, report)
        if trained.result.identity != task.identity:
            # The worker's code, library or device is not the coordinator's: its result is of another fold.
            raise TrainingError(f"this worker would compute fold {trained.result.identity}, not {task.identity}")
        return serialize_fold(trained)


_worker: Worker | None = None
_reports: Connection | None = None
_server: int | None = None
"""The process that this one was forked from: it tells the coordinator when this one ends."""


def init_worker(corpus: Corpus, device: str, reports: Connection) -> None:
    """Makes this process a worker; called once, when it starts.

    Args:
        corpus: The corpus.
        device: Where to compute, such as 'cpu' or 'cuda:0'.
        reports: Takes `(identity, EpochRecord)`.
    """
    global _worker, _reports, _server
    # An interrupt from the keyboard reaches the whole process group; ending workers is the coordinator's task.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker, _reports, _server = Worker(corpus, device), reports, os.getppid()


def run_task(task: FoldTask) -> bytes:
    """Trains one fold in this worker process."""
    worker, reports = _worker, _reports
    if worker is None or reports is None:
        raise TrainingError("this process was not started as a worker")

    def report(record: EpochRecord) -> None:
        if os.getppid() != _server:
            # With its server, this process ended for the coordinator, which has given the fold to another.
            os._exit(1)
        reports.send((task.identity, record))

    return worker.run(task, report)
