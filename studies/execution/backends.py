"""Where a study's folds are computed: on this machine, or on a Ray cluster."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
    """Processors or cards for folds: what is known of them before there is a study, then an executor on them.

    Attributes:
        device_type: 'cpu' or 'cuda'.
        processor: Name of the processor or card; of all of them, where they are unlike.
    """

    device_type: str
    processor: str

    @abstractmethod
    def bf16_speedup(self) -> float:
        """Measures there how many times as fast as fp32 bf16 is; 0 where it does not run."""

    @abstractmethod
    def executor(self, needs: StudyRequirements, tell: Callable[[str], None]) -> Executor:
        """Makes ready what the study needs, and starts to take folds.

        Args:
            needs: What the study needs.
            tell: Is told of machines that come and go.
        """


class LocalBackend(Backend):
    """This machine.

    Args:
        devices: Where each worker computes.
    """

    def __init__(self, devices: tuple[str, ...]) -> None:
        self._devices = devices
        self.device_type = devices[0].partition(":")[0]
        self.processor = device_name(devices[0])

    def bf16_speedup(self) -> float:
        """See the base class."""
        return bf16_speedup(self._devices[0])

    def executor(self, needs: StudyRequirements, tell: Callable[[str], None]) -> Executor:
        """See the base class."""
        return LocalExecutor(needs.corpus, self._devices)


class RayBackend(Backend):
    """A Ray cluster.

    Args:
        cluster: The cluster.
        processors: Name of the processor or card of each node.
    """

    def __init__(self, cluster: RayCluster, processors: tuple[str, ...]) -> None:
        self._cluster = cluster
        self.device_type = cluster.request.device
        self.processor = schema.PROCESSOR_SEPARATOR.join(sorted(set(processors)))

    def bf16_speedup(self) -> float:
        """Measures on the first node; see the base class."""
        return float(self._cluster.ask_one(bf16_speedup, self.device_type))

    def executor(self, needs: StudyRequirements, tell: Callable[[str], None]) -> Executor:
        """Checks every node and builds feature stores that are missing; see the base class."""
        executor = RayExecutor(self._cluster, needs, tell)
        executor.start()
        return executor


@contextmanager
def open_backend(executor: str, workers: int | None, gpus: float | None) -> Iterator[Backend]:
    """The workplace that the user asks for; a cluster is connected to for the time of the block.

    Args:
        executor: 'local' or 'ray'.
        workers: Folds at once, or None for as many as there is room for.
        gpus: Share of a graphics card that a fold takes on a cluster, or None for one where there are any.

    Raises:
        ConfigurationError: The executor is unknown or not installed, or takes no share of a card.
        StudyError: The cluster cannot be reached, cannot meet the request, or has nodes of unlike code.
    """
    if executor not in EXECUTORS:
        raise ConfigurationError(unknown_value_message("executor", executor, EXECUTORS))
    if executor == "local":
        if gpus is not None:
            raise ConfigurationError("a share of a graphics card can be given to executor ray only, not to local")
        yield LocalBackend(default_worker_devices(workers))
        return
    with ray_cluster(workers, gpus) as cluster:
        names = cluster.ask_all(name_of_device, cluster.request.device)
        yield RayBackend(cluster, tuple(names.values()))
