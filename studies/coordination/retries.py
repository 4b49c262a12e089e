"""Retries of folds: attempts, slots in which they failed, and time since the last finished epoch."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from studies.execution.base import Failed

MAX_ATTEMPTS = 3
"""Attempts at a fold in one start of the study."""

MAX_NODE_LOSSES = 10
"""Losses of a fold with its node or worker that count as no attempt; a fold that ends its node each time is given up
after `MAX_NODE_LOSSES + MAX_ATTEMPTS` losses."""

STALL_TIMEOUT_S = 1800.0
"""Default time without a finished epoch after which a fold is cancelled and tried again."""


@dataclass
class _FoldAttempts:
    count: int = 0
    losses: int = 0
    heartbeat_s: float = 0.0
    in_flight: bool = False
    stalled: bool = False
    failed_in: set[int] = field(default_factory=set)


class RetryPolicy:
    """Counts the attempts at each unfinished fold.

    Args:
        stall_timeout_s: Time without a finished epoch after which a fold counts as stalled, or None for never.
        clock: Returns the time in seconds.
    """

    def __init__(self, stall_timeout_s: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stall_timeout_s = stall_timeout_s
        self._clock = clock
        self._folds: dict[str, _FoldAttempts] = {}

    def begin(self, identity: str) -> None:
        """Note that a fold is dispatched."""
        fold = self._folds.setdefault(identity, _FoldAttempts())
        fold.count += 1
        fold.heartbeat_s = self._clock()
        fold.in_flight, fold.stalled = True, False

    def heartbeat(self, identity: str) -> None:
        """Note that a fold has finished an epoch."""
        self._folds[identity].heartbeat_s = self._clock()

    def end(self, identity: str) -> None:
        """Forget a finished fold."""
        del self._folds[identity]

    def fail(self, failed: Failed) -> tuple[str, int]:
        """Note a failed attempt.

        An error that the same input raises anywhere, such as a setting that the corpus cannot serve, is not tried
        again. A loss that is not finite is: another device may well compute it. A fold that ran out of memory beside
        others has lost no attempt, and its slot may take it again. The same holds for a fold that was lost with its
        node or worker, up to `MAX_NODE_LOSSES` times: on a cluster whose nodes come and go that is no fault of the
        fold, but a fold that takes all memory of its node looks just like it.

        Returns:
            The reason, and the number of attempts left.
        """
        fold = self._folds[failed.identity]
        fold.in_flight = False
        fold.losses += failed.worker_lost
        if failed.out_of_memory_beside_others or (failed.worker_lost and fold.losses <= MAX_NODE_LOSSES):
            fold.count -= 1
        elif not failed.worker_lost:
            fold.failed_in.add(failed.slot)
        reason = f"no epoch finished for {self._stall_timeout_s:g} s" if fold.stalled else failed.reason
        if failed.worker_lost and fold.losses > MAX_NODE_LOSSES:
            reason += f" (lost {fold.losses} times: this fold may be what ends its node)"
        return reason, 0 if failed.permanent else MAX_ATTEMPTS - fold.count

    def failed_in(self, identity: str) -> frozenset[int]:
        """Slots in which a fold has failed; its next attempt takes another one, where there is one."""
        return frozenset(self._folds[identity].failed_in) if identity in self._folds else frozenset()

    def find_stalled(self) -> list[str]:
        """Find the running folds without a finished epoch for too long; each is returned once per attempt."""
        if self._stall_timeout_s is None:
            return []
        before_s = self._clock() - self._stall_timeout_s
        stalled = [
            identity
            for identity, fold in self._folds.items()
            if fold.in_flight and not fold.stalled and fold.heartbeat_s < before_s
        ]
        for identity in stalled:
            self._folds[identity].stalled = True
        return stalled
