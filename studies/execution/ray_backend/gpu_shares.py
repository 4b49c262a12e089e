"""Shares of GPUs that folds take on the nodes of a cluster: as asked for, or larger where memory has run out."""

from studies.execution.ray_backend.cluster import FoldRequest, Node


class GpuShares:
    """Resources that a fold takes of each node."""

    def __init__(self, request: FoldRequest) -> None:
        self._request = request
        self._enlarged: dict[str, FoldRequest] = {}

    def request_of(self, node: Node) -> FoldRequest:
        """Return what a fold takes of a node."""
        return self._enlarged.get(node.id, self._request)

    def slots_of(self, node: Node) -> int:
        """Return how many folds a node computes at once."""
        return self.request_of(node).slots_of(node)

    def enlarge(self, node: Node, request: FoldRequest) -> int:
        """Let one fold less share each GPU of a node on which a fold lacked memory.

        Args:
            node: The node.
            request: What that fold had asked for; folds that run out at once enlarge the share once.

        Returns:
            Folds that share a GPU of the node from now on, or 0 if the fold was alone on its GPU.
        """
        if request.folds_per_gpu <= 1:
            return 0
        if request == self.request_of(node):
            self._enlarged[node.id] = FoldRequest(1 / (request.folds_per_gpu - 1))
        return self.request_of(node).folds_per_gpu
