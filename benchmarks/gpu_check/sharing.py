"""Several folds at once on one device, and on a GPU that is nearly full.

These run in the check's own process, which starts workers and computes nothing itself.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection

import torch

from benchmarks.gpu_check.sizes import Sizes
from benchmarks.measurement import Measurement
from benchmarks.workloads import Source, configuration_of
from studies.execution.base import Failed, Finished, FoldTask, Progress
from studies.execution.local import LocalExecutor
from studies.execution.worker_processes import start_process

FOLDS_AT_ONCE = "ten folds, by folds at once"
_GIB = 2**30
_FILL_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class _Trial:
    """Training of all folds of a trial.

    Attributes:
        wall_s: Duration, in seconds, of all but the first fold of each worker.
        peak_bytes: Most GPU memory in use when a first epoch had ended; 0 on a CPU.
        slots_given_up: Slots that lack of memory took.
    """

    wall_s: float
    peak_bytes: int
    slots_given_up: int


def train_side_by_side(source: Source, sizes: Sizes, device: str) -> list[Measurement]:
    """Train ten folds with different numbers of folds at once: processes, which share a GPU in turn or by MPS."""
    workload = source.open()
    configuration = configuration_of("none", 10, cells=sizes.cells, epochs=sizes.epochs)
    tasks = workload.tasks(configuration, device.partition(":")[0])
    measurements = list[Measurement]()
    for workers in sizes.workers:
        with closing(LocalExecutor(workload.corpus, (device,) * workers)) as executor:
            # Starts workers, whose interpreters take seconds.
            _train_all(executor, tasks[:1] * workers)
            trial = _train_all(executor, tasks)
        memory = f"{trial.peak_bytes / _GIB:.1f} GiB of GPU memory in use, " if trial.peak_bytes else ""
        details = f"{memory}{trial.slots_given_up} slot(s) given up; {sizes.epochs} epoch(s) per fold"
        measurements.append(Measurement(FOLDS_AT_ONCE, str(workers), trial.wall_s, "s", details=details))
    return measurements


def train_on_full_gpu(source: Source, sizes: Sizes, device: str) -> list[Measurement]:
    """Fill a GPU but for some memory, and train folds by two workers: slots may go, and every fold ends."""
    workload = source.open()
    configuration = configuration_of("none", 10, cells=sizes.cells, epochs=1)
    tasks = workload.tasks(configuration, device.partition(":")[0])[:4]
    with (
        _filled(device, int(sizes.free_gib * _GIB)) as filled_bytes,
        closing(LocalExecutor(workload.corpus, (device,) * 2)) as executor,
    ):
        trial = _train_all(executor, tasks)
    details = f"{filled_bytes / _GIB:.1f} GiB filled; all {len(tasks)} folds have ended, in {trial.wall_s:.1f} s"
    case = f"two workers, {sizes.free_gib:g} GiB free"
    return [Measurement("slots given up on a full GPU", case, trial.slots_given_up, "", 1, True, details)]


@contextmanager
def _filled(device: str, free_bytes: int) -> Iterator[int]:
    """Fill a GPU but for some bytes for the time of the block; yield the bytes that fill it.

    Raises:
        RuntimeError: The process that fills it dies, or takes too long.
    """
    ours, theirs = connection.Pipe()
    with theirs:
        process = start_process(device, _fill, free_bytes, theirs)
    try:
        if not ours.poll(_FILL_TIMEOUT_S):
            raise RuntimeError(f"the GPU was not filled within {_FILL_TIMEOUT_S:g} s")
        try:
            filled_bytes: int = ours.recv()
        except EOFError:
            raise RuntimeError("the process that fills the GPU died") from None
        yield filled_bytes
    finally:
        process.kill()
        process.join()
        ours.close()


def _fill(free_bytes: int, pipe: Connection) -> None:
    """Take all of this process's GPU but for some bytes, say how many that are, and hold them until it is killed."""
    torch.cuda.init()  # type: ignore[no-untyped-call]
    size_bytes = max(0, torch.cuda.mem_get_info()[0] - free_bytes)
    held = torch.empty(size_bytes, dtype=torch.uint8, device="cuda")
    pipe.send(held.numel())
    pipe.poll(None)


def _train_all(executor: LocalExecutor, tasks: list[FoldTask]) -> _Trial:
    """Train folds; one that lacked memory beside others is trained again.

    Raises:
        RuntimeError: A fold fails for another reason.
    """
    started, slots = time.perf_counter(), executor.slots
    queue, running, peak_bytes = list(tasks), list[FoldTask](), 0
    while queue or running:
        while queue and executor.free_slots():
            running.append(queue.pop())
            executor.submit(running[-1])
        for event in executor.wait(1.0):
            if isinstance(event, Progress):
                peak_bytes = max(peak_bytes, event.memory.needed_bytes if event.memory else 0)
                continue
            task = next(task for task in running if task.identity == event.identity)
            running.remove(task)
            if isinstance(event, Failed):
                if not event.out_of_memory_beside_others:
                    raise RuntimeError(f"fold {task.fold.name} failed: {event.reason}")
                queue.append(task)
            else:
                assert isinstance(event, Finished)
    return _Trial(time.perf_counter() - started, peak_bytes, slots - executor.slots)
