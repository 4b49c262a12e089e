"""Errors of CUDA in workers on stand-ins for GPUs: what a worker, its slot and its GPU do after them."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from multiprocessing.connection import Connection

import pytest
import torch
from typing_extensions import override

from ser.corpora.corpus import Corpus
from ser.training.trainer import EpochCallback
from studies.execution import worker, worker_processes
from studies.execution.base import Executor, Failed, Finished, FoldTask, Progress
from studies.execution.gpu_memory import GpuMemory
from studies.execution.local import LocalExecutor
from studies.execution.worker import Worker
from tests.support.fold_tasks import Folds, outcomes

ONE, TWO = "cuda:GPU-one", "cuda:MIG-two"
GIB = 2**30


class FaultyWorker(Worker):
    """Meets an illegal memory access once, after which every call to CUDA in its process fails."""

    broken = False

    @override
    def run(self, task: FoldTask, report: EpochCallback) -> bytes:
        mark = task.store.parent / "illegal"
        if mark.exists():
            mark.unlink()
            self.broken = True
        if self.broken:
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors")
        return super().run(task, report)


def run_faulty(slot: int, corpus: Corpus, device: str, pipe: Connection) -> None:
    """Stands in for a worker process's main function; it computes on the CPU."""
    worker.Worker = FaultyWorker  # type: ignore[misc]
    worker.run_worker(slot, corpus, "cpu", pipe)


def run_measured(slot: int, corpus: Corpus, device: str, pipe: Connection) -> None:
    """Sends the device that the worker was given for progress, and the memory that its GPU's first fold needs."""
    while True:
        task: FoldTask = pipe.recv()
        free = 1 if slot == 1 else 35
        pipe.send(Progress(task.identity, slot, None, GpuMemory(5 * GIB, free * GIB)))  # type: ignore[arg-type]
        pipe.send(Finished(task.identity, slot, f"{device} {task.shares_gpu}".encode()))


def run_in_exclusive_mode(slot: int, corpus: Corpus, device: str, pipe: Connection) -> None:
    """Stands in for a worker on a GPU that another process has for itself."""
    task: FoldTask = pipe.recv()
    text = "AcceleratorError: CUDA error: CUDA-capable device(s) is/are busy or unavailable"
    failed = Failed(task.identity, slot, text, text, out_of_memory_beside_others=True, worker_unusable=True)
    pipe.send(failed)


@pytest.fixture(autouse=True)
def quick_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forks workers on GPUs, too: a new interpreter takes seconds."""
    monkeypatch.setattr(worker_processes, "SPAWN", worker_processes.FORKSERVER)


@pytest.fixture
def folds(tmp_path_factory: pytest.TempPathFactory) -> Folds:
    return Folds(tmp_path_factory.mktemp("gpu"))


@pytest.fixture
def faulty(folds: Folds, monkeypatch: pytest.MonkeyPatch) -> Iterator[Executor]:
    monkeypatch.setattr(worker, "run_worker", run_faulty)
    with closing(LocalExecutor(folds.corpus, ("cpu",))) as executor:
        yield executor


def test_a_sticky_cuda_error_costs_one_fold(faulty: Executor, folds: Folds) -> None:
    (folds.store.parent / "illegal").touch()
    for expected in (Failed, Finished, Finished):
        faulty.submit(folds.task())
        (ended,), _ = outcomes(faulty)
        assert type(ended) is expected
        if isinstance(ended, Failed):
            assert ended.worker_unusable
            assert not ended.out_of_memory_beside_others
            assert ended.reason == "AcceleratorError: CUDA error: an illegal memory access was encountered"


def test_a_gpu_starts_with_one_fold_and_takes_what_fits(folds: Folds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "run_worker", run_measured)
    with closing(LocalExecutor(folds.corpus, (ONE, TWO), slots_per_gpu=4)) as executor:
        assert executor.slots == 2
        for index in range(2):
            executor.submit(folds.task(index))
        ended, _ = outcomes(executor, 2)
        # 5 GiB were needed: 35 GiB more hold six folds, of which there are cores for three; 1 GiB holds none.
        assert executor.slots == executor.free_slots() == 5
        # Alone on its GPU, a fold may compute less at once; beside others it may not.
        assert {event.content for event in ended if isinstance(event, Finished)} == {b"cuda False"}
        for index in range(4):
            executor.submit(folds.task(index))
        ended, _ = outcomes(executor, 4)
        contents = {event.slot: event.content for event in ended if isinstance(event, Finished)}
        assert contents == {0: b"cuda True", 1: b"cuda False", 2: b"cuda True", 3: b"cuda True"}
        assert executor.slots == 5


def test_workers_that_the_user_asks_for_are_neither_more_nor_less(
    folds: Folds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "run_worker", run_measured)
    with closing(LocalExecutor(folds.corpus, (ONE, ONE))) as executor:
        executor.submit(folds.task())
        outcomes(executor)
        assert executor.slots == 2


def test_a_gpu_in_exclusive_mode_is_left_to_one_worker(folds: Folds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "run_worker", run_in_exclusive_mode)
    with closing(LocalExecutor(folds.corpus, (ONE, ONE))) as executor:
        executor.submit(folds.task())
        (failed,), _ = outcomes(executor)
        assert isinstance(failed, Failed)
        assert failed.out_of_memory_beside_others
        assert failed.reason.endswith("busy or unavailable (from now on 1 fold(s) at once on cuda:GPU-one)")
        assert executor.slots == 1
        executor.submit(folds.task())
        (failed,), _ = outcomes(executor)
        assert isinstance(failed, Failed)
        assert not failed.out_of_memory_beside_others


@pytest.mark.parametrize(("alone", "shrinks"), [(True, True), (False, False)])
def test_only_a_fold_alone_on_its_gpu_may_shrink(
    alone: bool, shrinks: bool, folds: Folds, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = []

    def train_fold(*arguments: object, shrinks: bool) -> None:
        passed.append(shrinks)
        raise RuntimeError("enough")

    monkeypatch.setattr(worker, "train_fold", train_fold)
    with pytest.raises(RuntimeError, match="enough"):
        Worker(folds.corpus, "cpu").run(replace(folds.task(), shares_gpu=not alone), lambda record: None)
    assert passed == [shrinks]
