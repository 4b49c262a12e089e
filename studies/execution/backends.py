"""Backends that compute a study's folds: this machine, or a Ray cluster."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import cycle, islice
from typing import TYPE_CHECKING

from typing_extensions import override

from ser.config import Precision
from ser.devices import cpu_name, name_of_device
from ser.errors import ConfigurationError, StudyError, unknown_value_message
from ser.identity import DEVICE_TYPES, installed_torch_version
from studies.execution.base import Executor, StudyRequirements
from studies.execution.devices import slots_per_gpu, usable_cores
from studies.execution.gpus import Gpu, GpuProblem, call_on_gpus, usable_gpus, visible_gpu_ids
from studies.execution.local import LocalExecutor
from studies.execution.precision_probe import common_speedups, measure_gpu_speedups, measure_speedups
from tracking import schema

if TYPE_CHECKING:
    from studies.execution.ray_backend.cluster import RayCluster

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
    def speedups(self) -> Mapping[Precision, float]:
        """Measure how many times as fast as fp32 each other precision is, on the slowest of the devices."""

    @abstractmethod
    def executor(self, requirements: StudyRequirements, notify: Callable[[str], None]) -> Executor:
        """Prepare what the study needs, and return an executor that takes folds.

        Args:
            requirements: What the study needs.
            notify: Receives a line about each node that joins or leaves.
        """


class LocalBackend(Backend):
    """CPUs of this machine.

    Args:
        devices: Device of each worker, 'cpu'.
    """

    device_type = "cpu"

    def __init__(self, devices: tuple[str, ...]) -> None:
        self._devices = devices
        self.processor = cpu_name()

    @override
    def speedups(self) -> Mapping[Precision, float]:
        return measure_speedups("cpu")

    @override
    def executor(self, requirements: StudyRequirements, notify: Callable[[str], None]) -> Executor:
        return LocalExecutor(requirements.corpus, self._devices)


class GpuBackend(Backend):
    """GPUs of this machine; this process uses none of them.

    Args:
        gpus: Those that compute.
        problems: Reasons why others cannot be used.
        workers: Folds at once, GPUs in turn; None for one per GPU at first, then as many as its memory has room for.
    """

    device_type = "cuda"

    def __init__(self, gpus: tuple[Gpu, ...], problems: tuple[GpuProblem, ...], workers: int | None) -> None:
        self._problems = problems
        self._workers = workers
        self._devices = tuple(gpu.device for gpu in gpus[:workers])
        self._ids_by_name = {gpu.name: gpu.id for gpu in reversed(gpus[:workers])}
        self.processor = schema.PROCESSOR_SEPARATOR.join(sorted(self._ids_by_name))

    @override
    def speedups(self) -> Mapping[Precision, float]:
        """Measure on one GPU of each kind.

        Raises:
            StudyError: A GPU fails.
        """
        answers = call_on_gpus(measure_gpu_speedups, list(self._ids_by_name.values()))
        problems = [str(answer) for answer in answers if isinstance(answer, GpuProblem)]
        if problems:
            raise StudyError(f"no precision can be chosen, set it (--set precision=fp32): {'; '.join(problems)}")
        return common_speedups(answers)

    @override
    def executor(self, requirements: StudyRequirements, notify: Callable[[str], None]) -> Executor:
        """Say which GPUs are not used, and return an executor on the others."""
        for problem in self._problems:
            notify(f"not used: {problem}")
        if self._workers is None:
            return LocalExecutor(requirements.corpus, self._devices, slots_per_gpu(len(self._devices)))
        return LocalExecutor(requirements.corpus, tuple(islice(cycle(self._devices), self._workers)))


class RayBackend(Backend):
    """Ray cluster.

    Args:
        cluster: The cluster.
        processors: Name of the CPU or GPU of each node.
    """

    def __init__(self, cluster: "RayCluster", processors: tuple[str, ...]) -> None:
        self._cluster = cluster
        self.device_type = cluster.request.device
        self.processor = schema.PROCESSOR_SEPARATOR.join(sorted(set(processors)))

    @override
    def speedups(self) -> Mapping[Precision, float]:
        """Measure on every node, on the GPU that it gives."""
        return common_speedups(list(self._cluster.call_all(measure_speedups, self.device_type).values()))

    @override
    def executor(self, requirements: StudyRequirements, notify: Callable[[str], None]) -> Executor:
        """Check every node and build feature stores that are missing."""
        from studies.execution.ray_backend.executor import RayExecutor

        executor = RayExecutor(self._cluster, requirements, notify)
        executor.start()
        return executor


@contextmanager
def open_backend(
    executor: str, workers: int | None, gpus: float | None, device: str | None = None
) -> Iterator[Backend]:
    """Open the backend that the user asks for; a cluster is connected to for the time of the block.

    Args:
        executor: 'local' or 'ray'.
        workers: Folds at once, or None for as many as there is room for.
        gpus: Share of a GPU that a fold takes on a cluster, or None for a whole one if there are any.
        device: 'cpu' or 'cuda', or None for GPUs where there are any.

    Raises:
        ConfigurationError: The executor or device is unknown, the executor is not installed or does not share GPUs.
        StudyError: GPUs cannot be used, or the cluster is unavailable or too small, or its nodes have different code.
    """
    if executor not in EXECUTORS:
        raise ConfigurationError(unknown_value_message("executor", executor, EXECUTORS))
    if device is not None and device not in DEVICE_TYPES:
        raise ConfigurationError(unknown_value_message("device", device, DEVICE_TYPES))
    if executor == "local":
        if gpus is not None:
            raise ConfigurationError("--gpus applies to --executor ray only")
        yield _local_backend(workers, device)
        return
    from studies.execution.ray_backend.cluster import ray_cluster

    with ray_cluster(workers, _gpu_share(gpus, device)) as cluster:
        names = cluster.call_all(name_of_device, cluster.request.device)
        yield RayBackend(cluster, tuple(names.values()))


def _local_backend(workers: int | None, device: str | None) -> Backend:
    """Return a backend on this machine's GPUs or CPUs."""
    ids = () if device == "cpu" else visible_gpu_ids()
    if ids:
        return GpuBackend(*usable_gpus(ids), workers)
    if device == "cuda":
        raise StudyError(f"--device cuda: torch {installed_torch_version()} sees no GPU on this machine")
    return LocalBackend(("cpu",) * (workers or usable_cores()))


def _gpu_share(gpus: float | None, device: str | None) -> float | None:
    """Return the share of a GPU that a fold takes on a cluster, as `--gpus` and `--device` together say."""
    if device is None:
        return gpus
    if device == "cpu" and gpus:
        raise ConfigurationError(f"--gpus {gpus:g} needs a GPU, and --device is cpu")
    if device == "cuda" and gpus == 0:
        raise ConfigurationError("--gpus 0 computes on CPUs, and --device is cuda")
    return gpus if gpus is not None else float(device == "cuda")
