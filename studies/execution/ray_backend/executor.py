"""Executor on Ray: folds as Ray tasks, in slots of nodes that were checked; nodes may join and leave."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from ser.cuda_errors import is_gpu_full
from ser.errors import StudyError
from studies.execution.base import (
    CANCELLED,
    Event,
    Executor,
    Failed,
    Finished,
    FoldTask,
    Progress,
    StudyRequirements,
    is_permanent,
)
from studies.execution.ray_backend.cluster import FoldRequest, Node, RayCluster, first_line
from studies.execution.ray_backend.gpu_shares import GpuShares
from studies.execution.ray_backend.node_setup import prepare_node

if TYPE_CHECKING:
    import ray

_POLL_S = 2.0
_NO_NODES_TIMEOUT_S = 600.0
_NOT_BIT_IDENTICAL = "so results are not identical bit for bit"


@dataclass
class _RunningFold:
    """Fold that a node computes, with the resources that it has asked for."""

    task: FoldTask
    slot: int
    node: Node
    request: FoldRequest
    stream: "ray.ObjectRefGenerator[Any]"
    cancelled: bool = False


class RayExecutor(Executor):
    """Executor on the nodes of a Ray cluster; call `start` before the first fold.

    Args:
        cluster: The cluster.
        requirements: What a node must have.
        notify: Receives a line about each node that joins, leaves or is excluded.
    """

    def __init__(self, cluster: RayCluster, requirements: StudyRequirements, notify: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._requirements = requirements
        self._notify = notify
        self._ray = cluster.ray
        self._slots: dict[int, Node] = {}
        self._shares = GpuShares(cluster.request)
        self._folds: dict[str, _RunningFold] = {}
        self._checks: dict[Node, ray.ObjectRef[Any]] = {}
        self._lost_folds: list[Event] = []
        self._excluded: set[str] = set()
        self._dead: set[str] = set()
        self._processors: set[str] = set()
        self._last_poll_s = time.monotonic()
        self._last_node_s = time.monotonic()

    def start(self) -> None:
        """Prepare every node and send the corpus to the cluster.

        Raises:
            StudyError: Nodes lack what the study needs; the text names every such node.
        """
        from studies.execution.ray_backend.worker import fold_stream

        processors = self._cluster.call_all(prepare_node, self._requirements)
        for node in processors:
            self._add_node(node)
        self._processors = set(processors.values())
        if len(self._processors) > 1:
            self._notify(
                f"nodes have different processors, {_NOT_BIT_IDENTICAL}: {', '.join(sorted(self._processors))}"
            )
        self._corpus = [self._ray.put(self._requirements.corpus)]
        self._remote = self._cluster.remote(fold_stream)

    @property
    @override
    def slots(self) -> int:
        return len(self._slots) if self._cluster.limit is None else min(len(self._slots), self._cluster.limit)

    @override
    def free_slots(self) -> int:
        free, limit = len(self._free()), self._cluster.limit
        return free if limit is None else max(0, min(free, limit - len(self._folds)))

    @override
    def can_take(self, task: FoldTask) -> bool:
        return bool(self.free_slots() and self._free_for(task))

    @override
    def submit(self, task: FoldTask) -> None:
        if not self.can_take(task):
            raise StudyError(f"no free slot among {self.slots} for fold {task.fold.name}")
        free = self._free_for(task)
        node_ids = [self._slots[slot].id for slot in free]
        # The node with most free slots computes the fold fastest.
        slot = max(free, key=lambda free_slot: node_ids.count(self._slots[free_slot].id))
        node = self._slots[slot]
        request = self._shares.request_of(node)
        task = replace(task, shares_gpu=request.folds_per_gpu > 1)
        affinity = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node.id, soft=False)
        stream = self._remote.options(
            num_cpus=1,
            num_gpus=request.gpus,
            num_returns="streaming",
            # Retries are the coordinator's, which records them.
            max_retries=0,
            scheduling_strategy=affinity,
            name="ser: fold",
        ).remote(self._corpus, self._requirements.device, task)
        self._folds[task.identity] = _RunningFold(task, slot, node, request, stream)

    @override
    def cancel(self, identity: str) -> None:
        if identity in self._folds:
            self._folds[identity].cancelled = True
            self._ray.cancel(self._folds[identity].stream, force=True)

    @override
    def wait(self, timeout_s: float) -> list[Event]:
        """Wait for events; nodes are polled beside.

        Raises:
            StudyError: There has been no node for ten minutes.
        """
        if time.monotonic() - self._last_poll_s > _POLL_S:
            self._poll_nodes()
        if self._lost_folds:
            lost, self._lost_folds = self._lost_folds, []
            return lost
        folds = {fold.stream: fold for fold in self._folds.values()}
        checks = {reference: node for node, reference in self._checks.items()}
        references = [*folds, *checks]
        if not references:
            time.sleep(min(timeout_s, _POLL_S))
            return []
        self._ray.wait(references, timeout=min(timeout_s, _POLL_S))
        ready, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
        for reference in ready:
            if reference in checks:
                self._finish_check(checks[reference])
        events = [self._next_event(folds[stream]) for stream in ready if stream in folds]
        for event in events:
            if not isinstance(event, Progress):
                del self._folds[event.identity]
        for node in [node for node in self._nodes() if node.id in self._dead]:
            # At once, or one fold after the other would be submitted to it until the next poll.
            self._remove_node(node)
        return events

    @override
    def close(self) -> None:
        """End all running folds together with their workers; the nodes stay."""
        for identity in self._folds:
            self.cancel(identity)
        self._folds.clear()

    def _free(self) -> list[int]:
        """Return the slots without a fold, in order."""
        busy = {fold.slot for fold in self._folds.values()}
        return [slot for slot in sorted(self._slots) if slot not in busy]

    def _free_for(self, task: FoldTask) -> list[int]:
        """Return the free slots in which a fold has not failed; all free ones if it has failed in every slot."""
        return [slot for slot in self._free() if slot not in task.avoid or task.avoid.issuperset(self._slots)]

    def _next_event(self, fold: _RunningFold) -> Event:
        """Return the next item of a fold's stream, or how the fold ended."""
        identity, slot = fold.task.identity, fold.slot
        try:
            reference = next(fold.stream, None)
            item = None if reference is None else self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            if fold.cancelled:
                return Failed(identity, slot, CANCELLED, CANCELLED)
            cause = getattr(error, "cause", error)
            reason, lost = self._reason(fold.node, error)
            failed = Failed(identity, slot, reason, str(error), is_permanent(cause), worker_lost=lost)
            return self._share_with_fewer(fold, failed) if is_gpu_full(cause) else failed
        if item is None:
            # Seen where a fold was cancelled before its worker had started it: an empty stream, and no error.
            reason = CANCELLED if fold.cancelled else "its worker sent no result"
            return Failed(identity, slot, reason, reason)
        return Finished(identity, slot, item) if isinstance(item, bytes) else Progress(identity, slot, item)

    def _reason(self, node: Node, error: Exception) -> tuple[str, bool]:
        """Return why a fold failed, in one line, and whether it was lost with its node."""
        exceptions = self._ray.exceptions
        if isinstance(error, exceptions.RayTaskError):
            return first_line(error), False
        if isinstance(error, exceptions.NodeDiedError | exceptions.TaskUnschedulableError):
            self._dead.add(node.id)
            return self._left_message(node), True
        if isinstance(error, exceptions.ObjectLostError):
            # Trained, but its bytes were still on the node.
            return f"its result was lost with node {node.name}", True
        if isinstance(error, exceptions.WorkerCrashedError):
            return f"its worker process died on node {node.name}", False
        return f"its worker process died on node {node.name}: {first_line(error)}", False

    def _share_with_fewer(self, fold: _RunningFold, failed: Failed) -> Failed:
        """Take away slots of a node on which a fold lacked memory, unless the fold was alone on its GPU."""
        folds = self._shares.enlarge(fold.node, fold.request)
        if not folds:
            return failed
        numbers = [number for number, node in self._slots.items() if node.id == fold.node.id]
        # Those that are free, or about to be, go first; a fold that runs in one that is gone ends in it.
        free = {fold.slot, *self._free()}
        numbers.sort(key=lambda number: number in free)
        for number in numbers[self._shares.slots_of(fold.node) :]:
            del self._slots[number]
        reason = f"{failed.reason} (from now on {folds} fold(s) at once on a GPU of node {fold.node.name})"
        return replace(failed, reason=reason, out_of_memory_beside_others=True)

    def _poll_nodes(self) -> None:
        """Remove nodes that left, and check nodes that joined."""
        self._last_poll_s = time.monotonic()
        nodes = {node.id: node for node in self._cluster.nodes()}
        for node in self._nodes():
            if node.id not in nodes:
                self._remove_node(node)
        seen = {node.id for node in self._slots.values()} | {node.id for node in self._checks}
        seen |= self._excluded | self._dead
        for node_id, node in nodes.items():
            if node_id not in seen:
                self._checks[node] = self._cluster.submit_check(node, prepare_node, self._requirements)
        if self._slots or self._checks:
            self._last_node_s = self._last_poll_s
        elif self._last_poll_s - self._last_node_s > _NO_NODES_TIMEOUT_S:
            minutes = _NO_NODES_TIMEOUT_S / 60
            raise StudyError(
                f"the Ray cluster has had no node for folds for {minutes:.0f} minutes; finished folds are saved; "
                "run the same command to resume"
            )

    def _nodes(self) -> list[Node]:
        """Return the nodes that have slots."""
        return list({node.id: node for node in self._slots.values()}.values())

    def _remove_node(self, node: Node) -> None:
        """Fail the folds of a node that left.

        Ray does so by itself where the connection breaks; the workers of a dead raylet may live on and compute, with
        nobody to take their results, and a machine that is cut off breaks no connection.
        """
        self._slots = {slot: slot_node for slot, slot_node in self._slots.items() if slot_node.id != node.id}
        for identity, fold in list(self._folds.items()):
            if fold.node.id == node.id:
                self._ray.cancel(fold.stream, force=True)
                reason = self._left_message(node)
                self._lost_folds.append(Failed(identity, fold.slot, reason, reason, worker_lost=True))
                del self._folds[identity]
        self._notify(self._left_message(node).removeprefix("its "))

    def _left_message(self, node: Node) -> str:
        return f"its node {node.name} has left the cluster"

    def _finish_check(self, node: Node) -> None:
        """Add a node that joined later, or exclude it and say why."""
        problems, processor = self._cluster.collect_check(node, self._checks.pop(node))
        if problems:
            self._excluded.add(node.id)
            self._notify("excluded: " + "; ".join(problems))
            return
        self._add_node(node)
        self._notify(f"node {node.name} has joined, with room for {self._shares.slots_of(node)} fold(s)")
        if processor not in self._processors:
            self._processors.add(processor)
            self._notify(f"node {node.name} has a different processor, {_NOT_BIT_IDENTICAL}: {processor}")

    def _add_node(self, node: Node) -> None:
        """Give a node's slots the lowest numbers that are free."""
        numbers_in_use = {fold.slot for fold in self._folds.values()} | set(self._slots)
        numbers = (number for number in count() if number not in numbers_in_use)
        for _ in range(self._shares.slots_of(node)):
            self._slots[next(numbers)] = node
