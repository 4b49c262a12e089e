"""Worker processes: two vs. one, their start, their memory."""

import statistics
import subprocess
import sys
import time
from contextlib import closing
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

import torch

from benchmarks.cases.training import ours_validated, reference, worker_process
from benchmarks.measurement import Measurement
from benchmarks.paired_processes import BenchProcess, Work, median_s, run_interleaved
from benchmarks.workloads import Source, configuration_of
from studies.execution.base import Failed, Finished, FoldTask
from studies.execution.local import LocalExecutor
from studies.execution.worker_processes import start_process

_MIB = 1024**2


def two_vs_one(source: Source, epochs: int, rounds: int) -> list[Measurement]:
    """Train a ten-fold trial by one worker and by two, in turn; their start is not counted.

    Args:
        source: The workload.
        epochs: Epochs per fold.
        rounds: Trials of each.
    """
    workload, configuration = source.open(), configuration_of("none", 30, epochs=epochs)
    tasks = workload.tasks(configuration, "cpu")
    walls_s: dict[int, list[float]] = {1: [], 2: []}
    with (
        closing(LocalExecutor(workload.corpus, ("cpu",))) as single,
        closing(LocalExecutor(workload.corpus, ("cpu",) * 2)) as pair,
    ):
        for executor in (single, pair):
            _train(executor, [tasks[0]] * executor.slots)
        for _ in range(rounds):
            for workers, executor in ((1, single), (2, pair)):
                walls_s[workers].append(_train(executor, tasks))
    one_s, two_s = (statistics.median(rounds_s) for rounds_s in walls_s.values())
    details = f"{two_s:.1f} s vs. {one_s:.1f} s, {epochs} epochs per fold, medians of {rounds}"
    case = f"{source.name}, 30 ms, none, ten folds"
    return [Measurement("two workers vs. one", case, one_s / two_s, "times", 1.8, details=details)]


def trial_vs_reference(source: Source, epochs: int, device: str, workers: int) -> list[Measurement]:
    """Train a ten-fold trial at 10 ms on a GPU, with several folds at once, vs. the reference.

    The reference trains fold after fold; three epochs of one fold, after a first, are timed and extrapolated.

    Args:
        source: The workload.
        epochs: Epochs per fold.
        device: The GPU.
        workers: Folds at once.
    """
    workload, configuration = source.open(), configuration_of("none", 10, epochs=epochs)
    tasks = workload.tasks(configuration, torch.device(device).type)
    with closing(LocalExecutor(workload.corpus, (device,) * workers)) as executor:
        _train(executor, [tasks[0]] * executor.slots)
        ours_s = _train(executor, tasks)
    with BenchProcess(reference, source, configuration, device) as reference_process:
        calls = run_interleaved({"reference": reference_process}, 4)["reference"][1:]
    reference_s = median_s(calls) * epochs * len(tasks)
    details = f"{ours_s:.1f} s with {workers} folds at once vs. {reference_s:.1f} s, {epochs} epochs per fold"
    case = f"{source.name}, 10 ms, none, {len(tasks)} folds, {device}"
    return [Measurement("trial vs. the reference", case, reference_s / ours_s, "times", 10.0, details=details)]


def _train(executor: LocalExecutor, tasks: list[FoldTask]) -> float:
    """Train folds, and return the duration in seconds."""
    started = time.perf_counter()
    queue, ended = list(tasks), 0
    while ended < len(tasks):
        while queue and executor.free_slots():
            executor.submit(queue.pop())
        for event in executor.wait(1.0):
            if isinstance(event, Failed):
                raise RuntimeError(f"fold {event.identity} failed: {event.reason}")
            ended += isinstance(event, Finished)
    return time.perf_counter() - started


def memory(source: Source, epochs: int) -> list[Measurement]:
    """Measure the peak resident memory of a training process, and its growth after the first two epochs."""
    with worker_process(ours_validated, source, configuration_of("none", 10), "cpu") as process:
        peaks = [process.run().peak_bytes / _MIB for _ in range(epochs)]
    case = f"{source.name}, 10 ms, none"
    return [
        Measurement("peak memory of a worker", case, peaks[-1], "MiB", 1.5 * 1024, upper_bound=True),
        Measurement(
            "its growth after the second epoch", case, peaks[-1] - peaks[1], "MiB", details=f"over {epochs} epochs"
        ),
    ]


def starts(rounds: int) -> list[Measurement]:
    """Measure the durations of `ser --help`, and of the start of a first worker and of a later one."""
    helps_s, firsts_s, later_s = list[float](), list[float](), list[float]()
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run([Path(sys.executable).with_name("ser"), "--help"], check=True, capture_output=True)
        helps_s.append(time.perf_counter() - started)
        with BenchProcess(_start_worker) as process:
            firsts_s.append(process.run().returned)
            later_s.append(process.run().returned)
    case = f"shortest of {rounds}"
    return [
        Measurement("ser --help", case, min(helps_s), "s", 0.3, upper_bound=True),
        Measurement("start of a study's first worker", case, min(firsts_s), "s", 3.0, upper_bound=True),
        Measurement("start of another worker", case, min(later_s), "s", 3.0, upper_bound=True),
    ]


def _start_worker() -> Work:
    """Start a worker process; the first start includes that of the fork server."""

    def work() -> float:
        receiving, sending = Pipe(duplex=False)
        started = time.perf_counter()
        process = start_process("cpu", _import_worker, sending)
        receiving.recv()
        took_s = time.perf_counter() - started
        process.join()
        return took_s

    return work


def _import_worker(sending: Connection) -> None:
    """Import all modules of a worker, and report ready."""
    import studies.execution.worker  # noqa: F401

    sending.send(True)
