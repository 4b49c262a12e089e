"""Connection to a Ray cluster: an existing one, or one that is started on this machine for a study.

Ray brings workers, scheduling and failure detection; this module lists its nodes and calls functions on them.
"""

import os
import pickle
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
    """Node that is alive.

    Attributes:
        id: Ray's id.
        name: Name for messages.
        cpus: CPUs that it offers to Ray.
        gpus: GPUs that it offers to Ray.
    """

    id: str
    name: str
    cpus: float
    gpus: float


@dataclass(frozen=True)
class FoldRequest:
    """Resources of a node that one fold takes; a fold computes in one thread.

    Attributes:
        gpus: Share of a GPU, above 0 and up to 1, or 0 to compute on the CPU.
    """

    gpus: float

    @property
    def device(self) -> str:
        """Device type of a fold: 'cpu' or 'cuda'."""
        return "cuda" if self.gpus else "cpu"

    @property
    def folds_per_gpu(self) -> int:
        """Number of folds that share a GPU; 0 on CPUs."""
        # A share such as 0.1 is not exact in binary; ten of them fit a GPU all the same.
        return int(1 / self.gpus + 1e-9) if self.gpus else 0

    def describe(self) -> str:
        """Return the request as text."""
        return "1 CPU" + (f" and {self.gpus:g} of a GPU" if self.gpus else "")

    def slots_of(self, node: Node) -> int:
        """Return how many folds a node computes at once; a share never spans two GPUs."""
        cpu_slots = int(node.cpus)
        return min(cpu_slots, int(node.gpus) * self.folds_per_gpu) if self.gpus else cpu_slots


class RayCluster:
    """Connection to a cluster; opened by `ray_cluster`.

    Args:
        ray: The package, imported and connected.
        request: Resources that a fold takes.
        limit: Largest number of folds at once, or None for as many as the nodes have room for.
    """

    def __init__(self, ray: ModuleType, request: FoldRequest, limit: int | None) -> None:
        self.ray = ray
        self.request = request
        self.limit = limit
        self._fingerprint = environment_check.environment_fingerprint()
        ray.cloudpickle.register_pickle_by_value(environment_check)

    def remote(self, function: Callable[..., Any]) -> Any:
        """Return a function as Ray calls it on nodes, in processes that see the GPU of their task alone.

        Ray uses a process again for a task on another GPU, and CUDA stays on the first one: where a task has a GPU, its
        process ends with it. This cannot be asked for with `.options()`.
        """
        return self.ray.remote(max_calls=1 if self.request.gpus else 0)(function)

    def nodes(self) -> list[Node]:
        """Return the nodes that are alive and have room for at least one fold, by name."""
        nodes = [
            Node(
                state["NodeID"],
                f"{state['NodeName']} ({state['NodeID'][:6]})",
                state["Resources"].get("CPU", 0.0),
                state["Resources"].get("GPU", 0.0),
            )
            for state in self.ray.nodes()
            if state["Alive"]
        ]
        return sorted((node for node in nodes if self.request.slots_of(node)), key=lambda node: (node.name, node.id))

    def submit_check(self, node: Node, function: Callable[[Any], Any], argument: Any) -> "ray.ObjectRef[Any]":
        """Call a function of this project on a node, unless the node's code or versions differ.

        Args:
            node: The node.
            function: A function of a module, with one argument.
            argument: Its argument.

        Returns:
            Reference to the problems, one text per difference or error, and to the value if there are none.
        """
        affinity = self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node.id, soft=False)
        remote = self.remote(environment_check.call_if_same_environment).options(
            num_cpus=0, num_gpus=self.request.gpus, max_retries=0, scheduling_strategy=affinity, name="ser: check"
        )
        content = pickle.dumps(argument)
        return remote.remote(self._fingerprint, function.__module__, function.__name__, content)

    def collect_check(self, node: Node, reference: "ray.ObjectRef[Any]") -> tuple[list[str], Any]:
        """Return problems and value of `submit_check`; a node that died or cannot run our code has a problem, too."""
        try:
            problems, value = self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            problems, value = [first_line(error)], None
        return [f"node {node.name}: {problem}" for problem in problems], value

    def call_one(self, function: Callable[[Any], Any], argument: Any) -> Any:
        """Call a function on the first node with room for a fold; see `call_all`."""
        (value,) = self._call(self.nodes()[:1], function, argument).values()
        return value

    def call_all(self, function: Callable[[Any], Any], argument: Any) -> dict[Node, Any]:
        """Call a function on every node with room for a fold, all at once.

        Returns:
            Its return value, by node.

        Raises:
            StudyError: Nodes have problems; the text names every such node with all of them.
        """
        return self._call(self.nodes(), function, argument)

    def _call(self, nodes: list[Node], function: Callable[[Any], Any], argument: Any) -> dict[Node, Any]:
        references = {node: self.submit_check(node, function, argument) for node in nodes}
        results = {node: self.collect_check(node, reference) for node, reference in references.items()}
        problems = [problem for node_problems, _ in results.values() for problem in node_problems]
        if problems:
            raise StudyError("the Ray cluster has nodes that cannot compute this study's folds: " + "; ".join(problems))
        return {node: value for node, (_, value) in results.items()}


@contextmanager
def ray_cluster(limit: int | None, gpus: float | None) -> Iterator[RayCluster]:
    """Connect to the cluster at RAY_ADDRESS, or start one on this machine for the time of the block.

    Args:
        limit: Folds at once, or None for as many as the nodes have room for.
        gpus: Share of a GPU that a fold takes, 0 to 1; None for a whole GPU if the cluster has any, else 0.

    Raises:
        ConfigurationError: Ray is not installed, or the share is not between 0 and 1.
        StudyError: The cluster is unavailable, or too small for the request.
    """
    if gpus is not None and not 0 <= gpus <= 1:
        raise ConfigurationError(f"--gpus must be between 0 and 1 GPU per fold, got {gpus:g}")
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
    """Return an error in one line: the one that was raised on a node, where Ray knows it."""
    cause = getattr(error, "cause", None) or error
    return f"{type(cause).__name__}: {next(iter(str(cause).strip().splitlines()), 'no reason given')}"


def import_ray() -> ModuleType:
    """Import Ray with its output and its usage statistics off.

    Raises:
        ConfigurationError: Ray is not installed.
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
    """Return whether this user has a token for Ray clusters, in a variable or in the file that Ray reads."""
    return _has_token_variable() or _token_file().is_file()


def _has_token_variable() -> bool:
    return "RAY_AUTH_TOKEN" in os.environ or "RAY_AUTH_TOKEN_PATH" in os.environ


def _token_file() -> Path:
    return Path.home() / ".ray" / "auth_token"


def make_private_token() -> None:
    """Make this user's token where there is none, and let nobody else read it.

    Ray would make it readable for every user of the machine, who could then run code in the cluster.
    """
    if _has_token_variable():
        return
    file = _token_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent) as draft:
        draft.write(secrets.token_hex(32))
        draft.flush()
        # Another study may make it at the same time; the first one stays.
        with suppress(FileExistsError):
            os.link(draft.name, file)
    file.chmod(0o600)


def _connect(ray: ModuleType, address: str | None) -> None:
    """Connect to a cluster, or start one on this machine."""
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None or address == "local":
        make_private_token()
        resources = {"num_cpus": usable_cores(), "object_store_memory": _STORE_BYTES, "include_dashboard": False}
        ray.init(address="local", **resources, **quiet)
        return
    if "://" in address:
        raise StudyError(
            f"RAY_ADDRESS {address} is a Ray Client address; run the study on a node of the cluster instead, "
            "with RAY_ADDRESS=HOST:6379 or RAY_ADDRESS=auto"
        )
    try:
        if address != "auto":
            # Ray itself would try for minutes.
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), _REACH_S).close()
        ray.init(address=address, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        raise StudyError(f"RAY_ADDRESS {address}: cannot connect to a Ray cluster: {first_line(error)}") from error


def _check_capacity(cluster: RayCluster) -> None:
    """Refuse a request that the cluster cannot meet; Ray would wait for it for ever."""
    nodes, request = cluster.nodes(), cluster.request
    slots = sum(request.slots_of(node) for node in nodes)
    if not slots:
        total = cluster.ray.cluster_resources()
        total_text = f"{total.get('CPU', 0):g} CPUs and {total.get('GPU', 0):g} GPUs"
        raise StudyError(
            f"a fold takes {request.describe()} of one node, and no node has that; the cluster has {total_text}"
        )
    if cluster.limit is not None and cluster.limit > slots:
        room = ", ".join(f"{request.slots_of(node)} on {node.name}" for node in nodes)
        raise StudyError(
            f"--workers {cluster.limit}: the cluster has room for {slots} folds of {request.describe()} each: {room}"
        )
