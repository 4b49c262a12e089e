"""One contract for every executor."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from multiprocessing.context import ForkServerProcess

import psutil
import pytest
import torch

from ser.errors import StudyError
from ser.features.store import FeatureStore
from ser.training.checkpoint import deserialize_fold
from ser.training.trainer import train_fold
from studies.execution import local
from studies.execution.base import CANCELLED, Executor, Failed, Finished, FoldTask, Progress
from studies.execution.local import LocalExecutor
from studies.execution.ray_backend.cluster import RayCluster
from tests.support.fold_tasks import LONG_S, Folds, outcomes
from tests.support.processes import fork_servers, has_ended, local_workers, processes
from tests.support.ray_nodes import connected, limited, nodes, ray_executor
from tests.support.toy_corpus import assert_identical


class Local:
    """Local processes."""

    died = "died (exit code -9)"
    reports_signals = True

    def make(self, folds: Folds, slots: int) -> Executor:
        return LocalExecutor(folds.corpus, ("cpu",) * slots)

    def workers(self) -> list[psutil.Process]:
        """Worker processes, whether they compute or wait."""
        return local_workers()

    def computing(self) -> list[psutil.Process]:
        """Worker processes that compute a fold, and perhaps those that wait."""
        return self.workers()


class OnRay:
    """A Ray cluster.

    Args:
        cluster: The connection to it.
    """

    died = "died on node"
    reports_signals = False

    def __init__(self, cluster: RayCluster) -> None:
        self._cluster = cluster

    def make(self, folds: Folds, slots: int) -> Executor:
        return ray_executor(limited(self._cluster, slots), folds)

    def workers(self) -> list[psutil.Process]:
        return processes("ray::IDLE", "ray::ser: ")

    def computing(self) -> list[psutil.Process]:
        return processes("ray::ser: fold")


Kind = Local | OnRay


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> Folds:
    return Folds(tmp_path_factory.mktemp("executor"))


@pytest.fixture(scope="module")
def on_ray() -> Iterator[OnRay]:
    with nodes(cpus=1) as cluster:
        cluster.add(cpus=1)
        with connected(cluster) as connection:
            yield OnRay(connection)


def kind_of(name: str, request: pytest.FixtureRequest) -> Kind:
    return Local() if name == "local" else request.getfixturevalue("on_ray")


def first_progress(executor: Executor) -> Progress:
    deadline = time.monotonic() + LONG_S
    while time.monotonic() < deadline:
        for event in executor.wait(0.2):
            if isinstance(event, Progress):
                return event
            raise AssertionError(f"expected progress, not {event}")
    raise AssertionError("no epoch ended")


def eventually(is_true: Callable[[], bool]) -> bool:
    """Waits until a condition is true; returns whether it became so in time."""
    deadline = time.monotonic() + LONG_S
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def kill(workers: list[psutil.Process]) -> None:
    for worker in workers:
        with suppress(psutil.NoSuchProcess):
            worker.kill()


def running(executor: Executor, tasks: list[FoldTask]) -> None:
    """Waits until each of the folds has ended an epoch."""
    waiting = {task.identity for task in tasks}
    while waiting:
        waiting.discard(first_progress(executor).identity)


def trained_at_last(executor: Executor, task: FoldTask) -> Finished:
    """Trains a fold as the coordinator would, in three attempts."""
    for _ in range(3):
        executor.submit(task)
        (ended,), _ = outcomes(executor)
        if isinstance(ended, Finished):
            return ended
    raise AssertionError(f"three attempts failed, the last with: {ended}")


EXECUTORS = ("local", "ray")
two_slots = pytest.mark.parametrize("executor", [(name, 2) for name in EXECUTORS], indirect=True, ids=str)


@pytest.fixture(scope="module", params=[("local", 1), ("local", 2), ("ray", 2)], ids=str)
def executor(request: pytest.FixtureRequest, folds: Folds) -> Iterator[Executor]:
    """An executor whose workers several tests share; afterwards no process of it computes."""
    name, slots = request.param
    kind = kind_of(name, request)
    executor = kind.make(folds, slots)
    yield executor
    executor.close()
    assert eventually(lambda: kind.computing() == [])


@pytest.fixture
def kind(executor: Executor, request: pytest.FixtureRequest) -> Kind:
    return kind_of("local" if isinstance(executor, LocalExecutor) else "ray", request)


def test_a_new_executor_has_free_slots_and_no_events(executor: Executor) -> None:
    assert executor.slots == executor.free_slots() in (1, 2)
    assert executor.wait(0.01) == []


def test_a_fold_is_trained_and_its_progress_arrives(executor: Executor, folds: Folds) -> None:
    task = folds.task(index=1)
    executor.submit(task)
    assert executor.free_slots() == executor.slots - 1
    (ended,), progress = outcomes(executor)
    assert isinstance(ended, Finished)
    assert ended.identity == task.identity
    result = deserialize_fold(ended.content).result
    assert (result.identity, result.fold, result.configuration) == (task.identity, task.fold, task.configuration)
    while len(progress) < 2:
        progress += [event for event in executor.wait(5) if isinstance(event, Progress)]
    assert [event.record for event in progress] == list(result.curve)
    assert {(event.identity, event.slot) for event in progress} == {(task.identity, ended.slot)}
    assert executor.free_slots() == executor.slots


def test_a_result_equals_training_in_this_process(executor: Executor, folds: Folds) -> None:
    task = folds.task(index=2)
    executor.submit(task)
    (ended,), _ = outcomes(executor)
    assert isinstance(ended, Finished)
    store = FeatureStore.open(folds.store)
    here = train_fold(folds.corpus, store, task.configuration, task.fold, torch.device("cpu"))
    assert_identical(deserialize_fold(ended.content), here)


def test_a_full_executor_refuses_another_fold(executor: Executor, folds: Folds) -> None:
    tasks = [folds.task(index=index) for index in range(executor.slots)]
    for task in tasks:
        executor.submit(task)
    assert executor.free_slots() == 0
    with pytest.raises(StudyError, match="no free slot"):
        executor.submit(folds.task(index=3))
    ended, _ = outcomes(executor, executor.slots)
    assert {event.identity for event in ended} == {task.identity for task in tasks}
    assert {event.slot for event in ended} == set(range(executor.slots))


def test_an_exception_fails_its_fold_and_not_the_worker(executor: Executor, kind: Kind, folds: Folds) -> None:
    executor.submit(folds.task())
    outcomes(executor)
    before = {worker.pid for worker in kind.workers()}
    task = folds.failing()
    executor.submit(task)
    (failed,), _ = outcomes(executor)
    assert isinstance(failed, Failed)
    assert failed.identity == task.identity
    assert failed.reason.startswith("ConfigurationError: ")
    assert "\n" not in failed.reason
    assert "in prepare_fold_data" in failed.traceback
    executor.submit(folds.task())
    (ended,), _ = outcomes(executor)
    assert isinstance(ended, Finished)
    assert before <= {worker.pid for worker in kind.workers()}


def test_a_worker_refuses_a_fold_of_another_identity(executor: Executor, folds: Folds) -> None:
    executor.submit(replace(folds.task(), identity="0" * 32))
    (failed,), _ = outcomes(executor)
    assert isinstance(failed, Failed)
    assert f"this worker would compute fold {folds.task().identity}, not {'0' * 32}" in failed.reason


@two_slots
def test_a_fold_is_retried_in_a_slot_without_its_failure(executor: Executor, folds: Folds) -> None:
    executor.submit(folds.failing())
    (failed,), _ = outcomes(executor)
    here, there = failed.slot, 1 - failed.slot
    elsewhere = replace(folds.task(), avoid=frozenset({here}))
    for _ in range(2):
        executor.submit(elsewhere)
        assert outcomes(executor)[0][0].slot == there
    # A fold that keeps that slot busy is waited for, unless no other slot is left to hope for.
    other = replace(folds.endless(1), avoid=frozenset({here}))
    executor.submit(other)
    assert executor.free_slots() == 1
    assert not executor.can_take(elsewhere)
    assert executor.can_take(replace(elsewhere, avoid=frozenset({here, there})))
    executor.cancel(other.identity)
    outcomes(executor)
    trained_at_last(executor, elsewhere)


@two_slots
def test_a_cancelled_fold_ends_with_its_worker_only(executor: Executor, kind: Kind, folds: Folds) -> None:
    tasks = [folds.endless(index) for index in range(executor.slots)]
    for task in tasks:
        executor.submit(task)
    running(executor, tasks)
    computing = {worker.pid for worker in kind.computing()}
    executor.cancel(tasks[0].identity)
    executor.cancel("0" * 32)
    (failed,), _ = outcomes(executor)
    assert failed == Failed(tasks[0].identity, failed.slot, CANCELLED, CANCELLED)
    assert executor.free_slots() == 1
    running(executor, tasks[1:])
    assert eventually(lambda: len(computing - {worker.pid for worker in kind.computing()}) == 1)
    assert trained_at_last(executor, folds.task(index=3)).slot == failed.slot
    running(executor, tasks[1:])
    executor.cancel(tasks[1].identity)
    outcomes(executor)
    assert executor.free_slots() == executor.slots


def test_a_fold_that_has_ended_cannot_be_cancelled(executor: Executor, folds: Folds) -> None:
    task = folds.task()
    executor.submit(task)
    outcomes(executor)
    executor.cancel(task.identity)
    assert [event for event in executor.wait(0.3) if not isinstance(event, Progress)] == []
    assert executor.free_slots() == executor.slots


@two_slots
def test_a_killed_worker_costs_its_fold_and_no_other(executor: Executor, kind: Kind, folds: Folds) -> None:
    tasks = [folds.endless(index) for index in range(executor.slots)]
    for task in tasks:
        executor.submit(task)
    running(executor, tasks)
    kill(kind.computing()[:1])
    (failed,), _ = outcomes(executor)
    assert isinstance(failed, Failed)
    assert kind.died in failed.reason
    # The fold may have taken more memory than there is.
    assert not failed.worker_lost
    others = [task for task in tasks if task.identity != failed.identity]
    assert len(others) == executor.slots - 1
    assert executor.free_slots() == 1
    running(executor, others)
    executor.submit(folds.task(index=3))
    (ended,), _ = outcomes(executor)
    assert isinstance(ended, Finished)
    assert ended.slot == failed.slot
    running(executor, others)
    kill(kind.computing())
    outcomes(executor, len(others))
    assert executor.free_slots() == executor.slots


def test_a_worker_that_gets_sigterm_counts_as_lost(executor: Executor, kind: Kind, folds: Folds) -> None:
    # A worker that an earlier test has killed while it waited is noticed with the next fold.
    trained_at_last(executor, folds.task())
    task = folds.endless()
    executor.submit(task)
    running(executor, [task])
    for worker in kind.computing():
        worker.terminate()
    (failed,), _ = outcomes(executor)
    assert isinstance(failed, Failed)
    assert (failed.identity, failed.worker_lost) == (task.identity, kind.reports_signals)
    trained_at_last(executor, folds.task())


@two_slots
def test_a_worker_killed_between_folds_is_replaced(executor: Executor, kind: Kind, folds: Folds) -> None:
    executor.submit(folds.task())
    outcomes(executor)
    kill(kind.workers())
    assert trained_at_last(executor, folds.task()).identity == folds.task().identity


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has the settings")
@pytest.mark.parametrize("executor", [("local", 1)], indirect=True, ids=str)
def test_a_worker_and_its_successor_have_malloc_tuned(executor: Executor, kind: Kind, folds: Folds) -> None:
    for _ in range(2):
        executor.submit(folds.endless())
        first_progress(executor)
        (worker,) = kind.workers()
        assert "glibc.malloc.mmap_max=0" in worker.environ()["GLIBC_TUNABLES"]
        kill([worker])
        outcomes(executor)


@pytest.mark.parametrize("executor", [("local", 2)], indirect=True, ids=str)
def test_a_worker_killed_while_it_starts_costs_its_fold(executor: Executor, kind: Kind, folds: Folds) -> None:
    trained_at_last(executor, folds.task())
    kill(kind.workers())
    # The executor finds out by itself, and starts another worker with the next fold.
    time.sleep(1)
    executor.submit(folds.endless())
    assert eventually(lambda: kind.workers() != [])
    kill(kind.workers())
    (failed,), _ = outcomes(executor)
    assert isinstance(failed, Failed)
    assert "worker process died" in failed.reason
    trained_at_last(executor, folds.task())


@pytest.mark.parametrize("executor", [("local", 2)], indirect=True, ids=str)
def test_a_killed_fork_server_leaves_no_worker(executor: Executor, kind: Kind, folds: Folds) -> None:
    tasks = [folds.endless(0), folds.endless(1)]
    for task in tasks:
        executor.submit(task)
    running(executor, tasks)
    before = kind.workers()
    kill(fork_servers())
    # Nobody is left to tell how the workers end.
    failed, _ = outcomes(executor, 2)
    assert {type(event) for event in failed} == {Failed}
    assert trained_at_last(executor, folds.task(index=2)).identity == folds.task(index=2).identity
    assert trained_at_last(executor, replace(folds.task(index=3), avoid=frozenset({0}))).slot == 1
    assert eventually(lambda: all(has_ended(worker) for worker in before))


def test_a_worker_that_cannot_start_fails_its_fold(folds: Folds, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(process: ForkServerProcess) -> None:
        """The fork server has died while it was asked."""
        raise EOFError

    executor = LocalExecutor(folds.corpus, ("cpu",))
    with monkeypatch.context() as patch:
        patch.setattr(ForkServerProcess, "start", broken)
        patch.setattr(local, "_START_TIMEOUT_S", 0.2)
        executor.submit(folds.task())
        (failed,), _ = outcomes(executor)
    assert isinstance(failed, Failed)
    assert failed.reason == "its worker process died before it took the fold"
    assert trained_at_last(executor, folds.task()).slot == 0
    executor.close()


@pytest.mark.parametrize("name", EXECUTORS)
def test_closing_ends_running_folds(name: str, folds: Folds, request: pytest.FixtureRequest) -> None:
    kind = kind_of(name, request)
    before = kind.computing()
    executor = kind.make(folds, 2)
    executor.submit(folds.endless(0))
    executor.submit(folds.endless(1))
    first_progress(executor)
    executor.close()
    assert eventually(lambda: kind.computing() == before)
