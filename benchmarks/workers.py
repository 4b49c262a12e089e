"""Worker processes: two against one, their start, their memory."""

import math
import multiprocessing
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import torch

from benchmarks.rows import Row
from benchmarks.sides import Side, Work
from benchmarks.training import ours
from benchmarks.workloads import Source, configuration_of
from ser.config import FeatureSettings
from ser.corpora.opening import open_corpus
from ser.features.store import ensure_store
from ser.folds import speaker_folds
from ser.identity import fold_identity
from studies.executors.base import Failed, Finished, FoldTask
from studies.executors.local import LocalExecutor

_MIB = 1024**2


def two_against_one(emodb: Path, folder: Path, epochs: int, rounds: int) -> list[Row]:
    """A ten-fold trial on EmoDB by one worker and by two, in turn; starting them is not counted.

    Args:
        emodb: The corpus.
        folder: Where its store lies.
        epochs: Epochs of a fold.
        rounds: How often each runs.
    """
    corpus = open_corpus("emodb", emodb)
    store = ensure_store(corpus, FeatureSettings(), folder)
    configuration = configuration_of("none", 30, epochs=epochs)
    tasks = []
    for fold in speaker_folds(corpus, "partner"):
        tasks.append(FoldTask(fold_identity(configuration, corpus.digest, fold, "cpu"), configuration, fold, store))
    walls_s: dict[int, list[float]] = {1: [], 2: []}
    with closing(LocalExecutor(corpus, ("cpu",))) as one, closing(LocalExecutor(corpus, ("cpu",) * 2)) as two:
        for executor in (one, two):
            _train(executor, [tasks[0]] * executor.slots)
        for _ in range(rounds):
            for workers, executor in ((1, one), (2, two)):
                walls_s[workers].append(_train(executor, tasks))
    one_s, two_s = (sorted(each)[len(each) // 2] for each in walls_s.values())
    details = f"{two_s:.1f} s against {one_s:.1f} s, {epochs} epochs a fold, medians of {rounds}"
    return [
        Row("two workers against one", "EmoDB, 30 ms, none, ten folds", one_s / two_s, "times", 1.8, details=details)
    ]


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


def memory(source: Source, epochs: int) -> list[Row]:
    """Peak resident memory of a training process, and how much it grows after its first two epochs."""
    with Side(ours, source, configuration_of("none", 10)) as side:
        peaks = [side.run().peak_bytes / _MIB for _ in range(epochs)]
    case = f"{source.name}, 10 ms, none"
    return [
        Row("peak memory of a worker", case, peaks[-1], "MiB", 1.5 * 1024, at_most=True),
        Row("its growth after the second epoch", case, peaks[-1] - peaks[1], "MiB", details=f"over {epochs} epochs"),
    ]


def starts(rounds: int) -> list[Row]:
    """How long `ser --help` takes, and a worker until it could take a fold."""
    helps_s, workers_s = [math.inf], [math.inf]
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run([Path(sys.executable).with_name("ser"), "--help"], check=True, capture_output=True)
        helps_s.append(time.perf_counter() - started)
        started = time.perf_counter()
        with Side(_ready) as side:
            side.run()
            workers_s.append(time.perf_counter() - started)
    case = f"shortest of {rounds}"
    return [
        Row("ser --help", case, min(helps_s), "s", 0.3, at_most=True),
        Row("start of a worker", case, min(workers_s), "s", 3.0, at_most=True),
    ]


def _ready() -> Work:
    """What a worker imports before its first fold."""
    import studies.executors.worker  # noqa: F401

    return lambda: (multiprocessing.current_process().pid, torch.get_num_threads())
