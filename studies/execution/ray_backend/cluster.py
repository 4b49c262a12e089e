"""A Ray cluster: an existing one, or one on this machine that is started and ended here.

Ray brings workers, scheduling and failure detection; this module asks it for nodes and calls.
"""

import os
import pickle
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ser.errors import ConfigurationError, StudyError
from studies.execution.devices import usable_cores
from studies.execution.ray_backend import environment_check

if TYPE_CHECKING:
    import ray

# Ray reads these when it is imported. What it would print on the terminal of a study stands in its log files as well.
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": "^", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
_REACH_S = 10.0
_STORE_BYTES = 100 * 2**20
_INSTALL = "pip install 'ser-studies[ray]' (with make: EXECUTOR=ray)"


@dataclass(frozen=True)
class Node:
    """A living node.

    Attributes:
        id: Ray's id of it.
        name: Its name for people.
        cpus: Processors that it offers to Ray.
        gpus: Graphics cards that it offers to Ray.
    """

    id: str
    name: str
    cpus: float
    gpus: float


@dataclass(frozen=True)
class FoldRequest:
    """What one fold takes of a node; a fold computes in one thread.

    Attributes:
        gpus: Share of a graphics card, above 0 and up to 1, or 0 to compute on a processor.
    """

    gpus: float

    @property
    def device(self) -> str:
        """Where a fold computes: 'cpu' or 'cuda'."""
        return "cuda" if self.gpus else "cpu"

    @property
    def describe(self) -> str:
        """The request in words."""
        return "1 CPU" + (f" and {self.gpus:g} of a GPU" if self.gpus else "")

    def slots_of(self, node: Node) -> int:
        """Folds that a node computes at once; a share never spans two cards."""
        by_cpus = int(node.cpus)
        # A share such as 0.1 is not exact in binary; ten of them fit a card all the same.
        return min(by_cpus, int(node.gpus) * int(1 / self.gpus + 1e-9)) if self.gpus else by_cpus


class RayCluster:
    """A connection to a cluster; made by `ray_cluster`.

    Args:
        ray: The package, imported and connected.
        request: What a fold takes.
        limit: Folds at once that the user wants at most, or None for as many as there is room for.
    """

    def __init__(self, ray: ModuleType, request: FoldRequest, limit: int | None) -> None:
        self.ray = ray
        self.request = request
        self.limit = limit
        self._facts = environment_check.environment_fingerprint()
        ray.cloudpickle.register_pickle_by_value(environment_check)

    def nodes(self) -> list[Node]:
        """Living nodes with room for at least one fold, by name."""
        found = [
            Node(
                each["NodeID"],
                f"{each['NodeName']} ({each['NodeID'][:6]})",
                each["Resources"].get("CPU", 0.0),
                each["Resources"].get("GPU", 0.0),
            )
            for each in self.ray.nodes()
            if each["Alive"]
        ]
        return sorted((node for node in found if self.request.slots_of(node)), key=lambda node: (node.name, node.id))

    def ask(self, node: Node, function: Callable[[Any], Any], argument: Any) -> "ray.ObjectRef[Any]":
        """Calls a function of this project on a node, once the node's code and versions are known to be equal.

        Args:
            node: The node.
            function: A function of a module, with one argument.
            argument: Its argument.

        Returns:
            A reference to what differs or went wrong, one text each, and what the function returned if nothing did.
        """
        where = self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node.id, soft=False)
        remote = self.ray.remote(environment_check.call_if_same_environment).options(
            num_cpus=0, num_gpus=self.request.gpus, max_retries=0, scheduling_strategy=where, name="ser: check"
        )
        content = pickle.dumps(argument)
        return remote.remote(self._facts, function.__module__, function.__name__, content)

    def answer(self, node: Node, asked: "ray.ObjectRef[Any]") -> tuple[list[str], Any]:
        """What came of `ask`; a node that died or cannot run our code is told like one that differs."""
        try:
            told, value = self.ray.get(asked)
        except self.ray.exceptions.RayError as error:
            told, value = [first_line(error)], None
        return [f"node {node.name}: {each}" for each in told], value

    def ask_one(self, function: Callable[[Any], Any], argument: Any) -> Any:
        """Calls a function on the first node with room for a fold; see `ask_all`."""
        (value,) = self._answers(self.nodes()[:1], function, argument).values()
        return value

    def ask_all(self, function: Callable[[Any], Any], argument: Any) -> dict[Node, Any]:
        """Calls a function on every node with room for a fold, all at once.

        Returns:
            What it returned, by node.

        Raises:
            StudyError: A node differs; the text names every such node with what differs.
        """
        return self._answers(self.nodes(), function, argument)

    def _answers(self, nodes: list[Node], function: Callable[[Any], Any], argument: Any) -> dict[Node, Any]:
        asked = {node: self.ask(node, function, argument) for node in nodes}
        answers = {node: self.answer(node, reference) for node, reference in asked.items()}
        told = [line for lines, _ in answers.values() for line in lines]
        if told:
            raise StudyError("not every node of the Ray cluster can compute this study's folds: " + "; ".join(told))
        return {node: value for node, (_, value) in answers.items()}


@contextmanager
def ray_cluster(limit: int | None, gpus: float | None) -> Iterator[RayCluster]:
    """Connects to the cluster at RAY_ADDRESS, or starts one on this machine for the time of the block.

    Args:
        limit: Folds at once, or None for as many as there is room for.
        gpus: Share of a graphics card that a fold takes, 0 to 1; None for one card where there are any.

    Raises:
        ConfigurationError: Ray is not installed, or the share is none.
        StudyError: There is no such cluster, or it cannot meet the request.
    """
    if gpus is not None and not 0 <= gpus <= 1:
        raise ConfigurationError(f"gpus {gpus:g} is not a share of one graphics card, 0 to 1")
    ray = import_ray()
    _connect(ray, os.environ.get("RAY_ADDRESS"))
    try:
        if gpus is None:
            gpus = 1.0 if ray.cluster_resources().get("GPU") else 0.0
        cluster = RayCluster(ray, FoldRequest(gpus), limit)
        _check_capacity(cluster)
        yield cluster
    finally:
        ray.shutdown()


def first_line(error: BaseException) -> str:
    """An error in one line: the one that was raised on a node, where Ray knows it."""
    cause = getattr(error, "cause", None) or error
    return f"{type(cause).__name__}: {next(iter(str(cause).strip().splitlines()), 'no reason given')}"


def import_ray() -> ModuleType:
    """Imports Ray, so that it neither prints nor calls home.

    Raises:
        ConfigurationError: It is not installed.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if _has_token():
        # Clusters are started with the token that is there, but joined without it unless this says so.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise ConfigurationError(f"executor ray needs Ray: {_INSTALL}; {error}") from None
    package: ModuleType = ray
    return package


def _has_token() -> bool:
    """Whether this user has a token for Ray clusters, in one of the three places that Ray knows."""
    named = "RAY_AUTH_TOKEN" in os.environ or "RAY_AUTH_TOKEN_PATH" in os.environ
    return named or (Path.home() / ".ray" / "auth_token").is_file()


def _connect(ray: ModuleType, address: str | None) -> None:
    """Joins a cluster, or starts one."""
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None or address == "local":
        own = {"num_cpus": usable_cores(), "object_store_memory": _STORE_BYTES, "include_dashboard": False}
        ray.init(address="local", **own, **quiet)
        return
    if "://" in address:
        raise StudyError(
            f"RAY_ADDRESS {address} is a client's address, and a study is run on a node of the cluster: give its "
            "command there, with RAY_ADDRESS=HOST:6379 or RAY_ADDRESS=auto"
        )
    try:
        if address != "auto":
            # Ray itself would try for minutes.
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), _REACH_S).close()
        ray.init(address=address, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        raise StudyError(f"RAY_ADDRESS {address}: no connection to a Ray cluster: {first_line(error)}") from error


def _check_capacity(cluster: RayCluster) -> None:
    """Refuses what the cluster has no room for; Ray would wait for it without an end."""
    nodes, request = cluster.nodes(), cluster.request
    slots = sum(request.slots_of(node) for node in nodes)
    if not slots:
        total = cluster.ray.cluster_resources()
        offers = f"{total.get('CPU', 0):g} CPUs and {total.get('GPU', 0):g} GPUs"
        raise StudyError(
            f"a fold takes {request.describe} of one node, but no node offers that; the cluster has {offers}"
        )
    if cluster.limit is not None and cluster.limit > slots:
        room = ", ".join(f"{request.slots_of(node)} on {node.name}" for node in nodes)
        raise StudyError(
            f"{cluster.limit} folds at once, of {request.describe} each, but there is room for {slots}: {room}"
        )
