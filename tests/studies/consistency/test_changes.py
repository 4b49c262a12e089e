"""What a comparison leaves alone: runs of another home's training, and stores that cannot be used now."""

from dataclasses import replace

import pytest

from ser.errors import UnavailableError
from studies.consistency import changes
from studies.consistency.changes import find_changes
from studies.consistency.snapshot import read_snapshot
from studies.consistency.study_check import check_study
from studies.storages.home import Home
from tests.support.changes_by_hand import CHANGES
from tests.support.study_damage import DAMAGE, PLAN, Damaged
from tests.support.toy_coordinator import InProcess, plan_of
from tracking import schema


def test_a_run_of_another_homes_training_is_left_to_that_home(damaged: Damaged) -> None:
    run = damaged.run("fold")
    damaged.log_metric(run, schema.FOLD_DURATION_S, 123.0)
    damaged.change_database(
        "mlflow.db", "UPDATE runs SET start_time = start_time - 1 WHERE run_uuid = ?", run.info.run_id
    )
    session = damaged.session(PLAN)
    snapshot = read_snapshot(session)
    shared = replace(session, home=Home(damaged.folder, tracking_uri="http://localhost:5000"))
    counts = [len(find_changes(home, snapshot, True, lambda done, total: None).findings) for home in (session, shared)]
    # In a home of its own the trial's mean duration is compared, too, and is that of the results.
    assert counts == [1, 0]


def test_a_store_that_cannot_be_used_is_a_note(damaged: Damaged, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    def fail(*arguments: object) -> list[str]:
        attempts.append(arguments)
        raise UnavailableError("the store of artifacts unavailable (timeout)")

    monkeypatch.setattr(changes, "differing_artifacts", fail)
    monkeypatch.setattr(changes, "_THREADS", 1)
    damaged.log_metric(damaged.run("fold"), "test_ua", 2.5)
    result = check_study(damaged.session(PLAN))
    assert [finding.kind for finding in result.findings] == ["changed"]
    assert result.messages == [
        "not all artifacts were compared: the store of artifacts unavailable (timeout); run the same command again "
        "later"
    ]
    assert len(attempts) == 1


def test_changes_of_one_study_block_neither_another_nor_the_report(damaged: Damaged) -> None:
    before = damaged.table()
    for name in (
        "tag of a kind changed",
        "tag that names a trial deleted",
        "tag of a trial deleted",
        "metric of a trial logged by hand",
        "picture of a trial deleted",
        "trial set to WAITING in the search",
    ):
        (DAMAGE | CHANGES)[name].do(damaged)
    executor = InProcess()
    assert damaged.start(plan_of("none"), executor, study="second") == []
    assert executor.handed_out == []
    assert damaged.check("second") == []
    after = damaged.table()
    assert [trial.trial_id for trial in after.trials] == [trial.trial_id for trial in before.trials]
    assert after.notes == before.notes
    damaged.repair()
    assert damaged.check() == []
