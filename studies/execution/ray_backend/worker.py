"""Ray worker: train a fold and stream its epochs, with the trained fold at the end."""

import queue
import threading
from collections.abc import Iterator

import ray

from ser.results import EpochRecord
from studies.execution.base import FoldTask
from studies.execution.malloc_tuning import tune_malloc
from studies.execution.worker import Worker

_workers: dict[str, Worker] = {}


def fold_stream(corpus: "list[ray.ObjectRef]", device: str, task: FoldTask) -> Iterator[EpochRecord | bytes]:
    """Train one fold.

    Args:
        corpus: Reference to the corpus; in a list, so that Ray hands over the reference and a worker reads
            the corpus once, not with every fold.
        device: Where to compute, 'cpu' or 'cuda'.
        task: The fold.

    Yields:
        The record of each epoch when it has ended, then the bytes of the trained fold.
    """
    key = f"{corpus[0].hex()} {device}"
    if key not in _workers:
        # The corpus of another study does not stay in memory beside this one's.
        _workers.clear()
        tune_malloc()
        _workers[key] = Worker(ray.get(corpus[0]), device)
    worker = _workers[key]
    stream: queue.SimpleQueue[EpochRecord | bytes | BaseException] = queue.SimpleQueue()

    def train() -> None:
        try:
            stream.put(worker.run(task, stream.put))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that Ray watches
            stream.put(error)

    # Training calls back at each epoch, and a stream is asked for the next: a thread turns one into the other.
    threading.Thread(target=train, daemon=True).start()
    while True:
        item = stream.get()
        if isinstance(item, BaseException):
            raise item
        yield item
        if isinstance(item, bytes):
            return
