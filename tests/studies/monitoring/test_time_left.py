"""The time left of a simulated study is near the truth at a quarter, half and three quarters of it."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from studies.monitoring.time_left import TimeLeft

EPOCHS = 8


@dataclass(frozen=True)
class Study:
    """Simulated study.

    Attributes:
        folds: Number of folds.
        workers: Number of workers.
        start_s: Time that a worker takes to start.
        slow: Factor by which the second half of the folds takes longer, as those of another attention do.
        variation: Standard deviation of a fold's duration, relative to its mean.
    """

    folds: int
    workers: int = 2
    start_s: float = 20.0
    slow: float = 1.0
    variation: float = 0.1

    def durations_s(self) -> list[float]:
        factors = np.random.default_rng(1).normal(1, self.variation, self.folds)
        return [60 * f * (self.slow if n >= self.folds / 2 else 1) for n, f in enumerate(factors.tolist())]

    def events(self) -> Iterator[tuple[float, int, int]]:
        """Yield time, slot and epoch of each end of an epoch, in order."""
        free = [(self.start_s, slot) for slot in range(self.workers)]
        events = []
        for duration_s in self.durations_s():
            begin_s, slot = heapq.heappop(free)
            events += [(begin_s + duration_s * epoch / EPOCHS, slot, epoch) for epoch in range(1, EPOCHS + 1)]
            heapq.heappush(free, (begin_s + duration_s, slot))
        yield from sorted(events)


STUDIES = {
    "a demo of six trials": Study(60),
    "a study of ten folds": Study(10),
    "more workers than divide the folds": Study(10, workers=4),
    "one worker": Study(20, workers=1),
    "a slower second attention": Study(80, slow=1.3),
    "uneven folds": Study(60, variation=0.3),
    "slow starts": Study(20, start_s=120),
}


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_the_estimate_is_within_30_percent(study: Study, share: float) -> None:
    events = list(study.events())
    end_s = events[-1][0]
    now_s, done = 0.0, 0
    time_left = TimeLeft(lambda: now_s)
    for now_s, slot, epoch in events:
        if now_s > share * end_s:
            break
        time_left.end_epoch(slot, epoch, EPOCHS)
        if epoch == EPOCHS:
            done += 1
            time_left.end_fold(slot)
    now_s = share * end_s
    estimate_s = time_left.estimate_s(study.folds - done)
    assert estimate_s == pytest.approx(end_s - now_s, rel=0.3)


def test_there_is_no_estimate_before_two_epochs_and_none_is_left_at_the_end() -> None:
    now_s = 0.0
    time_left = TimeLeft(lambda: now_s)
    assert time_left.estimate_s(4) is None
    now_s = 30.0
    time_left.end_epoch(0, 1, EPOCHS)
    assert time_left.estimate_s(4) is None
    now_s = 40.0
    time_left.end_epoch(0, 2, EPOCHS)
    assert time_left.estimate_s(1) == pytest.approx(60)
    assert time_left.estimate_s(0) == 0


def test_the_last_fold_of_one_of_two_workers_is_counted_in_full() -> None:
    now_s = 0.0
    time_left = TimeLeft(lambda: now_s)
    for moment_s, slot, epoch in ((10, 0, 1), (10, 1, 1), (20, 0, 2), (20, 1, 2)):
        now_s = moment_s
        time_left.end_epoch(slot, epoch, 2)
    time_left.end_fold(0)
    time_left.end_fold(1)
    # If both workers shared it, half of this time would be left.
    assert time_left.estimate_s(1) == pytest.approx(20)


def test_a_failed_fold_is_trained_again() -> None:
    now_s = 0.0
    time_left = TimeLeft(lambda: now_s)
    for epoch in (1, 2, 3):
        now_s = 10.0 * epoch
        time_left.end_epoch(0, epoch, 4)
    assert time_left.estimate_s(2) == pytest.approx(10 + 40)
    time_left.fail_fold(0)
    assert time_left.estimate_s(2) == pytest.approx(40 + 40)
