"""Estimate of the time that a study still takes, for the terminal and the status file."""

import heapq
from collections import deque
from collections.abc import Callable

_RECENT_EPOCHS = 1000


class TimeLeft:
    """Estimates the remaining time of a study from its events.

    The duration of a fold is measured from epoch to epoch of each worker, without the first one: workers that start,
    which import torch, would make it too long. What is left is dealt out to the workers as the coordinator does, so
    that the last folds, which do not occupy all workers, are counted in full.

    Args:
        clock: Returns the time, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._start_s = clock()
        # Of each slot, the time of its latest event, and the share of its running fold that was trained by then.
        self._latest: dict[int, tuple[float, float]] = {}
        # Time between two events of a slot, and the share of a fold that was trained meanwhile.
        self._steps: deque[tuple[float, float]] = deque(maxlen=_RECENT_EPOCHS)

    @property
    def running(self) -> int:
        """Number of workers that have finished an epoch of their fold, and not the fold."""
        return sum(share > 0 for _, share in self._latest.values())

    def end_epoch(self, slot: int, epoch: int, epochs: int) -> None:
        """Count an epoch that has ended.

        Args:
            slot: The worker's slot.
            epoch: The epoch, from 1.
            epochs: Epochs of the fold.
        """
        now_s, share = self._clock(), min(epoch / epochs, 1.0)
        if slot in self._latest:
            since_s, share_before = self._latest[slot]
            self._steps.append((now_s - since_s, share - share_before))
        self._latest[slot] = (now_s, share)

    def end_fold(self, slot: int) -> None:
        """Count a fold that has ended."""
        now_s = self._clock()
        since_s, share_before = self._latest.get(slot, (self._start_s, 0.0))
        self._steps.append((now_s - since_s, 1 - share_before))
        self._latest[slot] = (now_s, 0.0)

    def fail_fold(self, slot: int) -> None:
        """Forget what was trained of a fold that has failed."""
        self._latest[slot] = (self._clock(), 0.0)

    def estimate_s(self, folds_left: int) -> float | None:
        """Estimate the remaining time.

        Args:
            folds_left: Folds without a result, running ones included.

        Returns:
            Seconds, or None before a worker has ended a fold or a second epoch.
        """
        if folds_left <= 0:
            return 0.0
        elapsed_s, trained = (sum(column) for column in zip(*self._steps, strict=True)) if self._steps else (0.0, 0.0)
        if elapsed_s <= 0 or trained <= 0:
            return None
        fold_s, now_s = elapsed_s / trained, self._clock()
        free_after_s = [
            max(0.0, fold_s * (1 - share) - (now_s - since_s)) if share > 0 else 0.0
            for since_s, share in self._latest.values()
        ]
        heapq.heapify(free_after_s)
        for _ in range(folds_left - self.running):
            heapq.heapreplace(free_after_s, free_after_s[0] + fold_s)
        return max(free_after_s)
