"""Local worker processes: one process and one pipe per slot, so that a dead worker costs only its own fold.

A pool of several workers breaks as a whole when one of them is killed, and a queue that workers share stays
locked when a writer is killed. Here the coordinator waits for the pipes and the ends of all workers in one call:
tasks, progress and results travel through a slot's pipe, which nobody else uses.
"""

import signal
import time
from contextlib import suppress
from dataclasses import replace
from multiprocessing import connection
from multiprocessing.connection import Connection

from typing_extensions import override

from ser.corpora.corpus import Corpus
from ser.errors import StudyError
from studies.execution.base import CANCELLED, Event, Executor, Failed, FoldTask, Progress
from studies.execution.gpu_memory import GpuMemory
from studies.execution.worker_processes import WorkerProcess, start_process

_START_TIMEOUT_S = 5.0
_START_PAUSE_S = 0.05
_KILL_TIMEOUT_S = 10.0
"""A killed process ends at once, unless a device's driver holds it."""


class _WorkerSlot:
    """One worker process, started with its first fold and again after its death.

    Args:
        number: Number of the slot, from 0.
        corpus: The corpus.
        device: Device of its worker, see `start_process`.
    """

    def __init__(self, number: int, corpus: Corpus, device: str) -> None:
        self._number = number
        self._corpus = corpus
        self.device = device
        self._process: WorkerProcess | None = None
        self._pipe: Connection | None = None
        self._cancelled = False
        self.task: FoldTask | None = None
        """The running fold."""
        self.shared_gpu = False
        """Whether the device of its last fold had other slots, too."""
        self.retired = False
        """Whether the slot takes no more folds, because its device lacks memory for it beside the others."""

    def submit(self, task: FoldTask) -> None:
        """Send a fold to the worker, which is started where there is none; `collect` reports a worker that dies."""
        self.task, self.shared_gpu, self._cancelled = task, task.shares_gpu, False
        if self._process is not None and not self._process.is_alive():
            self._discard_worker()
        with suppress(OSError, EOFError):
            if self._pipe is None:
                self._start_worker()
            if self._pipe is not None:
                self._pipe.send(task)

    def _start_worker(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while self._process is None:
            try:
                self._fork_worker()
            except (OSError, EOFError):
                # A killed fork server refuses connections until the system has reaped it; then another one is started.
                if time.monotonic() > deadline:
                    raise
                time.sleep(_START_PAUSE_S)

    def _fork_worker(self) -> None:
        # It imports torch, which a study without folds to train does without.
        from studies.execution.worker import run_worker

        ours, theirs = connection.Pipe()
        # Only the worker may hold its end: the pipe ends with it.
        with theirs:
            device_type = self.device.partition(":")[0]
            process = start_process(self.device, run_worker, self._number, self._corpus, device_type, theirs)
        self._process, self._pipe = process, ours

    def cancel(self, identity: str) -> None:
        """Kill the worker if it computes the fold of that identity; `collect` reports the end."""
        if self.task is not None and self.task.identity == identity and self._process is not None:
            self._cancelled = True
            self._process.kill()

    def handles(self) -> list[Connection | int]:
        """Return the handles that are ready when the worker has sent something or ended."""
        return [] if self._process is None or self._pipe is None else [self._pipe, self._process.sentinel]

    def has_no_worker(self) -> bool:
        """Return whether a fold was submitted whose worker could not be started."""
        return self.task is not None and self._process is None

    def collect(self) -> list[Event]:
        """Receive what the worker has sent, and report its death if it was computing a fold."""
        if self._process is None:
            return [self._died("before it took the fold")] if self.task is not None else []
        # Asked before the pipe is read: a result that a worker sent before its death counts.
        ended = not self._process.is_alive()
        events, closed = self._receive()
        if ended or closed:
            # One that has closed its pipe may hang while it exits, in a device's driver say.
            self._process.join(_KILL_TIMEOUT_S)
            if self._process.exitcode is None:
                self._process.kill()
                self._process.join(_KILL_TIMEOUT_S)
            exit_code = self._process.exitcode
            self._discard_worker()
            if self.task is not None:
                # Lack of memory ends a worker by SIGKILL, an error of its own code by another signal.
                asked_to_end = exit_code == -signal.SIGTERM
                events.append(self._died(f"(exit code {exit_code})", worker_lost=asked_to_end))
        return events

    def _receive(self) -> tuple[list[Event], bool]:
        """Read the pipe without waiting; return the events and whether the worker has closed it, or is about to."""
        events: list[Event] = []
        try:
            while self._pipe is not None and self._pipe.poll():
                event: Event = self._pipe.recv()
                events.append(event)
                if not isinstance(event, Progress):
                    self.task = None
                if isinstance(event, Failed) and event.worker_unusable:
                    return events, True
        except (EOFError, OSError):
            return events, True
        return events, False

    def _died(self, when: str, worker_lost: bool = False) -> Failed:
        """Free the slot of a fold whose worker has died."""
        assert self.task is not None
        identity, self.task = self.task.identity, None
        if self._cancelled:
            return Failed(identity, self._number, CANCELLED, CANCELLED)
        reason = f"its worker process died {when}"
        return Failed(identity, self._number, reason, reason, worker_lost=worker_lost)

    def close(self) -> None:
        """Kill the worker, and wait until its memory is free."""
        if self._process is not None:
            self._process.kill()
            self._process.join(_KILL_TIMEOUT_S)
            self._discard_worker()

    def _discard_worker(self) -> None:
        """Forget the worker; if it still runs, because the fork server died, it ends at its next epoch."""
        if self._pipe is not None:
            self._pipe.close()
        self._process, self._pipe = None, None


class LocalExecutor(Executor):
    """Worker processes on this machine, one per slot, which stay between folds.

    A GPU gets further slots once its first fold has shown how much memory it takes. Where a fold runs out of its
    GPU's memory beside other folds, its slot is retired and its worker ended, unless it is the GPU's last: the study
    goes on with fewer folds at once.

    Args:
        corpus: The corpus that all folds are of.
        devices: Device of each slot at first, such as ('cpu', 'cpu'); see `start_process`.
        slots_per_gpu: Slots that a GPU grows to, at most, as far as its memory goes; None to leave them as they are.
    """

    def __init__(self, corpus: Corpus, devices: tuple[str, ...], slots_per_gpu: int | None = None) -> None:
        self._corpus = corpus
        self._slots = [_WorkerSlot(number, corpus, device) for number, device in enumerate(devices)]
        self._slots_per_gpu = slots_per_gpu
        self._measured_gpus: set[str] = set()

    @property
    @override
    def slots(self) -> int:
        return sum(not slot.retired for slot in self._slots)

    @override
    def free_slots(self) -> int:
        return sum(slot.task is None and not slot.retired for slot in self._slots)

    @override
    def can_take(self, task: FoldTask) -> bool:
        return self._slot_for(task) is not None

    @override
    def submit(self, task: FoldTask) -> None:
        slot = self._slot_for(task)
        if slot is None:
            raise StudyError(f"no free slot among {self.slots} for fold {task.fold.name}")
        slot.submit(replace(task, shares_gpu=self._open_slots(slot.device) > 1))

    def _slot_for(self, task: FoldTask) -> "_WorkerSlot | None":
        """Return the first free slot in which the fold has not failed; any free one if it failed in all."""
        open_slots = [(number, slot) for number, slot in enumerate(self._slots) if not slot.retired]
        untried = [slot for number, slot in open_slots if number not in task.avoid]
        return next((slot for slot in untried or [slot for _, slot in open_slots] if slot.task is None), None)

    def _open_slots(self, device: str) -> int:
        """Return the number of a device's slots that are not retired."""
        return sum(slot.device == device and not slot.retired for slot in self._slots)

    def _add_slots(self, device: str, memory: GpuMemory) -> None:
        """Give a GPU as many further slots as its memory has room for, once: later folds are not alone on it."""
        if self._slots_per_gpu is None or device in self._measured_gpus:
            return
        self._measured_gpus.add(device)
        for _ in range(min(memory.further_folds(), self._slots_per_gpu - self._open_slots(device))):
            self._slots.append(_WorkerSlot(len(self._slots), self._corpus, device))

    def _retire_slot(self, failed: Failed) -> Failed:
        """Retire the slot of a fold that ran out of memory, unless the fold had the GPU to itself."""
        slot = self._slots[failed.slot]
        if not slot.shared_gpu:
            return replace(failed, out_of_memory_beside_others=False)
        remaining = self._open_slots(slot.device) - 1
        if remaining:
            slot.retired = True
            slot.close()
        folds = max(remaining, 1)
        return replace(failed, reason=f"{failed.reason} (from now on {folds} fold(s) at once on {slot.device})")

    @override
    def cancel(self, identity: str) -> None:
        for slot in self._slots:
            slot.cancel(identity)

    @override
    def wait(self, timeout_s: float) -> list[Event]:
        handles = [handle for slot in self._slots for handle in slot.handles()]
        connection.wait(handles, 0 if any(slot.has_no_worker() for slot in self._slots) else timeout_s)
        events = [event for slot in self._slots for event in slot.collect()]
        for event in events:
            if isinstance(event, Progress) and event.memory is not None:
                self._add_slots(self._slots[event.slot].device, event.memory)
        return [
            self._retire_slot(event) if isinstance(event, Failed) and event.out_of_memory_beside_others else event
            for event in events
        ]

    @override
    def close(self) -> None:
        for slot in self._slots:
            slot.close()
