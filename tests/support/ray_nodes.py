"""Real Ray nodes on this machine: raylets of their own, with small object stores."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ser.corpora.corpus import Corpus
from ser.errors import ConfigurationError
from ser.feature_settings import LogMelSettings
from ser.features.frontends.base import FrontEndChoice
from studies.execution.base import StudyRequirements
from studies.execution.ray_backend.cluster import FoldRequest, RayCluster, import_ray, ray_cluster
from studies.execution.ray_backend.executor import RayExecutor
from tests.support.fold_tasks import Folds

_STORE = {"object_store_memory": 80 * 2**20}
_SETTINGS = {
    # A dead raylet is noticed after two seconds instead of fifteen.
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 4,
    # A node with more idle workers than processors ends one after a second; a test cannot tell that from a worker
    # that a fold has ended.
    "kill_idle_workers_interval_ms": 0,
}

_REMOVAL_TIMEOUT_S = 60.0


class Nodes:
    """A cluster whose nodes are added and killed.

    Args:
        cpus: CPUs that the head offers; with 0 it takes no folds.
    """

    def __init__(self, cpus: int) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": cpus, "include_dashboard": False, "_system_config": _SETTINGS} | _STORE
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self.address = str(self._cluster.address)

    def add(self, cpus: int, gpus: int = 0, name: str = "node", **options: Any) -> Any:
        """Add a node, and wait until it has joined."""
        return self._cluster.add_node(num_cpus=cpus, num_gpus=gpus, node_name=name, **_STORE, **options)

    def kill(self, node: Any) -> None:
        """Kill a node's raylet with SIGKILL; nothing tells the cluster."""
        (raylet,) = node.all_processes["raylet"]
        raylet.process.kill()

    def remove(self, node: Any) -> None:
        """End all processes of a node, and wait until the cluster knows: the next test must not see it."""
        self._cluster.remove_node(node, allow_graceful=False)
        deadline = time.monotonic() + _REMOVAL_TIMEOUT_S
        while self._is_alive(node):
            assert time.monotonic() < deadline, f"the cluster still lists node {node.node_id} as alive"
            time.sleep(0.05)

    def _is_alive(self, node: Any) -> bool:
        states = self._cluster.global_state.node_table()
        return any(state["Alive"] and state["NodeID"] == node.node_id for state in states)

    def end(self) -> None:
        self._cluster.shutdown()


@contextmanager
def nodes(cpus: int) -> Iterator[Nodes]:
    """Start a cluster for the time of the block; a test is skipped if Ray is not installed."""
    try:
        import_ray()
    except ConfigurationError:
        pytest.skip("Ray is not installed: make setup EXECUTOR=ray")
    cluster = Nodes(cpus)
    try:
        yield cluster
    finally:
        cluster.end()


@contextmanager
def connected(nodes: Nodes, limit: int | None = None, gpus: float | None = 0.0) -> Iterator[RayCluster]:
    """Connect to a cluster as a study does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", nodes.address)
        with ray_cluster(limit, gpus) as cluster:
            yield cluster


def limited(cluster: RayCluster, limit: int | None, gpus: float = 0.0) -> RayCluster:
    """Return the same connection with another request."""
    return RayCluster(cluster.ray, FoldRequest(gpus), limit)


def requirements_of(corpus: Corpus, store: Path) -> StudyRequirements:
    return StudyRequirements(corpus, "emodb", {}, {store: FrontEndChoice(settings=LogMelSettings())}, "fp32", "cpu")


def ray_executor(cluster: RayCluster, folds: Folds, notify: Callable[[str], None] = print) -> RayExecutor:
    """Return an executor that is ready for folds of a tiny corpus."""
    executor = RayExecutor(cluster, requirements_of(folds.corpus, folds.store), notify)
    executor.start()
    return executor


def join(cluster: AbstractContextManager[RayCluster]) -> None:
    """Joins a cluster and leaves it."""
    with cluster:
        pass
