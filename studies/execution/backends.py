"""Backends that compute a study's folds: this machine, or a Ray cluster."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from typing_extensions import override

from ser.devices import device_name, name_of_device
from ser.errors import ConfigurationError, unknown_value_message
from studies.execution.base import Executor, StudyRequirements
from studies.execution.bf16_probe import bf16_speedup
from studies.execution.devices import default_worker_devices
from studies.execution.local import LocalExecutor
from studies.execution.ray_backend.cluster import RayCluster, ray_cluster
from studies.execution.ray_backend.executor import RayExecutor
from tracking import schema

EXECUTORS = ("local", "ray")


class Backend(ABC):
    """CPUs or GPUs for folds: their names and speed before there is a study, then an executor on them.

    Attributes:
        device_type: 'cpu' or 'cuda'.
        processor: Name of the CPU or GPU; all names, where they differ.
    """

    device_type: str
    processor: str

    @abstractmethod
    def bf16_speedup(self) -> float:
        """Measure how many times as fast as fp32 a bf16 step is; 0 where bf16 does not run."""

    @abstractmethod
    def executor(self, requirements: StudyRequirements, notify: Callable[[str], None]) -> Executor:
        """Prepare what the study needs, and return an executor that takes folds.

        Args:
            requirements: What the study needs.
            notify: Receives a line about each node that joins or leaves.
        """


class LocalBackend(Backend):
    """This machine.

    Args:
        devices: Device of each worker.
    """

    def __init__(self, devices: tuple[str, ...]) -> None:
        self._devices = devices
        self.device_type = devices[0].partition(":")[0]
        self.processor = device_name(devices[0])

    @override
    def bf16_speedup(self) -> float:
        return bf16_speedup(self._devices[0])

    @override
    def executor(self, requirements: StudyRequirements, notify: Callable[[str], None]) -> Executor:
        return LocalExecutor(requirements.corpus, self._devices)


class RayBackend(Backend):
    """Ray cluster.

    Args:
        cluster: The cluster.
        processors: Name of the CPU or GPU of each node.
    """

    def __init__(self, cluster: RayCluster, processors: tuple[str, ...]) -> None:
        self._cluster = cluster
        self.device_type = cluster.request.device
        self.processor = schema.PROCESSOR_SEPARATOR.join(sorted(set(processors)))

    @override
    def bf16_speedup(self) -> float:
        """Measure on the first node."""
        return float(self._cluster.call_one(bf16_speedup, self.device_type))

    @override
    def executor(self, requirements: StudyRequirements, notify: Callable[[str], None]) -> Executor:
        """Check every node and build feature stores that are missing."""
        executor = RayExecutor(self._cluster, requirements, notify)
        executor.start()
        return executor


@contextmanager
def open_backend(executor: str, workers: int | None, gpus: float | None) -> Iterator[Backend]:
    """Open the backend that the user asks for; a cluster is connected to for the time of the block.

    Args:
        executor: 'local' or 'ray'.
        workers: Folds at once, or None for as many as there is room for.
        gpus: Share of a GPU that a fold takes on a cluster, or None for a whole one if there are any.

    Raises:
        ConfigurationError: The executor is unknown or not installed, or does not share GPUs.
        StudyError: The cluster is unavailable or too small, or its nodes have different code.
    """
    if executor not in EXECUTORS:
        raise ConfigurationError(unknown_value_message("executor", executor, EXECUTORS))
    if executor == "local":
        if gpus is not None:
            raise ConfigurationError("--gpus applies to --executor ray only")
        yield LocalBackend(default_worker_devices(workers))
        return
    with ray_cluster(workers, gpus) as cluster:
        names = cluster.call_all(name_of_device, cluster.request.device)
        yield RayBackend(cluster, tuple(names.values()))
