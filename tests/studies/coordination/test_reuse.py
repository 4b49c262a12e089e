"""What one study has trained, another one does not train again."""

from collections import Counter
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from ser.identity import fold_identity
from studies.execution.base import FoldTask
from studies.planning.plan import StudyPlan
from tests.support.toy_coordinator import InProcess, RecordingCallback, StudyFixture, plan_of
from tests.support.toy_studies import CORPUS, SCHEME, trained

QUANTUM = plan_of("quantum")
BOTH = plan_of("none", "quantum")
FOLDS = len(SCHEME)


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the code catches it."""


def identities(plan: StudyPlan, attention: str) -> list[str]:
    (point,) = (point for point in plan.points("fp32") if point.attention == attention)
    return [fold_identity(point, CORPUS.digest, fold, "cpu") for fold in SCHEME]


def counts(place: StudyFixture, study: str) -> Counter[str]:
    return Counter(run.data.tags["ser.kind"] for run in place.store.runs(ser__study=study))


def trial(place: StudyFixture, study: str, attention: str) -> Any:
    (run,) = place.store.runs(ser__kind="trial", ser__study=study, ser__attention=attention)
    return run


def killed_after(handed_out: int) -> InProcess:
    """An executor that dies with all in its hands when it is waited for once too often."""

    class Mortal(InProcess):
        waits = 0

        def wait(self, timeout_s: float) -> list[Any]:
            self.waits += 1
            if self.waits > handed_out:
                raise Killed
            return super().wait(timeout_s)

    return Mortal(slots=1)


def reuse(place: StudyFixture) -> list[str]:
    """Run quantum alone as the first study, then all attentions as the second one; return what that one trained."""
    place.start(QUANTUM, study="first")
    executor = InProcess()
    assert place.start(BOTH, executor, study="second") == []
    return executor.handed_out


Reused = tuple[StudyFixture, list[str]]


@pytest.fixture(scope="module")
def reused(tmp_path_factory: pytest.TempPathFactory, empty_store: Path, empty_search: Path) -> Reused:
    """A place with both studies, which tests only read, and what the second one trained."""
    place = StudyFixture(tmp_path_factory.mktemp("reused"), empty_store, empty_search)
    return place, reuse(place)


def test_what_another_study_has_trained_is_not_trained_again(reused: Reused) -> None:
    place, handed_out = reused
    assert sorted(handed_out) == sorted(identities(BOTH, "none"))
    assert counts(place, "first") == {"study": 1, "trial": 1, "fold": FOLDS}
    assert counts(place, "second") == {"study": 1, "trial": 2, "fold": FOLDS}


def test_a_reused_trial_has_the_scores_and_names_their_source(reused: Reused) -> None:
    place, _ = reused
    original, copy = trial(place, "first", "quantum"), trial(place, "second", "quantum")
    assert copy.data.tags["ser.reused_from"] == original.info.run_id
    assert "ser.reused_from" not in original.data.tags
    assert "ser.reused_from" not in trial(place, "second", "none").data.tags
    assert copy.info.status == "FINISHED"
    assert copy.data.metrics == original.data.metrics
    assert copy.data.params == original.data.params
    parents = {run.data.tags["mlflow.parentRunId"] for run in place.store.runs(ser__kind="fold")}
    assert copy.info.run_id not in parents


def test_a_reused_trial_has_its_value_in_the_search(reused: Reused) -> None:
    place, _ = reused
    assert place.values(BOTH, "second")[1:] == place.values(QUANTUM, "first")
    assert place.states("second") == ["COMPLETE", "COMPLETE"]


def test_the_table_has_each_variant_once(reused: Reused) -> None:
    place, _ = reused
    table = place.table()
    variants = [(each.study, each.folds[0].configuration.attention) for each in table.trials]
    assert sorted(variants) == [("first", "quantum"), ("second", "none")]
    assert table.notes == ()


def test_the_same_command_again_trains_nothing(reused: Reused) -> None:
    place, _ = reused
    before = place.store.snapshot()
    watcher, executor = RecordingCallback(), InProcess()
    assert place.start(BOTH, executor, study="second", observer=watcher) == []
    assert executor.handed_out == []
    assert place.store.snapshot() == before
    assert [(each.trials_done, each.folds_reused) for each in watcher.progress] == [(2, 2 * FOLDS)]


def test_lost_artifacts_of_another_study_cost_no_training(place: StudyFixture) -> None:
    place.start(QUANTUM, study="first")
    for run in place.store.runs(ser__kind="fold"):
        rmtree(place.folder / "artifacts" / CORPUS.name / run.info.run_id)
    executor = InProcess()
    assert place.start(BOTH, executor, study="second") == []
    assert sorted(executor.handed_out) == sorted(identities(BOTH, "none"))
    assert place.check("second") == place.check("first") == []


def test_a_tag_deleted_in_another_study_stops_nothing(place: StudyFixture) -> None:
    place.start(QUANTUM, study="first")
    (run, *_) = place.store.runs(ser__kind="fold")
    place.store.client.delete_tag(run.info.run_id, "ser.fold_identity")
    executor = InProcess()
    assert place.start(QUANTUM, executor, study="second") == []
    assert executor.handed_out == []
    assert place.check("second") == []


def test_a_third_study_reuses_the_one_that_trained(place: StudyFixture) -> None:
    reuse(place)
    executor = InProcess()
    place.start(plan_of("quantum", "none"), executor, study="third")
    assert executor.handed_out == []
    for attention, source in (("quantum", "first"), ("none", "second")):
        copy = trial(place, "third", attention)
        assert copy.data.tags["ser.reused_from"] == trial(place, source, attention).info.run_id


def test_a_trial_links_shared_folds_and_trains_the_others(place: StudyFixture) -> None:
    with pytest.raises(Killed):
        place.start(QUANTUM, killed_after(1), study="first")
    (there,) = place.store.runs(ser__kind="fold")
    watcher, executor = RecordingCallback(), InProcess()
    assert place.start(QUANTUM, executor, study="second", observer=watcher) == []
    assert executor.handed_out == identities(QUANTUM, "quantum")[1:]
    copy = trial(place, "second", "quantum")
    assert copy.data.tags["ser.reused_folds"] == there.info.run_id
    assert "ser.reused_from" not in copy.data.tags
    assert counts(place, "second")["fold"] == FOLDS - 1
    assert watcher.progress[0].folds_reused == 1


def test_a_trial_with_own_folds_is_not_replaced_by_a_reused_one(place: StudyFixture) -> None:
    with pytest.raises(Killed):
        place.start(QUANTUM, killed_after(1), study="first")
    place.start(QUANTUM, study="second")
    executor = InProcess()
    assert place.start(QUANTUM, executor, study="first") == []
    assert executor.handed_out == []
    mine, other = trial(place, "first", "quantum"), trial(place, "second", "quantum")
    assert "ser.reused_from" not in mine.data.tags
    assert mine.data.metrics == other.data.metrics
    folds = {run.info.run_id: run.data.tags["ser.study"] for run in place.store.runs(ser__kind="fold")}
    assert sorted(folds.values()) == ["first", "second"]
    assert folds[mine.data.tags["ser.reused_folds"]] == "second"
    assert folds[other.data.tags["ser.reused_folds"]] == "first"
    assert len(place.table().trials) == 1


def test_results_without_a_run_serve_any_study(place: StudyFixture) -> None:
    first = identities(QUANTUM, "quantum")[0]
    place.results_on_disk.put(first, trained(QUANTUM.points("fp32")[0], 0))
    executor = InProcess()
    place.start(QUANTUM, executor, study="second")
    assert executor.handed_out == identities(QUANTUM, "quantum")[1:]
    assert place.unrecorded() == frozenset()
    assert counts(place, "second") == {"study": 1, "trial": 1, "fold": FOLDS}


def test_a_fold_that_another_study_writes_first_is_linked(place: StudyFixture) -> None:
    class Overtaken(InProcess):
        """While its folds are in hand, another study trains and writes them."""

        def submit(self, task: FoldTask) -> None:
            super().submit(task)
            if len(self.handed_out) == FOLDS:
                place.start(QUANTUM, study="faster")

    assert place.start(QUANTUM, Overtaken(slots=FOLDS), study="slower") == []
    assert counts(place, "faster")["fold"] == FOLDS
    assert counts(place, "slower")["fold"] == 0
    source = trial(place, "faster", "quantum").info.run_id
    assert trial(place, "slower", "quantum").data.tags["ser.reused_from"] == source
    assert len(place.table().trials) == 1


@pytest.mark.parametrize("missing", [0, 1])
def test_a_reused_fold_has_the_index_of_the_reusing_scheme(place: StudyFixture, missing: int) -> None:
    other = tuple(
        fold.model_copy(update={"index": index, "name": f"group {index}", "scheme": "groups"})
        for index, fold in enumerate(reversed(SCHEME))
    )
    if missing:
        with pytest.raises(Killed):
            place.start(QUANTUM, killed_after(FOLDS - missing), study="first")
    else:
        place.start(QUANTUM, study="first")
    executor = InProcess()
    place.start(QUANTUM, executor, study="second", scheme=other)
    assert len(executor.handed_out) == missing
    run = trial(place, "second", "quantum")
    assert all(fold.name in run.data.tags["mlflow.note.content"] for fold in other)


def test_another_setting_is_another_fold(place: StudyFixture) -> None:
    place.start(QUANTUM, study="first")
    executor = InProcess()
    changed = QUANTUM.model_copy(update={"settings": QUANTUM.settings | {"learning_rate": "0.04"}})
    place.start(changed, executor, study="second")
    assert len(executor.handed_out) == FOLDS
