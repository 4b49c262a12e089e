from dataclasses import replace
from pathlib import Path

import pytest

from ser.errors import AnnotationError, ConfigurationError, FeatureStoreError, FoldError, TrainingError
from studies.coordination.retries import MAX_ATTEMPTS, MAX_NODE_LOSSES, RetryPolicy
from studies.execution.base import Failed, is_permanent

STALL_S = 60.0


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> RetryPolicy:
    return RetryPolicy(STALL_S, clock)


def failed(slot: int = 0, permanent: bool = False) -> Failed:
    return Failed("a fold", slot, "OutOfPatience: no more", "Traceback", permanent)


def test_a_fold_has_three_attempts(attempts: RetryPolicy) -> None:
    left = []
    for _ in range(MAX_ATTEMPTS):
        attempts.begin("a fold")
        left.append(attempts.fail(failed())[1])
    assert left == [2, 1, 0]


def test_a_permanent_failure_has_one(attempts: RetryPolicy) -> None:
    attempts.begin("a fold")
    assert attempts.fail(failed(permanent=True)) == ("OutOfPatience: no more", 0)


def test_a_fold_whose_node_goes_has_lost_nothing(attempts: RetryPolicy) -> None:
    gone = replace(failed(), worker_lost=True)
    for _ in range(MAX_NODE_LOSSES):
        attempts.begin("a fold")
        assert attempts.fail(gone) == ("OutOfPatience: no more", MAX_ATTEMPTS)
        # Its slot is gone, too; the next one of that number is another node's.
        assert attempts.failed_in("a fold") == frozenset()
    attempts.begin("a fold")
    assert attempts.fail(failed())[1] == MAX_ATTEMPTS - 1


def test_a_fold_that_always_ends_its_node_is_given_up(attempts: RetryPolicy) -> None:
    left, reasons = [], []
    for _ in range(MAX_NODE_LOSSES + MAX_ATTEMPTS):
        attempts.begin("a fold")
        reason, attempts_left = attempts.fail(replace(failed(), worker_lost=True))
        left.append(attempts_left)
        reasons.append(reason)
    assert left == [MAX_ATTEMPTS] * MAX_NODE_LOSSES + [2, 1, 0]
    assert set(reasons[:MAX_NODE_LOSSES]) == {"OutOfPatience: no more"}
    assert reasons[-1] == (
        f"OutOfPatience: no more (lost {MAX_NODE_LOSSES + MAX_ATTEMPTS} times: this fold may be what ends its node)"
    )


def test_errors_of_settings_and_corpora_are_not_retried() -> None:
    for permanent in (ConfigurationError("x"), AnnotationError(Path("a.csv"), 1, "y"), FoldError("z")):
        assert is_permanent(permanent)
    for passing in (TrainingError("loss is nan"), FeatureStoreError("x"), MemoryError(), OSError("disk")):
        assert not is_permanent(passing)


def test_where_a_fold_has_failed_is_known(attempts: RetryPolicy) -> None:
    assert attempts.failed_in("a fold") == frozenset()
    for slot in (1, 0):
        attempts.begin("a fold")
        attempts.fail(failed(slot))
    assert attempts.failed_in("a fold") == {0, 1}


def test_a_silent_fold_has_stalled_once_per_attempt(attempts: RetryPolicy, clock: Clock) -> None:
    attempts.begin("a fold")
    clock.now_s = STALL_S
    assert attempts.find_stalled() == []
    attempts.heartbeat("a fold")
    clock.now_s = 2 * STALL_S
    assert attempts.find_stalled() == []
    clock.now_s = 2 * STALL_S + 1
    assert attempts.find_stalled() == ["a fold"]
    assert attempts.find_stalled() == []
    assert attempts.fail(failed()) == ("no epoch finished for 60 s", 2)
    clock.now_s = 100 * STALL_S
    assert attempts.find_stalled() == []
    attempts.begin("a fold")
    clock.now_s = 102 * STALL_S
    assert attempts.find_stalled() == ["a fold"]


def test_a_finished_fold_does_not_stall(attempts: RetryPolicy, clock: Clock) -> None:
    attempts.begin("a fold")
    attempts.end("a fold")
    clock.now_s = 10 * STALL_S
    assert attempts.find_stalled() == []


def test_without_a_limit_nothing_stalls(clock: Clock) -> None:
    patient = RetryPolicy(None, clock)
    patient.begin("a fold")
    clock.now_s = 1e9
    assert patient.find_stalled() == []
