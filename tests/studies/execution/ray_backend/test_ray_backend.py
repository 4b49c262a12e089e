"""What a Ray cluster adds to the contract: nodes die, come, differ or lack something, and requests may be too much."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from ser.config import FeatureSettings
from ser.corpora.loading import load_corpus
from ser.devices import name_of_device
from ser.errors import ConfigurationError, StudyError
from ser.features.builder import store_key
from ser.features.store import FeatureStore
from ser.training.checkpoint import deserialize_fold
from ser.training.trainer import train_fold
from studies.execution.base import CANCELLED, Event, Executor, Failed, Finished, FoldTask, Progress
from studies.execution.ray_backend import executor as ray_backend
from studies.execution.ray_backend.cluster import RayCluster, ray_cluster
from studies.execution.ray_backend.executor import RayExecutor
from tests.support.corpora import write_emodb
from tests.support.fold_tasks import LONG_S, Folds, outcomes
from tests.support.processes import processes
from tests.support.ray_nodes import Nodes, connected, limited, needs_of, nodes, ray_executor
from tests.support.toy_corpus import assert_identical

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> Folds:
    return Folds(tmp_path_factory.mktemp("executor"))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    """A cluster whose head computes nothing."""
    with nodes(cpus=0) as made:
        yield made


@pytest.fixture
def node(cluster: Nodes) -> Iterator[Any]:
    """A node of one processor, for the time of a test."""
    made = cluster.add(cpus=1, name="first")
    yield made
    cluster.remove(made)


def until(executor: Executor, holds: Callable[[], bool]) -> list[Event]:
    """Waits for events until something holds."""
    events: list[Event] = []
    deadline = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < deadline
        events += executor.wait(0.2)
    return events


def join(cluster: AbstractContextManager[RayCluster]) -> None:
    with cluster:
        pass


def running(executor: Executor, tasks: list[FoldTask]) -> None:
    """Waits until each of the folds has ended an epoch."""
    waiting = {task.identity for task in tasks}
    deadline = time.monotonic() + LONG_S
    while waiting:
        assert time.monotonic() < deadline
        waiting.difference_update(event.identity for event in executor.wait(0.2) if isinstance(event, Progress))


def here(folds: Folds, task: FoldTask) -> Any:
    """What training in this process gives."""
    store = FeatureStore.open(folds.store)
    return train_fold(folds.corpus, store, task.configuration, task.fold, torch.device("cpu"))


def test_a_dead_node_costs_its_fold_and_a_node_that_comes_is_used(
    cluster: Nodes, node: Any, folds: Folds, capfd: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    second = cluster.add(cpus=1, name="second")
    with connected(cluster) as connection:
        executor = ray_executor(connection, folds, said.append)
        assert executor.slots == 2
        tasks = [folds.endless(0), folds.endless(1)]
        for task in tasks:
            executor.submit(task)
        running(executor, tasks)
        capfd.readouterr()
        cluster.kill(second)
        (failed,), _ = outcomes(executor)
        assert isinstance(failed, Failed)
        assert failed.worker_lost
        assert failed.reason.startswith("its node second (")
        assert failed.reason.endswith(") has left the cluster")
        # Its worker has outlived its raylet, and does not go on computing.
        until(executor, lambda: len(processes("ray::ser: fold")) == 1)
        (other,) = (task for task in tasks if task.identity != failed.identity)
        until(executor, lambda: executor.slots == 1)
        assert executor.free_slots() == 0
        third = cluster.add(cpus=1, name="third")
        events = until(executor, lambda: executor.free_slots() == 1)
        assert {type(event) for event in events} == {Progress}
        assert {event.identity for event in events} == {other.identity}
        task = folds.task(index=2)
        executor.submit(task)
        (ended,), _ = outcomes(executor)
        assert isinstance(ended, Finished)
        assert_identical(deserialize_fold(ended.content), here(folds, task))
        executor.close()
        assert [text.partition(" (")[0] for text in said] == ["node second", "node third"]
        assert said[0].endswith("has left the cluster")
        assert said[1].endswith("has come, with room for 1 folds")
    cluster.remove(third)
    cluster.remove(second)
    # Ray would tell of the dead node, with the last lines of its log.
    assert capfd.readouterr() == ("", "")


def test_a_study_whose_nodes_are_all_gone_waits_for_a_while_and_then_stops(
    cluster: Nodes, folds: Folds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_backend, "_WITHOUT_NODES_S", 6.0)
    only = cluster.add(cpus=1, name="only")
    with connected(cluster) as connection:
        executor = ray_executor(connection, folds)
        executor.submit(folds.endless())
        running(executor, [folds.endless()])
        cluster.kill(only)
        (failed,), _ = outcomes(executor)
        assert isinstance(failed, Failed)
        assert failed.worker_lost
        assert not executor.can_take(folds.task())
        with pytest.raises(StudyError, match="the Ray cluster has had no node for folds for"):
            until(executor, lambda: executor.slots > 0)
        executor.close()
    cluster.remove(only)


def test_a_node_whose_death_a_fold_has_met_gets_no_other_fold(
    cluster: Nodes, node: Any, folds: Folds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_backend, "_LOOK_S", 1e9)
    second = cluster.add(cpus=1, name="second")
    with connected(cluster) as connection:
        executor = ray_executor(connection, folds)
        cluster.kill(second)
        until(executor, lambda: len(connection.nodes()) == 1)
        assert executor.slots == 2
        for index in (0, 1):
            executor.submit(folds.task(index))
        ended, _ = outcomes(executor, 2)
        assert sorted(type(each).__name__ for each in ended) == ["Failed", "Finished"]
        (failed,) = (each for each in ended if isinstance(each, Failed))
        assert failed.worker_lost
        assert failed.reason.startswith("its node second (")
        assert executor.slots == executor.free_slots() == 1
        executor.close()
    cluster.remove(second)


@pytest.mark.parametrize(("cancelled", "reason"), [(True, CANCELLED), (False, "its worker sent no result")])
def test_a_fold_whose_stream_ends_without_a_word_has_failed(
    cancelled: bool, reason: str, cluster: Nodes, node: Any, folds: Folds, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ray leaves it so where a fold is cancelled before its worker has begun with it, now and then.
    def silent(corpus: object, device: str, task: FoldTask) -> Iterator[bytes]:
        yield from ()

    with connected(cluster) as connection:
        executor = ray_executor(connection, folds)
        monkeypatch.setattr(ray_backend, "_remote", connection.ray.remote(silent))
        task = folds.task()
        executor.submit(task)
        executor._folds[task.identity].cancelled = cancelled
        (failed,), _ = outcomes(executor)
        assert isinstance(failed, Failed)
        assert failed.reason == reason
        assert executor.free_slots() == 1
        executor.close()


def test_a_node_of_another_processor_is_told_of(
    cluster: Nodes, node: Any, folds: Folds, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    with connected(cluster) as connection:
        executor = ray_executor(connection, folds, said.append)
        assert said == []
        answer = connection.answer
        monkeypatch.setattr(connection, "answer", lambda node, asked: (answer(node, asked)[0], "Another Processor"))
        second = cluster.add(cpus=1, name="second")
        until(executor, lambda: len(said) == 2)
        assert said[1].startswith("node second (")
        assert said[1].endswith(
            ") has another processor, on which results are not equal to the last digit: Another Processor"
        )
        executor.close()
        said.clear()
        names = iter(("One", "Another"))
        monkeypatch.setattr(connection, "answer", lambda node, asked: (answer(node, asked)[0], next(names)))
        ray_executor(connection, folds, said.append).close()
    cluster.remove(second)
    expected = "nodes have unlike processors, on which results are not equal to the last digit: Another, One"
    assert said == [expected]


def test_a_share_of_a_card_makes_slots(cluster: Nodes, folds: Folds) -> None:
    added = cluster.add(cpus=3, gpus=1, name="cards")
    with connected(cluster) as connection:
        executor = ray_executor(limited(connection, None, gpus=0.5), folds)
        assert executor.slots == executor.free_slots() == 2
        tasks = [folds.task(0), folds.task(1)]
        for task in tasks:
            executor.submit(task)
        ended, _ = outcomes(executor, 2)
        assert {type(each) for each in ended} == {Finished}
        executor.close()
        with pytest.raises(StudyError, match=r"node cards \(\w{6}\): torch .* sees no graphics card"):
            limited(connection, None, gpus=1.0).ask_all(name_of_device, "cuda")
    cluster.remove(added)


def test_what_the_cluster_has_no_room_for_is_refused(cluster: Nodes, node: Any) -> None:
    with pytest.raises(StudyError, match=r"2 folds at once, of 1 CPU each, but there is room for 1: 1 on first"):
        join(connected(cluster, limit=2))
    with pytest.raises(StudyError, match=r"a fold takes 1 CPU and 0.5 of a GPU of one node, .* has 1 CPUs and 0 GPUs"):
        join(connected(cluster, gpus=0.5))


def test_a_node_with_other_code_is_named_with_the_files(
    cluster: Nodes, node: Any, folds: Folds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("ser", "tracking", "studies"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "ser" / "training" / "targets.py").open("a") as file:
        file.write("# Another version.\n")
    # Ray puts the folder in which a study is started before all others on its nodes' paths.
    monkeypatch.chdir(tmp_path.parent)
    other = cluster.add(cpus=1, name="other", env_vars={"PYTHONPATH": str(tmp_path)})
    with connected(cluster) as connection, pytest.raises(StudyError) as caught:
        ray_executor(connection, folds)
    cluster.remove(other)
    assert "first" not in str(caught.value)
    assert "node other (" in str(caught.value)
    assert "its code is of another version, in ser/training/targets.py" in str(caught.value)


def test_a_missing_store_is_built_on_the_node_and_a_node_without_corpus_is_left_out(
    cluster: Nodes, node: Any, tmp_path: Path
) -> None:
    root = write_emodb(tmp_path / "emodb", [f"{speaker}a01{letter}a" for speaker in ("03", "08") for letter in "WL"])
    corpus = load_corpus("emodb", root)
    store = tmp_path / "features" / store_key(corpus, FeatureSettings())
    said: list[str] = []
    with connected(cluster) as connection:
        executor = RayExecutor(connection, needs_of(corpus, store), said.append)
        executor.start()
        assert FeatureStore.open(store).corpus_digest == corpus.digest
        shutil.rmtree(root)
        shutil.rmtree(store)
        late = cluster.add(cpus=1, name="late")
        until(executor, lambda: said != [])
        assert executor.slots == 1
        executor.close()
    cluster.remove(late)
    assert said[0].startswith("left out: node late (")
    assert f"it has neither the feature store {store} nor the corpus to build it: " in said[0]


def test_a_worker_imports_neither_search_nor_tracker_and_computes_in_one_thread(
    cluster: Nodes, node: Any, folds: Folds
) -> None:
    def after_a_fold(corpus: list[Any], task: FoldTask) -> tuple[list[str], int, int]:
        from studies.execution.ray_backend.worker import fold_stream

        items = list(fold_stream(corpus, "cpu", task))
        return (
            [name for name in ("optuna", "mlflow", "tracking") if name in sys.modules],
            len(items),
            torch.get_num_threads(),
        )

    with connected(cluster) as connection:
        corpus = [connection.ray.put(folds.corpus)]
        asked = connection.ray.remote(after_a_fold).remote(corpus, folds.task())
        assert connection.ray.get(asked) == ([], 3, 1)


def test_a_cluster_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: make setup EXECUTOR=ray")
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    with pytest.raises(StudyError, match="RAY_ADDRESS ray://head:10001 is a client's address"):
        join(ray_cluster(None, None))
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(StudyError, match=r"RAY_ADDRESS 127.0.0.1:1: no connection to a Ray cluster: "):
        join(ray_cluster(None, None))


def test_a_share_of_more_than_one_card_is_refused() -> None:
    for share in (-0.5, 1.5):
        with pytest.raises(ConfigurationError, match=f"gpus {share:g} is not a share of one graphics card, 0 to 1"):
            join(ray_cluster(None, share))


def test_without_ray_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigurationError, match=r"executor ray needs Ray: pip install 'ser-studies\[ray\]'"):
        join(ray_cluster(None, None))


LOCAL = """
import sys
from studies.execution.ray_backend.node_setup import name_of_device
from studies.execution.ray_backend.cluster import ray_cluster
with ray_cluster(int(sys.argv[1]), None) as cluster:
    print(len(cluster.ask_all(name_of_device, "cpu")), cluster.request)
"""


def test_without_an_address_a_cluster_is_started_here_and_ended(tmp_path: Path) -> None:
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: make setup EXECUTOR=ray")
    # Ray keeps a token in its user's home.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {"HOME": str(tmp_path), "CUDA_VISIBLE_DEVICES": ""}
    given = [sys.executable, "-c", LOCAL, "1"]
    answer = subprocess.run(
        given, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=LONG_S, check=False
    )
    assert (answer.returncode, answer.stdout) == (0, "1 FoldRequest(gpus=0.0)\n"), answer.stderr
    left = [
        process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get("HOME") == str(tmp_path)
    ]
    assert left == []
