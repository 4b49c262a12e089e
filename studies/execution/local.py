"""Local processes: one single-worker pool a slot, so that a dead worker costs the one fold in its hands.

A pool of several workers breaks as a whole when one of them is killed; a queue that workers share
keeps the lock that a killed writer held. So every slot has a pool and a pipe of its own, and both
are made anew when its worker dies.
"""

import queue
import signal
import threading
import traceback
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing.connection import Connection

import torch
from pebble import ProcessExpired, ProcessPool

from ser.corpora.corpus import Corpus
from ser.errors import StudyError
from studies.execution.base import CANCELLED, Event, Executor, Failed, Finished, FoldTask, Progress, is_permanent
from studies.execution.fork_server import FORKSERVER
from studies.execution.malloc_tuning import malloc_environment
from studies.execution.worker import init_worker, run_task

_ASKED_TO_END = (signal.SIGTERM, -signal.SIGTERM)
"""Exit codes of a worker that was sent SIGTERM: pebble answers it with the signal's number, the system with its
negative."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a fold failed for want of a card's memory: of torch's own blocks, or of a first word with the driver."""
    return isinstance(error, torch.OutOfMemoryError) or "CUDA error: out of memory" in str(error)


class _WorkerSlot:
    """One worker process with its pipe.

    Args:
        number: Number of the slot, from 0.
        corpus: The corpus.
        device: Where its worker computes.
        events: Where its events go.
    """

    def __init__(self, number: int, corpus: Corpus, device: str, events: "queue.SimpleQueue[Event]") -> None:
        self._number = number
        self._corpus = corpus
        self.device = device
        self._events = events
        self._pool: ProcessPool | None = None
        self._ends: tuple[Connection, Connection] | None = None
        self._future: Future[bytes] | None = None
        self._task: FoldTask | None = None
        self._cancelled = False
        self.busy = False
        self.dead = False
        self.retired = False
        """Whether there is no room for it on its device beside the others."""
        self.shared_device = False
        """Whether its device had other slots, too, when its fold was handed out."""

    def submit(self, task: FoldTask) -> None:
        """Hands a fold to the worker, which is started where there is none."""
        self.busy, self._task, self._cancelled = True, task, False
        if self.dead or (self._pool is not None and not self._pool.active):
            # A worker that dies without a fold in its hands breaks its pool, and nobody is told.
            self.close()
        if self._pool is None:
            receiving, sending = FORKSERVER.Pipe(duplex=False)
            self._ends = (receiving, sending)
            threading.Thread(target=self._forward, args=(receiving,), daemon=True).start()
            arguments = (self._corpus, self.device, sending)
            self._pool = ProcessPool(max_workers=1, initializer=init_worker, initargs=arguments, context=FORKSERVER)
        # A pool starts its worker with its first task, and the first worker the server, whose memory settings all have.
        with malloc_environment():
            self._future = self._pool.schedule(run_task, args=[task])
        self._future.add_done_callback(lambda done: self._events.put(self._outcome(task, done)))

    def cancel(self, identity: str) -> None:
        """Ends the fold of that identity and its worker, if it is in hand."""
        if self._future is not None and self._task is not None and self._task.identity == identity:
            self._cancelled = not self._future.done()
            if self._cancelled and self._future.cancel():
                # The pool would put another worker on the same pipe, in which half a message may lie.
                self.close()

    def fail_if_broken(self) -> None:
        """Fails a fold that was handed to a pool while it broke: it would be pending for ever."""
        if self.busy and self._future is not None and self._pool is not None and not self._pool.active:
            self._future.cancel()

    def close(self) -> None:
        """Ends the worker; the next fold starts a new one, with a pipe of its own."""
        if self._pool is not None and self._ends is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._ends[1].close()
            self._pool, self._ends, self.dead = None, None, False

    def _forward(self, receiving: Connection) -> None:
        """Turns what comes through the pipe into events, until no writer is left."""
        with receiving:
            while True:
                try:
                    identity, record = receiving.recv()
                except (EOFError, OSError):
                    return
                self._events.put(Progress(identity, self._number, record))

    def _outcome(self, task: FoldTask, done: "Future[bytes]") -> Event:
        if done.cancelled() and self._cancelled:
            return Failed(task.identity, self._number, CANCELLED, CANCELLED)
        error = BrokenProcessPool() if done.cancelled() else done.exception()
        if error is None:
            return Finished(task.identity, self._number, done.result())
        if isinstance(error, ProcessExpired | BrokenProcessPool):
            self.dead = True
            when = f"(exit code {error.exitcode})" if isinstance(error, ProcessExpired) else "before it took the fold"
            reason = f"its worker process died {when}"
            # Want of memory ends a worker by SIGKILL, an error of its own code by another signal.
            lost = isinstance(error, ProcessExpired) and error.exitcode in _ASKED_TO_END
            return Failed(task.identity, self._number, reason, reason, worker_lost=lost)
        details = getattr(error, "traceback", None) or "".join(traceback.format_exception(error))
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        permanent, crowded = is_permanent(error), is_out_of_memory(error)
        return Failed(task.identity, self._number, reason, str(details), permanent, crowded)


class LocalExecutor(Executor):
    """Worker processes on this machine, started once and kept.

    Where a fold runs out of a device's memory, its slot is given up with the memory that its worker holds,
    unless it is the device's last: fewer folds at once, and not a dead study, is the answer.

    Args:
        corpus: The corpus that all folds are of.
        devices: Where each slot computes, one entry a slot, such as ('cpu', 'cpu').
    """

    def __init__(self, corpus: Corpus, devices: tuple[str, ...]) -> None:
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._slots = [_WorkerSlot(number, corpus, device, self._events) for number, device in enumerate(devices)]

    @property
    def slots(self) -> int:
        """Folds that are computed at once."""
        return sum(not slot.retired for slot in self._slots)

    def free_slots(self) -> int:
        """Slots that could take a fold now."""
        return sum(not slot.busy and not slot.retired for slot in self._slots)

    def can_take(self, task: FoldTask) -> bool:
        """Whether a slot is free for a fold; see the base class."""
        return self._slot_for(task) is not None

    def submit(self, task: FoldTask) -> None:
        """Hands a fold to the first free slot that it has not failed in; see the base class."""
        slot = self._slot_for(task)
        if slot is None:
            raise StudyError(f"no free slot among {self.slots} for fold {task.fold.name}")
        slot.shared_device = self._open_on(slot.device) > 1
        slot.submit(task)

    def _slot_for(self, task: FoldTask) -> "_WorkerSlot | None":
        open_slots = [(number, slot) for number, slot in enumerate(self._slots) if not slot.retired]
        others = [slot for number, slot in open_slots if number not in task.avoid]
        return next((slot for slot in others or [slot for _, slot in open_slots] if not slot.busy), None)

    def _open_on(self, device: str) -> int:
        """Slots of a device that are not given up."""
        return sum(each.device == device and not each.retired for each in self._slots)

    def _give_up_slot(self, failed: Failed) -> Failed:
        """Answers want of memory: gives up the slot, or says that the fold was alone and has failed."""
        slot = self._slots[failed.slot]
        if not slot.shared_device:
            return replace(failed, out_of_memory_beside_others=False)
        left = self._open_on(slot.device) - 1
        if left:
            slot.retired = True
            slot.close()
        return replace(failed, reason=f"{failed.reason} (from now on {max(left, 1)} fold(s) at once on {slot.device})")

    def cancel(self, identity: str) -> None:
        """Ends a fold in hand; see the base class."""
        for slot in self._slots:
            slot.cancel(identity)

    def wait(self, timeout_s: float) -> list[Event]:
        """Waits for something to happen; see the base class."""
        events: list[Event] = []
        try:
            events.append(self._events.get(timeout=timeout_s))
            while True:
                events.append(self._events.get_nowait())
        except queue.Empty:
            pass
        if not events:
            for slot in self._slots:
                slot.fail_if_broken()
        for event in events:
            if not isinstance(event, Progress):
                self._slots[event.slot].busy = False
        return [
            self._give_up_slot(each) if isinstance(each, Failed) and each.out_of_memory_beside_others else each
            for each in events
        ]

    def close(self) -> None:
        """Ends all workers."""
        for slot in self._slots:
            slot.close()
