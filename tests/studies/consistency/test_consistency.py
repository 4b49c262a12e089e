"""Each kind of damage, done to a finished study: seen, mended, and without a trace."""

import sqlite3
from collections import Counter
from contextlib import closing
from typing import Any

import pytest

from tests.support.changes_by_hand import CHANGES
from tests.support.study_damage import DAMAGE, FOLDS, NONE, PLAN, Damaged
from tests.support.toy_coordinator import InProcess, RecordingCallback, StudyFixture
from tracking import schema


def table(place: StudyFixture) -> tuple[Any, ...]:
    """The final table to the last digit, without the place it lies in, and what the search knows."""
    read = place.table()
    return place.results(), read.baselines, read.notes, place.values(PLAN)


@pytest.fixture(scope="module")
def expected(finished: Damaged) -> tuple[Any, ...]:
    """Table of the undisturbed study."""
    return table(finished)


def undeleted(place: Damaged) -> int:
    """Number of runs, superseded ones too; MLflow would read all that is written of each."""
    with closing(sqlite3.connect(place.folder / "mlflow.db")) as database:
        (number,) = database.execute("SELECT COUNT(*) FROM runs WHERE lifecycle_stage = 'active'").fetchone()
    return int(number)


def test_a_copy_of_the_study_is_consistent(damaged: Damaged) -> None:
    assert damaged.check() == []


@pytest.mark.parametrize("name", [*DAMAGE, *CHANGES])
def test_damage_is_found_and_repaired_without_a_trace(damaged: Damaged, expected: tuple[Any, ...], name: str) -> None:
    damage = (DAMAGE | CHANGES)[name]
    damage.do(damaged)
    seen = damaged.check()
    assert damage.text in seen[0].text
    assert seen[0].kind == damage.kinds[0]
    before = undeleted(damaged)

    mended, left = damaged.repair()
    assert tuple(finding.kind for finding in mended) == damage.kinds
    assert left == damaged.check() == []
    assert undeleted(damaged) >= before
    superseded = damaged.superseded()
    assert len(superseded) == damage.superseded

    watcher, executor = RecordingCallback(), InProcess()
    assert damaged.start(PLAN, executor, observer=watcher) == []
    assert len(executor.handed_out) == damage.trained
    assert watcher.repairs == []
    assert damaged.check() == []
    assert table(damaged) == expected
    runs = damaged.store.runs()
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert Counter(run.data.tags[schema.KIND] for run in runs) == {"study": 1, "trial": 2, "fold": 2 * FOLDS}
    assert damaged.superseded() == superseded


def test_a_start_repairs_all_kinds_of_damage(damaged: Damaged, expected: tuple[Any, ...]) -> None:
    names = (
        "study run left open",
        "artifact of a fold lost",
        "fold run below no trial",
        "trial run that nobody asked for",
        "two trials of a point in the search",
    )
    for name in names:
        DAMAGE[name].do(damaged)
    copy = damaged.copy(damaged.run("fold", "quantum", fold=1), "FINISHED")
    watcher, executor = RecordingCallback(), InProcess()
    assert damaged.start(PLAN, executor, observer=watcher) == []
    assert executor.handed_out == []
    assert watcher.repairs[0].startswith("MLflow lost the runs of 1 results of study first")
    assert {text.split(":")[0] for text in watcher.repairs[1:]} == {"repaired, orphaned", "repaired, duplicate"}
    assert copy.info.run_id in damaged.superseded()
    assert damaged.check() == []
    assert table(damaged) == expected
    assert {run.info.status for run in damaged.store.runs()} == {"FINISHED"}


@pytest.mark.parametrize(
    "name",
    [
        "study run deleted",
        "trial run deleted",
        "tag that names a trial deleted",
        "metric of a fold logged by hand",
        "metric of a trial logged by hand",
        "predictions of a fold edited",
        "value of a trial changed in the search",
    ],
)
def test_a_start_mends_what_it_finds_without_a_check(damaged: Damaged, name: str) -> None:
    (DAMAGE | CHANGES)[name].do(damaged)
    executor = InProcess()
    assert damaged.start(PLAN, executor) == []
    assert executor.handed_out == []
    assert damaged.check() == []


def test_open_runs_of_a_running_study_are_consistent(damaged: Damaged) -> None:
    for kind in ("study", "trial", "fold"):
        damaged.set_status(damaged.run(kind), "RUNNING")
    assert [finding.kind for finding in damaged.check()] == ["stuck", "missing"]
    assert damaged.check(is_running=True) == []


def test_missing_folds_are_consistent(place: StudyFixture) -> None:
    place.start(PLAN, InProcess(fails=lambda task, attempt: task.configuration == NONE and task.fold.index == 0))
    assert place.check() == []


@pytest.mark.parametrize("position", [20, -20], ids=["result", "weights"])
def test_damaged_result_is_named_and_its_fold_trained_again(
    damaged: Damaged, expected: tuple[Any, ...], position: int
) -> None:
    identity = damaged.run("fold").data.tags[schema.FOLD_IDENTITY]
    path = damaged.results_on_disk.path(identity)
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    watcher, executor = RecordingCallback(), InProcess()
    assert damaged.start(PLAN, executor, observer=watcher) == []
    assert executor.handed_out == [identity]
    assert str(path) in watcher.repairs[0]
    assert damaged.check() == []
    assert table(damaged) == expected
    assert [moved.read_bytes() for moved in (damaged.folder / "trash").iterdir()] == [content]
