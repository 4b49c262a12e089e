"""Attempts at folds: how often each was tried, where it failed, and since when nothing was heard of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from studies.execution.base import Failed

MAX_ATTEMPTS = 3
"""Times that a fold is tried before it is given up in this start of the study."""

MAX_NODE_LOSSES = 10
"""Times that a fold may be lost with its node or worker at no cost; a fold that ends its node each time is given up
after `LOSSES + ATTEMPTS` of them."""

STALL_TIMEOUT_S = 1800.0
"""Time without an ended epoch after which a fold is ended and tried again, unless told otherwise."""


@dataclass
class _Fold:
    begun: int = 0
    losses: int = 0
    heard_s: float = 0.0
    in_hand: bool = False
    stalled: bool = False
    failed_in: set[int] = field(default_factory=set)


class RetryPolicy:
    """Counts the attempts at every fold that is not finished.

    Args:
        stall_timeout_s: Time without an ended epoch after which a fold counts as stalled, or None for never.
        clock: Tells the time, in seconds.
    """

    def __init__(self, stall_timeout_s: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stall_timeout_s = stall_timeout_s
        self._clock = clock
        self._folds: dict[str, _Fold] = {}

    def begin(self, identity: str) -> None:
        """A fold is handed out."""
        fold = self._folds.setdefault(identity, _Fold())
        fold.begun += 1
        fold.heard_s = self._clock()
        fold.in_hand, fold.stalled = True, False

    def heartbeat(self, identity: str) -> None:
        """A fold has ended an epoch."""
        self._folds[identity].heard_s = self._clock()

    def end(self, identity: str) -> None:
        """A fold is finished, and of no more interest."""
        del self._folds[identity]

    def fail(self, failed: Failed) -> tuple[str, int]:
        """An attempt has failed.

        An error that the same input gives anywhere, such as a setting that the corpus cannot serve, is not tried
        again. A loss that is not finite is: another device may well compute it. A fold for which there was no
        room beside others has lost no attempt, and its slot may take it again. The same holds of one whose node
        or worker was taken away, up to `LOSSES` times: on a cluster whose nodes come and go that is no fault of
        the fold, but one that takes all memory of its node looks just like it.

        Args:
            failed: How.

        Returns:
            The reason, and the attempts that are left.
        """
        fold = self._folds[failed.identity]
        fold.in_hand = False
        fold.losses += failed.worker_lost
        if failed.out_of_memory_beside_others or (failed.worker_lost and fold.losses <= MAX_NODE_LOSSES):
            fold.begun -= 1
        elif not failed.worker_lost:
            fold.failed_in.add(failed.slot)
        reason = f"no epoch ended for {self._stall_timeout_s:g} s" if fold.stalled else failed.reason
        if failed.worker_lost and fold.losses > MAX_NODE_LOSSES:
            reason += f" (lost {fold.losses} times now: it may itself be what ends its node)"
        return reason, 0 if failed.permanent else MAX_ATTEMPTS - fold.begun

    def failed_in(self, identity: str) -> frozenset[int]:
        """Slots in which a fold has failed; another one is taken next, where there is one."""
        return frozenset(self._folds[identity].failed_in) if identity in self._folds else frozenset()

    def find_stalled(self) -> list[str]:
        """Folds in hand of which nothing was heard for too long; each is named once an attempt."""
        if self._stall_timeout_s is None:
            return []
        before_s = self._clock() - self._stall_timeout_s
        found = [
            identity
            for identity, fold in self._folds.items()
            if fold.in_hand and not fold.stalled and fold.heard_s < before_s
        ]
        for identity in found:
            self._folds[identity].stalled = True
        return found
