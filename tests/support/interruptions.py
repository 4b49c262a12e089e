"""Executors and checks for tests in which databases and servers become unavailable during a study."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from ser.results import FoldResult
from ser.training.checkpoint import deserialize_fold, serialize_fold
from studies.execution.base import Event, Finished
from studies.planning.plan import StudyPlan
from tests.support.toy_coordinator import InProcess, StudyFixture
from tests.support.toy_studies import SCHEME


class InterruptingExecutor(InProcess):
    """Executor that calls a function between the dispatch of a fold and its training.

    Args:
        after: Number of dispatched folds.
        act: The function.
    """

    def __init__(self, after: int, act: Callable[[], None]) -> None:
        super().__init__(slots=1)
        self._after = after
        self._act = act

    def wait(self, timeout_s: float) -> list[Event]:
        if len(self.handed_out) == self._after:
            self._act()
        return super().wait(timeout_s)


def later(content: bytes, delay_ms: int) -> bytes:
    """Shift the times of a trained fold."""
    fold = deserialize_fold(content)
    moved = {"started_ms": fold.result.started_ms + delay_ms, "ended_ms": fold.result.ended_ms + delay_ms}
    curve = tuple(record.model_copy(update={"ended_ms": record.ended_ms + delay_ms}) for record in fold.result.curve)
    return serialize_fold(replace(fold, result=FoldResult(**dict(fold.result) | moved | {"curve": curve})))


class DelayedExecutor(InProcess):
    """Executor whose results have other times than those of `InProcess`, as of another training.

    Args:
        delay_ms: Difference in milliseconds.
    """

    def __init__(self, delay_ms: int) -> None:
        super().__init__(slots=1)
        self._delay_ms = delay_ms

    def wait(self, timeout_s: float) -> list[Event]:
        return [
            replace(event, content=later(event.content, self._delay_ms)) if isinstance(event, Finished) else event
            for event in super().wait(timeout_s)
        ]


def results_of(place: StudyFixture) -> dict[str, list[FoldResult]]:
    """Results of each trial to the last digit; folds are trained once per test session."""
    return place.results()


def curves_of(place: StudyFixture) -> list[tuple[str, list[tuple[int, float, int]]]]:
    """All points of the curve of every fold."""
    folds = place.store.runs(ser__kind="fold")
    return sorted((run.data.tags["ser.fold_identity"], place.store.history(run, "training_loss")) for run in folds)


def assert_whole(place: StudyFixture, undisturbed: StudyFixture, plan: StudyPlan) -> None:
    """Assert that nothing is lost and nothing duplicated in MLflow, Optuna and on disk."""
    runs, trials = place.store.runs(), plan.size
    expected = {"study": 1, "trial": trials, "fold": trials * len(SCHEME)}
    assert Counter(run.data.tags["ser.kind"] for run in runs) == expected
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert results_of(place) == results_of(undisturbed)
    assert curves_of(place) == curves_of(undisturbed)
    assert place.values(plan) == undisturbed.values(plan)
    assert place.states() == ["COMPLETE"] * trials
    assert place.unrecorded() == frozenset()
