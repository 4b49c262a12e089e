"""Ray beyond the contract: nodes die, join, differ or lack something, and requests may be too large."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ser.corpora.loading import load_corpus
from ser.devices import name_of_device
from ser.errors import StudyError
from ser.feature_settings import LogMelSettings
from ser.features.builder import store_key
from ser.features.store import FeatureStore
from ser.training.checkpoint import deserialize_fold
from ser.training.trainer import train_fold
from studies.execution.base import CANCELLED, Event, Executor, Failed, Finished, FoldTask, Progress
from studies.execution.ray_backend import executor as executor_module
from studies.execution.ray_backend.cluster import RayCluster
from studies.execution.ray_backend.executor import RayExecutor
from tests.support.corpora import write_emodb
from tests.support.fold_tasks import LONG_S, Folds, outcomes
from tests.support.processes import processes
from tests.support.ray_nodes import Nodes, connected, join, limited, nodes, ray_executor, requirements_of
from tests.support.toy_corpus import assert_identical

ROOT = Path(__file__).resolve().parents[4]


AddNode = Callable[..., Any]


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> Folds:
    return Folds(tmp_path_factory.mktemp("executor"))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    """A cluster whose head computes nothing, with one node of one CPU."""
    with nodes(cpus=0) as cluster:
        cluster.add(cpus=1, name="first")
        yield cluster


@pytest.fixture(scope="module")
def connection(cluster: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    """One connection for all tests, since Ray's workers belong to it, and each imports torch first."""
    with pytest.MonkeyPatch.context() as patch:
        # Ray puts the folder in which a study is started before all others on its nodes' paths.
        patch.chdir(tmp_path_factory.mktemp("elsewhere"))
        with connected(cluster) as connection:
            yield connection


@pytest.fixture
def add_node(cluster: Nodes) -> Iterator[AddNode]:
    """Adds nodes for the time of a test."""
    added: list[Any] = []

    def add(**options: Any) -> Any:
        added.append(cluster.add(**options))
        return added[-1]

    yield add
    for node in added:
        cluster.remove(node)


def until(executor: Executor, is_true: Callable[[], bool]) -> list[Event]:
    """Waits for events until a condition is true."""
    events: list[Event] = []
    deadline = time.monotonic() + LONG_S
    while not is_true():
        assert time.monotonic() < deadline
        events += executor.wait(0.2)
    return events


def running(executor: Executor, tasks: list[FoldTask]) -> None:
    """Waits until each of the folds has ended an epoch."""
    waiting = {task.identity for task in tasks}
    deadline = time.monotonic() + LONG_S
    while waiting:
        assert time.monotonic() < deadline
        waiting.difference_update(event.identity for event in executor.wait(0.2) if isinstance(event, Progress))


def trained_here(folds: Folds, task: FoldTask) -> Any:
    """What training in this process gives."""
    store = FeatureStore.open(folds.store)
    return train_fold(folds.corpus, store, task.configuration, task.fold, torch.device("cpu"))


def test_a_request_too_large_for_the_cluster_is_refused(cluster: Nodes) -> None:
    # Before the tests that share a connection: a process has only one.
    with pytest.raises(StudyError, match=r"--workers 2: the cluster has room for 1 folds of 1 CPU each: 1 on first"):
        join(connected(cluster, limit=2))
    with pytest.raises(StudyError, match=r"a fold takes 1 CPU and 0.5 of a GPU of one node, .* has 1 CPUs and 0 GPUs"):
        join(connected(cluster, gpus=0.5))


@pytest.fixture
def halves(connection: RayCluster, monkeypatch: pytest.MonkeyPatch) -> RayCluster:
    """A cluster of which a fold takes half a GPU, and each of whose nodes seems to have another processor."""
    processors = iter(("Some Processor", "Another Processor", "A Third Processor"))
    cluster = limited(connection, None, gpus=0.5)
    collect_check = cluster.collect_check
    monkeypatch.setattr(cluster, "collect_check", lambda node, check: (collect_check(node, check)[0], next(processors)))
    return cluster


@pytest.mark.slow
def test_a_study_lives_through_the_life_of_its_nodes(
    halves: RayCluster,
    cluster: Nodes,
    add_node: AddNode,
    folds: Folds,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Nodes with different processors, of which one dies, one joins and dies unnoticed, and the last dies.

    They offer GPUs, of which a fold takes half, so that the node of the other tests does not count.
    """
    monkeypatch.setattr(executor_module, "_POLL_S", 0.5)
    messages: list[str] = []
    last = add_node(cpus=3, gpus=1, name="last")
    second = add_node(cpus=1, gpus=1, name="second")
    executor = ray_executor(halves, folds, messages.append)
    assert executor.slots == executor.free_slots() == 3
    assert messages == [
        "nodes have different processors, so results are not identical bit for bit: Another Processor, Some Processor"
    ]
    on_last, on_second = folds.endless(0), replace(folds.endless(1), avoid=frozenset({0, 1}))
    for task in (on_last, on_second):
        executor.submit(task)
    running(executor, [on_last, on_second])

    messages.clear()
    capfd.readouterr()
    cluster.kill(second)
    assert_lost_with_its_node(executor, on_second)

    # A node joins: it takes a fold, and the other one goes on.
    third = add_node(cpus=1, gpus=1, name="third")
    events = until(executor, lambda: executor.free_slots() == 2)
    assert {type(event) for event in events} == {Progress}
    assert {event.identity for event in events} == {on_last.identity}
    assert_trains(executor, folds, replace(folds.task(index=3), avoid=frozenset({0, 1})))
    left, joined, differs = messages
    assert [message.partition(" (")[0] for message in messages] == ["node second", "node third", "node third"]
    assert left.endswith("has left the cluster")
    assert joined.endswith("has joined, with room for 1 fold(s)")
    assert differs.endswith("different processor, so results are not identical bit for bit: A Third Processor")
    # Ray would print the death of the node, with the last lines of its log.
    assert capfd.readouterr() == ("", "")

    with monkeypatch.context() as patch:
        patch.setattr(executor_module, "_POLL_S", 1e9)
        cluster.kill(third)
        until(executor, lambda: len(halves.nodes()) == 1)
        assert_first_fold_meets_the_death_alone(executor, folds)

    # The last node dies: the study waits for another one for a while, and then stops.
    monkeypatch.setattr(executor_module, "_NO_NODES_TIMEOUT_S", 3.0)
    cluster.kill(last)
    assert_lost(executor, on_last)
    assert not executor.can_take(folds.task())
    with pytest.raises(StudyError, match="the Ray cluster has had no node for folds for"):
        until(executor, lambda: executor.slots > 0)
    executor.close()


def assert_trains(executor: RayExecutor, folds: Folds, task: FoldTask) -> None:
    """Assert that the executor trains a fold to the same result as this process."""
    executor.submit(task)
    (ended,), _ = outcomes(executor)
    assert isinstance(ended, Finished)
    assert_identical(deserialize_fold(ended.content), trained_here(folds, task))


def assert_lost(executor: RayExecutor, task: FoldTask) -> Failed:
    """Assert that a fold is the next to end, and that it is lost with its worker; return the failure."""
    (failed,), _ = outcomes(executor)
    assert isinstance(failed, Failed)
    assert (failed.identity, failed.worker_lost) == (task.identity, True)
    return failed


def assert_lost_with_its_node(executor: RayExecutor, task: FoldTask) -> None:
    """Assert that a fold is lost, and that its worker, which has outlived the raylet, does not go on computing."""
    failed = assert_lost(executor, task)
    assert failed.reason.startswith("its node second (")
    assert failed.reason.endswith(") has left the cluster")
    until(executor, lambda: len(processes("ray::ser: fold")) == 1)
    until(executor, lambda: executor.slots == 2)
    assert executor.free_slots() == 1


def assert_first_fold_meets_the_death_alone(executor: RayExecutor, folds: Folds) -> None:
    """Assert that of two folds, where a node has died before the executor polls, the first one alone is lost."""
    assert (executor.slots, executor.free_slots()) == (3, 2)
    for index in (0, 1):
        executor.submit(folds.task(index))
    both, _ = outcomes(executor, 2)
    assert sorted(type(event).__name__ for event in both) == ["Failed", "Finished"]
    (failed,) = (event for event in both if isinstance(event, Failed))
    assert failed.worker_lost
    assert failed.reason.startswith("its node third (")
    assert (executor.slots, executor.free_slots()) == (2, 1)


@pytest.mark.parametrize(("cancelled", "reason"), [(True, CANCELLED), (False, "its worker sent no result")])
def test_a_fold_whose_stream_ends_without_a_result_has_failed(
    cancelled: bool, reason: str, connection: RayCluster, folds: Folds, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ray leaves it so where a fold is cancelled before its worker has started it, now and then.
    def silent(corpus: object, device: str, task: FoldTask) -> Iterator[bytes]:
        yield from ()

    executor = ray_executor(connection, folds)
    monkeypatch.setattr(executor, "_remote", connection.ray.remote(silent))
    task = folds.task()
    executor.submit(task)
    executor._folds[task.identity].cancelled = cancelled
    (failed,), _ = outcomes(executor)
    assert isinstance(failed, Failed)
    assert failed.reason == reason
    assert executor.free_slots() == 1
    executor.close()


def test_a_gpu_that_torch_cannot_see_is_named(connection: RayCluster, add_node: AddNode) -> None:
    add_node(cpus=1, gpus=1, name="blind")
    with pytest.raises(StudyError, match=r"node blind \(\w{6}\): torch .* "):
        limited(connection, None, gpus=1.0).call_all(name_of_device, "cuda")


def test_every_fold_computes_on_the_gpu_that_ray_gives(
    connection: RayCluster, add_node: AddNode, folds: Folds, monkeypatch: pytest.MonkeyPatch
) -> None:
    def report_gpu(corpus: object, device: str, task: FoldTask) -> Iterator[bytes]:
        import ray

        # CUDA reads the variable once in a process, and stays on that GPU.
        gpu_of_process = sys.__dict__.setdefault("stand_in_for_cuda", os.environ["CUDA_VISIBLE_DEVICES"])
        (gpu_of_task,) = ray.get_gpu_ids()
        yield f"{os.getpid()} {gpu_of_process} {gpu_of_task}".encode()

    # By name: the module imports Ray, which must not be imported before its output is off.
    monkeypatch.setattr("studies.execution.ray_backend.worker.fold_stream", report_gpu)
    add_node(cpus=4, gpus=2, name="two")
    executor = ray_executor(limited(connection, None, gpus=0.5), folds)
    assert executor.slots == 4
    reports = []
    for _ in range(2):
        for index in range(4):
            executor.submit(folds.task(index))
        reports += [event.content.split() for event in outcomes(executor, 4)[0] if isinstance(event, Finished)]
    executor.close()
    assert [gpu_of_process for _, gpu_of_process, _ in reports] == [gpu_of_task for *_, gpu_of_task in reports]
    assert {gpu_of_task for *_, gpu_of_task in reports} == {b"0", b"1"}
    assert len({process for process, *_ in reports}) == len(reports) == 8


def test_fewer_folds_share_a_gpu_whose_memory_has_run_out(
    connection: RayCluster, add_node: AddNode, folds: Folds, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(corpus: object, device: str, task: FoldTask) -> Iterator[bytes]:
        raise RuntimeError(f"cuDNN error: CUDNN_STATUS_ALLOC_FAILED (shared: {task.shares_gpu})")
        yield b""

    # By name: the module imports Ray, which must not be imported before its output is off.
    monkeypatch.setattr("studies.execution.ray_backend.worker.fold_stream", run_out)
    add_node(cpus=4, gpus=2, name="full")
    executor = ray_executor(limited(connection, None, gpus=0.5), folds)
    for index in range(2):
        executor.submit(folds.task(index))
    both, _ = outcomes(executor, 2)
    assert [isinstance(event, Failed) and event.out_of_memory_beside_others for event in both] == [True, True]
    assert all(" (from now on 1 fold(s) at once on a GPU of node full (" in event.reason for event in both)  # type: ignore[union-attr]
    assert executor.slots == executor.free_slots() == 2
    executor.submit(folds.task())
    (alone,), _ = outcomes(executor)
    executor.close()
    assert isinstance(alone, Failed)
    assert (alone.out_of_memory_beside_others, executor.slots) == (False, 2)
    assert alone.reason.endswith("CUDNN_STATUS_ALLOC_FAILED (shared: False)")


def test_a_node_with_other_code_is_named_with_the_files(
    connection: RayCluster, add_node: AddNode, folds: Folds, tmp_path: Path
) -> None:
    for package in ("ser", "tracking", "studies"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "ser" / "training" / "targets.py").open("a") as file:
        file.write("# Another version.\n")
    add_node(cpus=1, name="other", env_vars={"PYTHONPATH": str(tmp_path)})
    with pytest.raises(StudyError) as caught:
        ray_executor(connection, folds)
    assert "first" not in str(caught.value)
    assert "node other (" in str(caught.value)
    assert "its code is another version, in ser/training/targets.py" in str(caught.value)


def test_a_missing_store_is_built_on_the_node(connection: RayCluster, add_node: AddNode, tmp_path: Path) -> None:
    """A node that joins when store and corpus are gone is excluded."""
    root = write_emodb(tmp_path / "emodb", [f"{speaker}a01{letter}a" for speaker in ("03", "08") for letter in "WL"])
    corpus = load_corpus("emodb", root)
    store = tmp_path / "features" / store_key(corpus.digest, LogMelSettings())
    messages: list[str] = []
    executor = RayExecutor(connection, requirements_of(corpus, store), messages.append)
    executor.start()
    assert FeatureStore.open(store).corpus_digest == corpus.digest
    shutil.rmtree(root)
    shutil.rmtree(store)
    add_node(cpus=1, name="late")
    until(executor, lambda: messages != [])
    assert executor.slots == 1
    executor.close()
    assert messages[0].startswith("excluded: node late (")
    assert f"it has neither the feature store {store} nor the corpus to build it: " in messages[0]


def test_a_worker_computes_in_one_thread_without_the_tracker(connection: RayCluster, folds: Folds) -> None:
    def after_a_fold(corpus: list[Any], task: FoldTask) -> tuple[list[str], int, int]:
        from studies.execution.ray_backend.worker import fold_stream

        items = list(fold_stream(corpus, "cpu", task))
        return (
            [name for name in ("optuna", "mlflow") if name in sys.modules],
            len(items),
            torch.get_num_threads(),
        )

    corpus = [connection.ray.put(folds.corpus)]
    result = connection.ray.remote(after_a_fold).remote(corpus, folds.task())
    assert connection.ray.get(result) == ([], 3, 1)
