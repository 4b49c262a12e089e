"""MLflow's database, its artifacts or Optuna's are deleted: the results on disk bring everything back."""

from pathlib import Path
from shutil import copyfile, copytree, ignore_patterns, rmtree

import pytest

from tests.support.study_damage import PLAN, Damaged
from tests.support.toy_coordinator import InProcess, RecordingCallback, StudyFixture
from tests.support.toy_studies import SCHEME

FOLDS = 2 * len(SCHEME)


@pytest.fixture
def finished_here(place: StudyFixture) -> StudyFixture:
    """A study that is no copy, in which artifacts are links to results."""
    assert place.start(PLAN) == []
    return place


def results(place: StudyFixture) -> dict[str, object]:
    return dict(place.results())


def move_without(place: StudyFixture, database: str, empty: Path) -> None:
    """Move a place to another folder, and leave a database behind, which this process keeps open."""
    moved = place.folder.with_name("moved")
    copytree(place.folder, moved, ignore=ignore_patterns(f"{database}*"))
    copyfile(empty, moved / database)
    place.open(moved)


def assert_restored(place: StudyFixture, before: dict[str, object], message: str) -> None:
    watcher, executor = RecordingCallback(), InProcess()
    assert place.start(PLAN, executor, observer=watcher) == []
    assert executor.handed_out == []
    assert [text for text in watcher.repairs if message] == ([message] if message else [])
    assert results(place) == before
    assert None not in place.values(PLAN)
    assert {run.info.status for run in place.store.runs()} == {"FINISHED"}
    assert len(place.store.runs()) == 1 + 2 + FOLDS
    assert place.check() == []
    artifacts = list((place.folder / "artifacts").rglob("fold.safetensors"))
    on_disk = [place.results_on_disk.path(identity) for identity in place.results_on_disk.identities()]
    assert len(on_disk) == FOLDS
    assert all(any(path.samefile(result) for path in artifacts) for result in on_disk)


LOST = (
    f"MLflow lost the runs of {FOLDS} results of study first, or they were deleted there; they are written again from "
    "the results on disk. To discard a result: ser results rm"
)


def test_lost_runs_are_written_again(damaged: Damaged, empty_store: Path) -> None:
    before = results(damaged)
    move_without(damaged, "mlflow.db", empty_store)
    assert_restored(damaged, before, LOST)


def test_a_check_restores_lost_runs_as_a_start_does(damaged: Damaged, empty_store: Path) -> None:
    before = results(damaged)
    move_without(damaged, "mlflow.db", empty_store)
    repaired, left = damaged.repair()
    assert {inconsistency.kind for inconsistency in repaired} == {"missing"}
    assert left == []
    assert_restored(damaged, before, "")


def test_lost_artifacts_are_written_again(damaged: Damaged) -> None:
    before = results(damaged)
    rmtree(damaged.folder / "artifacts")
    assert_restored(damaged, before, LOST)


def test_a_deleted_experiment_comes_back_with_its_runs(finished_here: StudyFixture) -> None:
    before = results(finished_here)
    finished_here.store.client.delete_experiment(finished_here.store.experiment)
    finished_here.open(finished_here.folder)
    assert_restored(finished_here, before, "")


def test_an_experiment_that_is_gone_is_written_again(damaged: Damaged) -> None:
    before = results(damaged)
    damaged.store.client.rename_experiment(damaged.store.experiment, "another name")
    damaged.open(damaged.folder)
    assert_restored(damaged, before, LOST)


def test_lost_search_is_filled_again(finished_here: StudyFixture, empty_search: Path) -> None:
    before = results(finished_here)
    finished_here.database.unlink()
    copyfile(empty_search, finished_here.database)
    finished_here.open(finished_here.folder)
    assert_restored(finished_here, before, "")


def test_lost_results_alone_are_trained_again(damaged: Damaged) -> None:
    before = results(damaged)
    lost = sorted(damaged.results_on_disk.identities())[:2]
    for identity in lost:
        damaged.results_on_disk.path(identity).unlink()
    executor = InProcess()
    assert damaged.start(PLAN, executor) == []
    assert sorted(executor.handed_out) == lost
    assert results(damaged) == before


def test_a_start_lets_the_next_report_ask_mlflow_again(place: StudyFixture) -> None:
    record = place.home.uploaded_report("first")
    record.parent.mkdir()
    record.write_text("key of a report that went with the study's run")
    place.start(PLAN)
    assert not record.exists()


def test_starting_and_resuming_report_no_lost_runs(place: StudyFixture) -> None:
    watcher = RecordingCallback()
    place.start(PLAN, observer=watcher)
    place.start(PLAN, observer=watcher)
    assert watcher.repairs == []
