"""Worker processes: two against one, their start, their memory."""

import statistics
import subprocess
import sys
import time
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from benchmarks.cases.training import reference, validated, worker_side
from benchmarks.measurement import Measurement
from benchmarks.paired_processes import BenchProcess, Work, median_s, run_interleaved
from benchmarks.workloads import Source, configuration_of
from studies.execution.base import Failed, Finished, FoldTask
from studies.execution.devices import default_worker_devices
from studies.execution.fork_server import FORKSERVER
from studies.execution.local import LocalExecutor
from studies.execution.malloc_tuning import malloc_environment

_MIB = 1024**2


def two_against_one(source: Source, epochs: int, rounds: int) -> list[Measurement]:
    """A ten-fold trial by one worker and by two, in turn; starting them is not counted.

    Args:
        source: The workload.
        epochs: Epochs of a fold.
        rounds: How often each runs.
    """
    workload, configuration = source.open(), configuration_of("none", 30, epochs=epochs)
    tasks = workload.tasks(configuration, "cpu")
    walls_s: dict[int, list[float]] = {1: [], 2: []}
    with (
        closing(LocalExecutor(workload.corpus, ("cpu",))) as one,
        closing(LocalExecutor(workload.corpus, ("cpu",) * 2)) as two,
    ):
        for executor in (one, two):
            _train(executor, [tasks[0]] * executor.slots)
        for _ in range(rounds):
            for workers, executor in ((1, one), (2, two)):
                walls_s[workers].append(_train(executor, tasks))
    one_s, two_s = (statistics.median(each) for each in walls_s.values())
    details = f"{two_s:.1f} s against {one_s:.1f} s, {epochs} epochs a fold, medians of {rounds}"
    case = f"{source.name}, 30 ms, none, ten folds"
    return [Measurement("two workers against one", case, one_s / two_s, "times", 1.8, details=details)]


def trial_against_reference(source: Source, epochs: int, device: str) -> list[Measurement]:
    """A ten-fold trial at 10 ms on a card, as many folds at once as a study would take, against the reference.

    The reference takes fold after fold; three epochs of one are timed after a first, and stand for all of them.

    Args:
        source: The workload.
        epochs: Epochs of a fold.
        device: The card.
    """
    workload, configuration = source.open(), configuration_of("none", 10, epochs=epochs)
    tasks = workload.tasks(configuration, torch.device(device).type)
    devices = [each for each in default_worker_devices(None) if each == device] or [device]
    with closing(LocalExecutor(workload.corpus, tuple(devices))) as executor:
        _train(executor, [tasks[0]] * executor.slots)
        ours_s = _train(executor, tasks)
    with BenchProcess(reference, source, configuration, device) as theirs:
        timed = run_interleaved({"reference": theirs}, 4)["reference"][1:]
    reference_s = median_s(timed) * epochs * len(tasks)
    details = f"{ours_s:.1f} s with {len(devices)} folds at once against {reference_s:.1f} s, {epochs} epochs a fold"
    case = f"{source.name}, 10 ms, none, {len(tasks)} folds, {device}"
    return [Measurement("trial against the reference", case, reference_s / ours_s, "times", 10.0, details=details)]


def _train(executor: LocalExecutor, tasks: list[FoldTask]) -> float:
    """Trains folds and returns how long it took, in seconds."""
    started = time.perf_counter()
    waiting, ended = list(tasks), 0
    while ended < len(tasks):
        while waiting and executor.free_slots():
            executor.submit(waiting.pop())
        for event in executor.wait(1.0):
            if isinstance(event, Failed):
                raise RuntimeError(f"fold {event.identity} failed: {event.reason}")
            ended += isinstance(event, Finished)
    return time.perf_counter() - started


def memory(source: Source, epochs: int) -> list[Measurement]:
    """Peak resident memory of a training process, and how much it grows after its first two epochs."""
    with worker_side(validated, source, configuration_of("none", 10), "cpu") as side:
        peaks = [side.run().peak_bytes / _MIB for _ in range(epochs)]
    case = f"{source.name}, 10 ms, none"
    return [
        Measurement("peak memory of a worker", case, peaks[-1], "MiB", 1.5 * 1024, upper_bound=True),
        Measurement(
            "its growth after the second epoch", case, peaks[-1] - peaks[1], "MiB", details=f"over {epochs} epochs"
        ),
    ]


def starts(rounds: int) -> list[Measurement]:
    """How long `ser --help` takes, and a worker until it could take a fold: the first one, and one after it."""
    helps_s, firsts_s, others_s = list[float](), list[float](), list[float]()
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run([Path(sys.executable).with_name("ser"), "--help"], check=True, capture_output=True)
        helps_s.append(time.perf_counter() - started)
        with BenchProcess(_starting) as side:
            firsts_s.append(side.run().returned)
            others_s.append(side.run().returned)
    case = f"shortest of {rounds}"
    return [
        Measurement("ser --help", case, min(helps_s), "s", 0.3, upper_bound=True),
        Measurement("start of a study's first worker", case, min(firsts_s), "s", 3.0, upper_bound=True),
        Measurement("start of another worker", case, min(others_s), "s", 3.0, upper_bound=True),
    ]


def _starting() -> Work:
    """Starts a worker process; the first brings with it the server that it is forked from."""

    def work() -> float:
        receiving, sending = FORKSERVER.Pipe(duplex=False)
        started = time.perf_counter()
        with malloc_environment():
            process = FORKSERVER.Process(target=_be_ready, args=(sending,))
            process.start()
        receiving.recv()
        took_s = time.perf_counter() - started
        process.join()
        return took_s

    return work


def _be_ready(sending: Connection) -> None:
    """Imports what a worker imports before its first fold."""
    import studies.execution.worker  # noqa: F401

    sending.send(True)
