from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from mlflow.tracking import MlflowClient
from sklearn.metrics import balanced_accuracy_score

from ser.training.checkpoint import parse_result
from studies.coordination.retries import MAX_ATTEMPTS, MAX_NODE_LOSSES
from studies.execution.base import Event, Failed, FoldTask
from studies.search.optuna_study import OptunaStudy
from tests.support.toy_coordinator import InProcess, RecordingCallback, StudyFixture, plan_of
from tests.support.toy_studies import SCHEME, trained
from tracking.backend.artifacts import Artifacts
from tracking.results.store import ResultStore

TWO = plan_of("none", "quantum")
ONE = plan_of("none")
FOLDS = len(SCHEME)


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the code catches it."""


def test_a_study_is_one_run_with_a_run_a_trial_and_a_run_a_fold(place: StudyFixture) -> None:
    executor = InProcess()
    assert place.start(TWO, executor) == []
    runs = place.store.runs()
    assert Counter(run.data.tags["ser.kind"] for run in runs) == {"study": 1, "trial": 2, "fold": 2 * FOLDS}
    assert {run.info.status for run in runs} == {"FINISHED"}
    kinds = {run.info.run_id: run.data.tags["ser.kind"] for run in runs}
    parents = Counter(run.data.tags.get("mlflow.parentRunId") for run in runs)
    (study,) = (run for run, kind in kinds.items() if kind == "study")
    trials = [run for run, kind in kinds.items() if kind == "trial"]
    assert parents == {None: 1, study: 2, trials[0]: FOLDS, trials[1]: FOLDS}
    assert len(executor.handed_out) == len(set(executor.handed_out)) == 2 * FOLDS
    assert place.unrecorded() == frozenset()


def test_the_searchs_value_is_the_mean_validation_ua(place: StudyFixture) -> None:
    place.start(TWO)
    expected = []
    for point in TWO.points("fp32"):
        parts = [parse_result(trained(point, fold.index)).validation for fold in SCHEME]
        expected.append(fmean(balanced_accuracy_score(part.actual, part.predicted) for part in parts))
    assert place.values(TWO) == pytest.approx(expected)
    assert len(set(expected)) == 2


def test_a_second_start_trains_nothing_and_changes_nothing(place: StudyFixture) -> None:
    place.start(TWO)
    before = place.store.snapshot()
    executor = InProcess()
    assert place.start(TWO, executor) == []
    assert executor.handed_out == []
    assert place.store.snapshot() == before


@pytest.mark.parametrize("attentions", [("none",), ("none", "quantum"), ("none", "quantum", "local")])
def test_no_query_is_made_for_trials_that_no_study_has_started(
    place: StudyFixture, monkeypatch: pytest.MonkeyPatch, attentions: tuple[str, ...]
) -> None:
    asked, before_the_first = list[str](), list[int]()
    search, submit = MlflowClient.search_runs, InProcess.submit

    def counted(client: MlflowClient, experiments: list[str], filter_: str, *others: Any) -> Any:
        asked.append(filter_)
        return search(client, experiments, filter_, *others)

    def handed_out(executor: InProcess, task: FoldTask) -> None:
        before_the_first.append(len(asked))
        submit(executor, task)

    monkeypatch.setattr(MlflowClient, "search_runs", counted)
    monkeypatch.setattr(InProcess, "submit", handed_out)
    assert place.start(plan_of(*attentions), InProcess(slots=1)) == []
    # The study's runs, to be compared; its own run; trials of one that was deleted; the first trial's runs.
    assert before_the_first[0] == 4


def test_the_callback_gets_the_progress_of_the_study(place: StudyFixture) -> None:
    watcher = RecordingCallback()
    place.start(TWO, observer=watcher)
    done = [(each.trials_done, each.folds_done) for each in watcher.progress]
    assert done == [(0, 0), (0, 1), (0, 2), (1, 3), (2, 4)]
    assert {(each.trials, each.folds, each.folds_reused) for each in watcher.progress} == {(2, 2 * FOLDS, 0)}
    again = RecordingCallback()
    place.start(TWO, observer=again)
    assert [(each.folds_done, each.folds_reused) for each in again.progress] == [(4, 4)]


def test_progress_after_the_result_is_harmless(place: StudyFixture) -> None:
    watcher = RecordingCallback()
    place.start(ONE, observer=watcher)
    # Each fold has three epochs; the last one's record comes after the result.
    assert watcher.epochs == [1, 2] * FOLDS


def first_fold_of(plan: Any, until: int) -> Callable[[FoldTask, int], bool]:
    """Fails the first point's first fold up to the given attempt."""
    point = plan.points("fp32")[0]

    def fails(task: FoldTask, attempt: int) -> bool:
        return task.configuration == point and task.fold.index == 0 and attempt <= until

    return fails


def test_the_best_trial_is_the_best_of_all_seeds(place: StudyFixture) -> None:
    watcher = RecordingCallback()
    plan = ONE.model_copy(update={"seeds": (1, 2, 3)})
    place.start(plan, observer=watcher)
    values = place.values(plan, "first")
    best = values.index(max(values))
    name = "none · words" + (f" · seed {best + 1}" if best else "")
    assert watcher.progress[-1].best == (name, values[best])
    again = RecordingCallback()
    place.start(plan, observer=again)
    assert again.progress[-1].best == (name, values[best])


class Deserted(InProcess):
    """Has no slot until it was waited for a few times."""

    def __init__(self) -> None:
        super().__init__()
        self._waits = 0

    def free_slots(self) -> int:
        return super().free_slots() if self._waits > 2 else 0

    def wait(self, timeout_s: float) -> list[Event]:
        self._waits += 1
        return super().wait(timeout_s) if self._waits > 3 else []


def test_without_slots_the_executor_is_polled_until_it_has_one(place: StudyFixture) -> None:
    assert place.start(ONE, Deserted()) == []
    assert place.states() == ["COMPLETE"]


def test_a_fold_that_fails_is_tried_three_times(place: StudyFixture) -> None:
    watcher, executor = RecordingCallback(), InProcess(fails=first_fold_of(TWO, until=2))
    assert place.start(TWO, executor, observer=watcher) == []
    assert [left for *_, left in watcher.failures] == [2, 1]
    assert max(Counter(executor.handed_out).values()) == 3
    assert place.states() == ["COMPLETE", "COMPLETE"]


class Losing(InProcess):
    """Loses the node of the first fold handed out, time and again.

    Args:
        until: Number of losses.
    """

    def __init__(self, until: int) -> None:
        super().__init__(slots=1, fails=lambda task, attempt: task.identity == self.handed_out[0] and attempt <= until)

    def wait(self, timeout_s: float) -> list[Event]:
        return [
            replace(each, worker_lost=True) if isinstance(each, Failed) else each for each in super().wait(timeout_s)
        ]


def test_lost_nodes_do_not_count_as_attempts(place: StudyFixture) -> None:
    watcher, executor = RecordingCallback(), Losing(until=MAX_NODE_LOSSES)
    assert place.start(ONE, executor, observer=watcher) == []
    assert [left for *_, left in watcher.failures] == [MAX_ATTEMPTS] * MAX_NODE_LOSSES
    assert len(executor.handed_out) == FOLDS + MAX_NODE_LOSSES
    assert place.states() == ["COMPLETE"]


def test_a_fold_that_always_ends_its_node_fails_alone(place: StudyFixture) -> None:
    executor = Losing(until=99)
    (failure,) = place.start(ONE, executor)
    assert "this fold may be what ends its node" in failure
    assert len(executor.handed_out) == FOLDS - 1 + MAX_NODE_LOSSES + MAX_ATTEMPTS
    assert len(place.store.runs(ser__kind="fold")) == FOLDS - 1


def test_a_fold_that_always_fails_fails_its_trial_alone(place: StudyFixture) -> None:
    watcher, executor = RecordingCallback(), InProcess(fails=first_fold_of(TWO, until=99))
    (failure,) = place.start(TWO, executor, observer=watcher)
    assert failure.splitlines()[0] == "none · words · f1: OutOfPatience: no more"
    assert "Traceback" in failure
    assert [left for *_, left in watcher.failures] == [2, 1, 0]
    assert len(executor.handed_out) == 3 + 3
    (trial,) = (run for run in place.store.runs(ser__kind="trial") if run.info.status == "FAILED")
    assert trial.data.tags["ser.attention"] == "none"
    assert "OutOfPatience" in trial.data.tags["ser.failure"]
    assert sorted(place.states()) == ["COMPLETE", "FAIL"]
    assert [run.info.status for run in place.store.runs(ser__kind="study")] == ["FAILED"]
    table = place.table()
    assert {trial.folds[0].configuration.attention: len(trial.folds) < FOLDS for trial in table.trials} == {
        "quantum": False,
        "none": True,
    }
    assert table.notes == (f"failed: none · words of study first: {failure.splitlines()[0]}",)
    (artifact,) = place.folder.rglob("failures.txt")
    assert artifact.parent.parent.name == trial.info.run_id
    assert artifact.read_text().count("Traceback:") == 3


def test_the_next_start_trains_what_a_failed_trial_lacks(place: StudyFixture) -> None:
    place.start(TWO, InProcess(fails=first_fold_of(TWO, until=99)))
    executor = InProcess()
    assert place.start(TWO, executor) == []
    missing = parse_result(trained(TWO.points("fp32")[0], 0)).identity
    assert executor.handed_out == [missing]
    assert {run.info.status for run in place.store.runs()} == {"FINISHED"}
    assert all("ser.failure" not in run.data.tags for run in place.store.runs())
    assert len(place.store.runs()) == 1 + 2 + 2 * FOLDS
    assert sorted(place.states()) == ["COMPLETE", "COMPLETE", "FAIL"]
    assert None not in place.values(TWO)


# Every call that writes anything anywhere.
WRITES: tuple[tuple[Any, str], ...] = (
    *((MlflowClient, name) for name in ("create_run", "update_run", "log_inputs", "log_batch")),
    *((MlflowClient, name) for name in ("set_terminated", "delete_tag")),
    (Artifacts, "log"),
    (ResultStore, "put"),
    *((OptunaStudy, name) for name in ("start_trial", "complete", "fail")),
)


NUMBER_OF_WRITES = 28
"""Writes of a study of one trial."""


class Writes:
    """Counts the writes of a study, and kills before the one of a given number.

    Args:
        patch: Undoes the counting.
        fatal: Number of the write, from 1, or None for no kill.
    """

    def __init__(self, patch: pytest.MonkeyPatch, fatal: int | None = None) -> None:
        self.names: list[str] = []
        for owner, name in WRITES:
            patch.setattr(owner, name, self._counted(getattr(owner, name), name, fatal))

    def _counted(self, write: Callable[..., Any], name: str, fatal: int | None) -> Callable[..., Any]:
        def counted(*arguments: Any, **others: Any) -> Any:
            self.names.append(name)
            if fatal is not None and len(self.names) >= fatal:
                # A dead process writes nothing more, not even to close what is open.
                raise Killed(self.names[fatal - 1])
            return write(*arguments, **others)

        return counted


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, empty_store: Path, empty_search: Path
) -> tuple[Any, Any, list[str]]:
    """What a study comes to that nobody kills, its values, and the names of its writes in order."""
    place = StudyFixture(tmp_path_factory.mktemp("undisturbed"), empty_store, empty_search)
    with pytest.MonkeyPatch.context() as patch:
        writes = Writes(patch)
        place.start(ONE)
    return place.store.snapshot(), place.values(ONE), writes.names


def test_every_kind_of_write_is_counted(undisturbed: tuple[Any, Any, list[str]]) -> None:
    names = undisturbed[2]
    assert len(names) == NUMBER_OF_WRITES
    assert Counter(names) == {
        "create_run": 2 + FOLDS,
        "log_inputs": 2 + FOLDS,
        "log_batch": 5 + FOLDS,
        "log": 3 + FOLDS,
        "set_terminated": 2 + FOLDS,
        "put": FOLDS,
        "start_trial": 1,
        "complete": 1,
    }


# One more than there are writes: the last start is not killed.
@pytest.mark.slow
@pytest.mark.parametrize("fatal", range(1, NUMBER_OF_WRITES + 2))
def test_a_kill_before_any_write_is_repaired_at_the_next_start(
    place: StudyFixture, monkeypatch: pytest.MonkeyPatch, undisturbed: tuple[Any, Any, list[str]], fatal: int
) -> None:
    snapshot, values, names = undisturbed
    executors = [InProcess(), InProcess()]
    with monkeypatch.context() as patch:
        Writes(patch, fatal)
        if fatal <= len(names):
            with pytest.raises(Killed, match=names[fatal - 1]):
                place.start(ONE, executors[0])
        else:
            place.start(ONE, executors[0])
    done = names[: fatal - 1]
    assert len(place.results_on_disk.identities()) == done.count("put")
    assert place.start(ONE, executors[1]) == []
    assert place.store.snapshot() == snapshot
    assert place.values(ONE) == values
    assert place.states() == ["COMPLETE"]
    assert place.unrecorded() == frozenset()
    assert len(executors[1].handed_out) == FOLDS - done.count("put")
