"""Worker process of the local executor: read the mapped feature store, train folds, send progress and results.

It imports neither Optuna nor MLflow, and writes nothing but to its pipe.
"""

import signal
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from ser.corpora.corpus import Corpus
from ser.cuda_errors import breaks_cuda, is_gpu_full
from ser.errors import TrainingError
from ser.features.store import FeatureStore
from ser.results import EpochRecord
from ser.training.checkpoint import serialize_fold
from ser.training.trainer import EpochCallback, train_fold
from studies.execution.base import Failed, Finished, FoldTask, Progress, is_permanent
from studies.execution.gpu_memory import measure_gpu_memory

_THREADS = 1


class Worker:
    """State of a worker between folds: the corpus, the open feature stores, the device."""

    def __init__(self, corpus: Corpus, device: str) -> None:
        self._corpus = corpus
        self.device = torch.device(device)
        self._stores: dict[Path, FeatureStore] = {}

    def run(self, task: FoldTask, report: EpochCallback) -> bytes:
        """Train one fold.

        Returns:
            The fold as `ser.training.checkpoint.serialize_fold` writes it.

        Raises:
            TrainingError: This worker would compute another fold than the one asked for.
        """
        # One thread per worker: folds run side by side, and more threads in one of them gain nothing.
        torch.set_num_threads(_THREADS)
        if task.store not in self._stores:
            self._stores[task.store] = FeatureStore.open(task.store)
        store = self._stores[task.store]
        trained = train_fold(
            self._corpus, store, task.configuration, task.fold, self.device, report, shrinks=not task.shares_gpu
        )
        if trained.result.identity != task.identity:
            # The worker's code, library or device is not the coordinator's.
            raise TrainingError(f"this worker would compute fold {trained.result.identity}, not {task.identity}")
        return serialize_fold(trained)


def run_worker(slot: int, corpus: Corpus, device: str, pipe: Connection) -> None:
    """Train the folds that come through a pipe, until the coordinator closes it or ends, or CUDA is unusable.

    Args:
        slot: Number of the slot that this process serves.
        corpus: The corpus.
        device: Where to compute, 'cpu' or 'cuda'.
        pipe: Brings `FoldTask`s, and takes `Progress`, `Finished` and `Failed`.
    """
    # An interrupt from the keyboard reaches the whole process group; ending workers is the coordinator's task.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = Worker(corpus, device)
    try:
        while True:
            outcome = _train(worker, slot, pipe.recv(), pipe)
            pipe.send(outcome)
            if isinstance(outcome, Failed) and outcome.worker_unusable:
                return
    except (EOFError, ConnectionError):
        # Nobody waits for this process any more: the coordinator has ended, or has given the fold to another worker.
        return


def _train(worker: Worker, slot: int, task: FoldTask, pipe: Connection) -> Finished | Failed:
    """Train one fold and send its progress; an exception becomes a failure in words, which always can be sent."""

    def report(record: EpochRecord) -> None:
        memory = measure_gpu_memory() if worker.device.type == "cuda" and record.epoch == 1 else None
        pipe.send(Progress(task.identity, slot, record, memory))

    try:
        return Finished(task.identity, slot, worker.run(task, report))
    except Exception as error:  # noqa: BLE001 - the coordinator decides what follows from it
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        details = traceback.format_exc()
        return Failed(
            task.identity,
            slot,
            reason,
            details,
            permanent=is_permanent(error),
            out_of_memory_beside_others=is_gpu_full(error),
            worker_unusable=breaks_cuda(error),
        )
