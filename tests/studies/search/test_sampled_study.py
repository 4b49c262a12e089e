"""Studies whose points are proposed one after another, undisturbed, killed, pruned."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest

from ser.training.checkpoint import parse_result
from studies.execution.base import FoldTask
from studies.search.optuna_study import OptunaStudy
from studies.search.pruning import FoldPruner
from tests.support.toy_coordinator import InProcess, RecordingCallback, StudyFixture, search_of
from tests.support.toy_studies import SCHEME, trained
from tracking.analysis.comparison.overview import analyse
from tracking.writing.recorder import Recorder

FOLDS = len(SCHEME)


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the code catches it."""


def params(place: StudyFixture, study: str = "first") -> list[dict[str, Any]]:
    return [trial.params for trial in optuna.load_study(study_name=study, storage=f"sqlite:///{place.database}").trials]


def trial_runs(place: StudyFixture) -> list[Any]:
    return place.store.runs(ser__kind="trial")


def test_a_search_trains_as_many_points_as_asked_for(place: StudyFixture) -> None:
    watcher, executor = RecordingCallback(), InProcess()
    assert place.start(search_of(3), executor, observer=watcher) == []
    assert place.states() == ["COMPLETE"] * 3
    assert len(executor.handed_out) == len(set(executor.handed_out)) == 3 * FOLDS
    assert {run.info.status for run in place.store.runs()} == {"FINISHED"}
    assert len(place.table().trials) == 3
    assert (watcher.progress[-1].trials_done, watcher.progress[-1].folds_done) == (3, 3 * FOLDS)
    assert {each.folds for each in watcher.progress} == {3 * FOLDS}


def test_asked_for_more_the_same_search_goes_on(place: StudyFixture) -> None:
    place.start(search_of(2))
    first, executor = params(place), InProcess(fails=lambda task, attempt: True)
    place.start(search_of(3), executor)
    (study,) = place.store.runs(ser__kind="study")
    assert study.info.status == "FAILED"
    executor = InProcess()
    place.start(search_of(3), executor)
    (study,) = place.store.runs(ser__kind="study")
    assert study.info.status == "FINISHED"
    assert "3 of 3 trials" in study.data.tags["mlflow.note.content"]
    assert params(place)[:2] == first
    assert len(executor.handed_out) == FOLDS
    again = InProcess()
    place.start(search_of(3), again)
    assert again.handed_out == []


def test_every_point_is_repeated_with_every_seed(place: StudyFixture) -> None:
    place.start(search_of(2, seeds=2))
    points = Counter(str({name: value for name, value in each.items() if name != "seed"}) for each in params(place))
    assert list(points.values()) == [2, 2]
    assert sorted(each["seed"] for each in params(place)) == [1, 1, 2, 2]


def test_a_point_with_a_failed_trial_is_tried_again(place: StudyFixture) -> None:
    place.start(search_of(2), InProcess(fails=lambda task, attempt: task.fold.index == 0))
    assert place.states() == ["FAIL", "FAIL"]
    tried = params(place)
    assert place.start(search_of(2)) == []
    assert place.states() == ["FAIL", "FAIL", "COMPLETE", "COMPLETE"]
    assert params(place)[2:] == tried


class Dying(InProcess):
    """Kills the coordinator when it hands out the fold of a given number, from 1."""

    def __init__(self, fatal: int) -> None:
        super().__init__(slots=1)
        self._fatal = fatal

    def submit(self, task: FoldTask) -> None:
        super().submit(task)
        if len(self.handed_out) == self._fatal:
            raise Killed


def test_a_killed_search_ends_as_an_undisturbed_one(tmp_path: Path, empty_store: Path, empty_search: Path) -> None:
    whole = StudyFixture(tmp_path / "whole", empty_store, empty_search)
    whole.start(search_of(4), InProcess(slots=1))
    killed = StudyFixture(tmp_path / "killed", empty_store, empty_search)
    for fatal in (1, 3, 2):
        with pytest.raises(Killed):
            killed.start(search_of(4), Dying(fatal))
    killed.start(search_of(4), InProcess(slots=1))
    assert params(killed) == params(whole)
    assert killed.states() == ["COMPLETE"] * 4
    assert killed.store.snapshot() == whole.store.snapshot()


class FirstFoldDecides(FoldPruner):
    """Gives up trials of attention `none` after any fold."""

    def intermediate_values(self, validation_ua: Mapping[int, float]) -> dict[int, float]:
        return dict(validation_ua)

    def prune_reason(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> str | None:
        done = len(trial.intermediate_values)
        return f"a reason after {done} folds" if done and trial.params["attention"] == "none" else None


@pytest.fixture
def prunes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studies.search.optuna_study.make_pruner", lambda name: FirstFoldDecides())


def states_by_attention(place: StudyFixture) -> set[tuple[str, str]]:
    return set(zip((each["attention"] for each in params(place)), place.states(), strict=True))


ENDS = {("none", "PRUNED"), ("local", "COMPLETE")}


@pytest.mark.usefixtures("prunes")
def test_a_pruned_trial_says_so_everywhere_and_is_in_no_table(place: StudyFixture) -> None:
    watcher, executor = RecordingCallback(), InProcess(slots=1)
    assert place.start(search_of(4), executor, observer=watcher) == []
    assert states_by_attention(place) == ENDS
    pruned = place.states().count("PRUNED")
    assert len(executor.handed_out) == 4 * FOLDS - pruned * (FOLDS - 1)
    ends = {
        (run.data.tags["ser.attention"], run.info.status, run.data.tags.get("ser.pruned")) for run in trial_runs(place)
    }
    assert ends == {("none", "KILLED", "a reason after 1 folds"), ("local", "FINISHED", None)}
    table = place.table()
    assert {trial.folds[0].configuration.attention for trial in table.trials} == {"local"}
    assert {(each.name, each.reason, len(each.trial.folds)) for each in table.pruned} == {
        ("none · words", "a reason after 1 folds", 1)
    }
    assert not analyse(table).partial
    last = watcher.progress[-1]
    assert (last.trials_done, last.folds_done) == (4, last.folds)


@pytest.mark.usefixtures("prunes")
def test_a_second_start_leaves_a_pruned_trial_as_it_is(place: StudyFixture) -> None:
    place.start(search_of(3), InProcess(slots=1))
    before, executor = place.store.snapshot(), InProcess()
    place.start(search_of(3), executor)
    assert executor.handed_out == []
    assert place.store.snapshot() == before


@pytest.mark.usefixtures("prunes")
def test_a_running_fold_of_a_pruned_trial_is_recorded(place: StudyFixture) -> None:
    executor = InProcess(slots=2)
    place.start(search_of(4), executor)
    assert states_by_attention(place) == ENDS
    folds = place.store.runs(ser__kind="fold")
    assert len(folds) == len(executor.handed_out) == len(set(executor.handed_out))
    assert {run.info.status for run in folds} == {"FINISHED"}
    assert place.unrecorded() == frozenset()


@pytest.mark.usefixtures("prunes")
def test_all_repetitions_of_a_pruned_point_are_pruned(place: StudyFixture) -> None:
    place.start(search_of(3, seeds=3), InProcess(slots=1))
    assert states_by_attention(place) == ENDS
    assert {each["seed"] for each in params(place) if each["attention"] == "none"} == {1}
    executor = InProcess()
    place.start(search_of(3, seeds=3), executor)
    assert executor.handed_out == []


@pytest.mark.usefixtures("prunes")
@pytest.mark.parametrize(("owner", "name"), [(Recorder, "prune_trial"), (OptunaStudy, "prune")])
def test_a_kill_amid_pruning_is_repaired_at_the_next_start(
    place: StudyFixture, monkeypatch: pytest.MonkeyPatch, owner: type, name: str
) -> None:
    def dies(*arguments: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, dies)
        with pytest.raises(Killed):
            place.start(search_of(4), InProcess(slots=1))
    place.start(search_of(4), InProcess(slots=1))
    assert states_by_attention(place) == ENDS
    assert {run.info.status for run in trial_runs(place)} == {"FINISHED", "KILLED"}
    assert all(("ser.pruned" in run.data.tags) == (run.info.status == "KILLED") for run in trial_runs(place))


@pytest.mark.usefixtures("prunes")
def test_a_result_of_a_pruned_trial_is_recorded(
    place: StudyFixture,
) -> None:
    place.start(search_of(4), InProcess(slots=1))
    before = len(place.store.runs(ser__kind="fold"))
    point = next(
        point
        for point in OptunaStudy.open(place.storage, "first", search_of(4)).points("fp32")
        if point.pruned is not None
    )
    content = trained(point.configuration, 1)
    place.results_on_disk.put(parse_result(content).identity, content)
    executor = InProcess()
    place.start(search_of(4), executor)
    assert place.unrecorded() == frozenset()
    assert executor.handed_out == []
    assert len(place.store.runs(ser__kind="fold")) == before + 1
    assert states_by_attention(place) == ENDS
    assert all(("ser.pruned" in run.data.tags) == (run.info.status == "KILLED") for run in trial_runs(place))
