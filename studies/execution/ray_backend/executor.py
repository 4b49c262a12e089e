"""Folds as Ray tasks: a slot is a place on a node that was checked, and nodes may come and go."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

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
from studies.execution.ray_backend.cluster import Node, RayCluster, first_line
from studies.execution.ray_backend.node_setup import prepare_node

if TYPE_CHECKING:
    import ray

_LOOK_S = 2.0
_WITHOUT_NODES_S = 600.0
_NOT_THE_SAME = "on which results are not equal to the last digit"


@dataclass
class _Fold:
    """A fold in hand."""

    task: FoldTask
    slot: int
    node: Node
    stream: "ray.ObjectRefGenerator[Any]"
    cancelled: bool = False


class RayExecutor(Executor):
    """Hands folds to the nodes of a Ray cluster; call `start` before the first one.

    Args:
        cluster: The cluster.
        needs: What a node must have.
        tell: Is told of nodes that come, go or are left out.
    """

    def __init__(self, cluster: RayCluster, needs: StudyRequirements, tell: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._needs = needs
        self._tell = tell
        self._ray = cluster.ray
        self._slots: dict[int, Node] = {}
        self._folds: dict[str, _Fold] = {}
        self._checks: dict[Node, ray.ObjectRef[Any]] = {}
        self._lost: list[Event] = []
        self._excluded: set[str] = set()
        self._dead: set[str] = set()
        self._processors: set[str] = set()
        self._looked_s = time.monotonic()
        self._had_nodes_s = time.monotonic()

    def start(self) -> None:
        """Makes every node ready and sends the corpus out.

        Raises:
            StudyError: A node lacks what the study needs; the text names every such node.
        """
        from studies.execution.ray_backend.worker import fold_stream

        nodes = self._cluster.ask_all(prepare_node, self._needs)
        for node in nodes:
            self._take_in(node)
        self._processors = set(nodes.values())
        if len(self._processors) > 1:
            self._tell(f"nodes have unlike processors, {_NOT_THE_SAME}: {', '.join(sorted(self._processors))}")
        self._corpus = [self._ray.put(self._needs.corpus)]
        self._remote = self._ray.remote(fold_stream)

    @property
    def slots(self) -> int:
        """Folds that are computed at once, on the nodes that there are now."""
        return len(self._slots) if self._cluster.limit is None else min(len(self._slots), self._cluster.limit)

    def free_slots(self) -> int:
        """Slots that could take a fold now."""
        free, limit = len(self._free()), self._cluster.limit
        return free if limit is None else max(0, min(free, limit - len(self._folds)))

    def can_take(self, task: FoldTask) -> bool:
        """Whether a slot is free for a fold; see the base class."""
        return bool(self.free_slots() and self._free_for(task))

    def submit(self, task: FoldTask) -> None:
        """Hands a fold to a free slot on the node with most of them free; see the base class."""
        if not self.can_take(task):
            raise StudyError(f"no free slot among {self.slots} for fold {task.fold.name}")
        free = self._free_for(task)
        nodes = [self._slots[slot].id for slot in free]
        slot = max(free, key=lambda each: nodes.count(self._slots[each].id))
        node, request = self._slots[slot], self._cluster.request
        strategy = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node.id, soft=False)
        stream = self._remote.options(
            num_cpus=1,
            num_gpus=request.gpus,
            num_returns="streaming",
            # Retries are the coordinator's, which records them.
            max_retries=0,
            scheduling_strategy=strategy,
            name="ser: fold",
        ).remote(self._corpus, self._needs.device, task)
        self._folds[task.identity] = _Fold(task, slot, node, stream)

    def cancel(self, identity: str) -> None:
        """Ends a fold in hand; see the base class."""
        if identity in self._folds:
            self._folds[identity].cancelled = True
            self._ray.cancel(self._folds[identity].stream, force=True)

    def wait(self, timeout_s: float) -> list[Event]:
        """Waits for something to happen; see the base class.

        Raises:
            StudyError: There has been no node for ten minutes.
        """
        if time.monotonic() - self._looked_s > _LOOK_S:
            self._poll_nodes()
        if self._lost:
            lost, self._lost = self._lost, []
            return lost
        folds = {fold.stream: fold for fold in self._folds.values()}
        checks = {reference: node for node, reference in self._checks.items()}
        waiting = [*folds, *checks]
        if not waiting:
            time.sleep(min(timeout_s, _LOOK_S))
            return []
        self._ray.wait(waiting, timeout=min(timeout_s, _LOOK_S))
        ready, _ = self._ray.wait(waiting, num_returns=len(waiting), timeout=0)
        for reference in ready:
            if reference in checks:
                self._checked(checks[reference])
        events = [self._next_event(folds[stream]) for stream in ready if stream in folds]
        for event in events:
            if not isinstance(event, Progress):
                del self._folds[event.identity]
        for node in [node for node in self._nodes() if node.id in self._dead]:
            # At once, or it would be given one fold after the other until the next look.
            self._remove_node(node)
        return events

    def close(self) -> None:
        """Ends all folds in hand together with their workers; the nodes stay."""
        for identity in self._folds:
            self.cancel(identity)
        self._folds.clear()

    def _free(self) -> list[int]:
        """Slots without a fold, in order."""
        taken = {fold.slot for fold in self._folds.values()}
        return [slot for slot in sorted(self._slots) if slot not in taken]

    def _free_for(self, task: FoldTask) -> list[int]:
        """Free slots in which a fold has not failed; all free ones where it has failed in every slot."""
        return [slot for slot in self._free() if slot not in task.avoid or task.avoid.issuperset(self._slots)]

    def _next_event(self, fold: _Fold) -> Event:
        """The next thing that a fold's worker has sent, or how it ended."""
        identity, slot = fold.task.identity, fold.slot
        try:
            reference = next(fold.stream, None)
            item = None if reference is None else self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            if fold.cancelled:
                return Failed(identity, slot, CANCELLED, CANCELLED)
            permanent = is_permanent(getattr(error, "cause", error))
            reason, lost = self._reason(fold.node, error)
            return Failed(identity, slot, reason, str(error), permanent, worker_lost=lost)
        if item is None:
            # Seen where a fold was cancelled before its worker had begun with it: an empty stream, and no error.
            reason = CANCELLED if fold.cancelled else "its worker sent no result"
            return Failed(identity, slot, reason, reason)
        return Finished(identity, slot, item) if isinstance(item, bytes) else Progress(identity, slot, item)

    def _reason(self, node: Node, error: Exception) -> tuple[str, bool]:
        """Why a fold failed, in one line, and whether it was lost with its node."""
        known = self._ray.exceptions
        if isinstance(error, known.RayTaskError):
            return first_line(error), False
        if isinstance(error, known.NodeDiedError | known.TaskUnschedulableError):
            self._dead.add(node.id)
            return self._left_message(node), True
        if isinstance(error, known.ObjectLostError):
            # Trained, but its bytes were still on the node.
            return f"its result was lost with node {node.name}", True
        if isinstance(error, known.WorkerCrashedError):
            return f"its worker process died on node {node.name}", False
        return f"its worker process died on node {node.name}: {first_line(error)}", False

    def _poll_nodes(self) -> None:
        """Notices nodes that came and went."""
        self._looked_s = time.monotonic()
        nodes = {node.id: node for node in self._cluster.nodes()}
        for node in self._nodes():
            if node.id not in nodes:
                self._remove_node(node)
        known = {place.id for place in self._slots.values()} | {node.id for node in self._checks}
        known |= self._excluded | self._dead
        for identity, node in nodes.items():
            if identity not in known:
                self._checks[node] = self._cluster.ask(node, prepare_node, self._needs)
        if self._slots or self._checks:
            self._had_nodes_s = self._looked_s
        elif self._looked_s - self._had_nodes_s > _WITHOUT_NODES_S:
            minutes = _WITHOUT_NODES_S / 60
            raise StudyError(f"the Ray cluster has had no node for folds for {minutes:.0f} minutes; nothing is lost")

    def _nodes(self) -> list[Node]:
        """The nodes that have places."""
        return list({place.id: place for place in self._slots.values()}.values())

    def _remove_node(self, node: Node) -> None:
        """Fails the folds of a node that is gone.

        Ray does so by itself where the connection breaks; the workers of a dead raylet may live on and compute, with
        nobody to take their results, and a machine that is cut off breaks no connection.
        """
        self._slots = {slot: place for slot, place in self._slots.items() if place.id != node.id}
        for identity, fold in list(self._folds.items()):
            if fold.node.id == node.id:
                self._ray.cancel(fold.stream, force=True)
                reason = self._left_message(node)
                self._lost.append(Failed(identity, fold.slot, reason, reason, worker_lost=True))
                del self._folds[identity]
        self._tell(self._left_message(node).removeprefix("its "))

    def _left_message(self, node: Node) -> str:
        return f"its node {node.name} has left the cluster"

    def _checked(self, node: Node) -> None:
        """Takes in a node that came later, or leaves it out and says why."""
        told, processor = self._cluster.answer(node, self._checks.pop(node))
        if told:
            self._excluded.add(node.id)
            self._tell("left out: " + "; ".join(told))
            return
        self._take_in(node)
        self._tell(f"node {node.name} has come, with room for {self._cluster.request.slots_of(node)} folds")
        if processor not in self._processors:
            self._processors.add(processor)
            self._tell(f"node {node.name} has another processor, {_NOT_THE_SAME}: {processor}")

    def _take_in(self, node: Node) -> None:
        """Gives a node's places the lowest slot numbers that are free."""
        taken = {fold.slot for fold in self._folds.values()} | set(self._slots)
        numbers = (number for number in count() if number not in taken)
        for _ in range(self._cluster.request.slots_of(node)):
            self._slots[next(numbers)] = node
