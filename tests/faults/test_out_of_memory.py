"""Lack of GPU memory: fewer folds at once, and no fold lost. Slots on 'cpu' stand in for slots on one GPU."""

from collections.abc import Iterator
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import torch
from typing_extensions import override

from ser.corpora.corpus import Corpus
from ser.training.trainer import EpochCallback
from studies.coordination.retries import MAX_ATTEMPTS, RetryPolicy
from studies.execution import worker
from studies.execution.base import Executor, Failed, Finished, FoldTask
from studies.execution.local import LocalExecutor
from studies.execution.worker import Worker
from tests.support.fold_tasks import Folds, outcomes


def _marks(task: FoldTask) -> Path:
    return task.store.parent / "out-of-memory"


class ShortOfMemory(Worker):
    """Runs out of memory as often as the folder of marks says."""

    @override
    def run(self, task: FoldTask, report: EpochCallback) -> bytes:
        for mark in _marks(task).iterdir():
            mark.unlink(missing_ok=True)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore words.")
        return super().run(task, report)


def run_short_of_memory(slot: int, corpus: Corpus, device: str, pipe: Connection) -> None:
    """Stands in for a worker process's main function."""
    worker.Worker = ShortOfMemory  # type: ignore[misc]
    worker.run_worker(slot, corpus, device, pipe)


@pytest.fixture
def folds(tmp_path: Path) -> Folds:
    return Folds(tmp_path)


@pytest.fixture
def executor(folds: Folds, monkeypatch: pytest.MonkeyPatch) -> Iterator[Executor]:
    monkeypatch.setattr(worker, "run_worker", run_short_of_memory)
    with closing(LocalExecutor(folds.corpus, ("cpu", "cpu"))) as executor:
        yield executor


def run_out(task: FoldTask, times: int) -> None:
    _marks(task).mkdir()
    for number in range(times):
        (_marks(task) / str(number)).touch()


def test_a_slot_is_retired_but_never_the_last(executor: Executor, folds: Folds) -> None:
    task, attempts = folds.task(), RetryPolicy(None)
    run_out(task, 2)
    attempts.begin(task.identity)
    executor.submit(task)
    (failed,), _ = outcomes(executor)
    assert isinstance(failed, Failed)
    assert failed.out_of_memory_beside_others
    assert failed.reason == (
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. (from now on 1 fold(s) at once on cpu)"
    )
    assert (executor.slots, executor.free_slots()) == (1, 1)
    assert attempts.fail(failed)[1] == MAX_ATTEMPTS
    assert attempts.failed_in(task.identity) == frozenset()

    attempts.begin(task.identity)
    executor.submit(task)
    assert executor.free_slots() == 0
    (failed,), _ = outcomes(executor)
    assert isinstance(failed, Failed)
    assert not failed.out_of_memory_beside_others
    assert executor.slots == 1
    assert attempts.fail(failed)[1] == MAX_ATTEMPTS - 1

    executor.submit(task)
    (ended,), _ = outcomes(executor)
    assert isinstance(ended, Finished)
    assert ended.slot == 1


def test_two_folds_that_run_out_at_once_retire_one_slot(executor: Executor, folds: Folds) -> None:
    tasks = [folds.task(index) for index in range(2)]
    run_out(tasks[0], 2)
    for task in tasks:
        executor.submit(task)
    ended, _ = outcomes(executor, 2)
    assert [isinstance(event, Failed) and event.out_of_memory_beside_others for event in ended] == [True, True]
    assert executor.slots == 1


def test_slots_of_another_gpu_are_not_retired(folds: Folds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "run_worker", run_short_of_memory)
    task = folds.task()
    run_out(task, 1)
    with closing(LocalExecutor(folds.corpus, ("cpu", "cuda:0"))) as executor:
        executor.submit(task)
        (failed,), _ = outcomes(executor)
        assert isinstance(failed, Failed)
        assert not failed.out_of_memory_beside_others
        assert executor.slots == 2
