"""MLflow's database is deleted while the trials stay in Optuna: nothing that is still on disk is trained again."""

from pathlib import Path
from shutil import copyfile, copytree, ignore_patterns, rmtree

from studies.consistency.repairs import RestoreResult
from tests.support.toy_coordinator import InProcess, RecordingCallback, StudyFixture, plan_of
from tests.support.toy_studies import CORPUS, SCHEME

PLAN = plan_of("none", "quantum")
FOLDS = 2 * len(SCHEME)


def without_runs(place: StudyFixture, empty_store: Path) -> None:
    """Moves a place to another folder and leaves MLflow's database behind, which this process keeps open."""
    moved = place.folder.with_name("moved")
    copytree(place.folder, moved, ignore=ignore_patterns("mlflow.db*"))
    copyfile(empty_store, moved / "mlflow.db")
    place.open(moved)


def results(place: StudyFixture) -> dict[str, object]:
    return {trial.trial_id: trial.folds for trial in place.results()}


def test_lost_runs_are_restored_from_artifacts(place: StudyFixture, empty_store: Path) -> None:
    place.start(PLAN)
    before, values = results(place), place.values(PLAN)
    without_runs(place, empty_store)
    kept = {path: path.read_bytes() for path in (place.folder / "artifacts").rglob("fold.safetensors")}
    watcher, executor = RecordingCallback(), InProcess()
    assert place.start(PLAN, executor, observer=watcher) == []
    assert executor.handed_out == []
    assert watcher.repairs == [
        f"MLflow lost the runs of study first; restored {FOLDS} folds from artifacts, the others will be retrained"
    ]
    assert results(place) == before
    assert place.values(PLAN) == values
    assert place.states() == ["COMPLETE", "COMPLETE"]
    assert {path: path.read_bytes() for path in kept} == kept
    assert place.outbox.pending() == frozenset()


def test_a_check_restores_lost_results_as_a_start_does(place: StudyFixture, empty_store: Path) -> None:
    place.start(PLAN)
    before = results(place)
    without_runs(place, empty_store)
    repaired, left = place.repair()
    assert [type(inconsistency.repair) for inconsistency in repaired] == [RestoreResult] * FOLDS
    assert left == []
    assert len(place.outbox.pending()) == FOLDS
    watcher, executor = RecordingCallback(), InProcess()
    assert place.start(PLAN, executor, observer=watcher) == []
    assert executor.handed_out == []
    assert watcher.repairs == []
    assert results(place) == before


def test_folds_with_lost_artifacts_are_trained_again(place: StudyFixture, empty_store: Path) -> None:
    place.start(PLAN)
    before = results(place)
    first, second, *_ = (place.folder / "artifacts" / CORPUS.name).rglob("fold.safetensors")
    rmtree(first.parent)
    second.write_bytes(second.read_bytes()[:100])
    without_runs(place, empty_store)
    executor = InProcess()
    assert place.start(PLAN, executor) == []
    assert len(executor.handed_out) == 2
    assert results(place) == before


def test_starting_and_resuming_report_no_lost_runs(place: StudyFixture) -> None:
    watcher = RecordingCallback()
    place.start(PLAN, observer=watcher)
    place.start(PLAN, observer=watcher)
    assert watcher.repairs == []
