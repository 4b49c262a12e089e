"""What is deleted in MLflow while its study runs returns with the next write."""

from functools import partial

import pytest
from mlflow.exceptions import MlflowException

from tests.support.interruptions import InterruptingExecutor
from tests.support.toy_coordinator import StudyFixture, plan_of
from tests.support.toy_studies import NONE, MlflowFixture
from tracking import schema
from tracking.checks.deleted_runs import restore_deleted
from tracking.writing.background_writer import BackgroundWriter

PLAN = plan_of("none")


@pytest.mark.parametrize("kind", ["run", "experiment"])
def test_a_study_restores_what_is_deleted_while_it_runs(place: StudyFixture, kind: str) -> None:
    client, notes = place.store.client, list[str]()

    def delete() -> None:
        sender.wait(60)
        if kind == "experiment":
            client.delete_experiment(place.store.experiment)
        else:
            (run,) = place.store.runs(ser__kind="trial")
            client.delete_run(run.info.run_id)

    with BackgroundWriter(restore=partial(restore_deleted, client, notes.append)) as sender:
        assert place.start(PLAN, InterruptingExecutor(1, delete), sender=sender) == []
    assert [note.split()[:2] for note in notes] == [["MLflow's", kind]]
    assert "was deleted while its study runs; it is restored" in notes[0]
    assert place.check() == []
    assert {run.info.status for run in place.store.runs()} == {"FINISHED"}


def test_a_write_to_a_run_restores_its_deleted_experiment(store: MlflowFixture) -> None:
    store.write_trial(NONE)
    recorder, notes = store.recorder(), list[str]()
    study = recorder.ensure_study_run()
    store.client.delete_experiment(store.experiment)
    with BackgroundWriter(restore=partial(restore_deleted, store.client, notes.append)) as sender:
        sender.submit(partial(recorder.finish_study, study, complete=True))
        sender.flush()
    assert [note.split()[:3] for note in notes] == [["MLflow's", "experiment", store.experiment]]
    assert len(store.runs(ser__kind="trial")) == 1
    (run,) = store.runs(ser__kind="study")
    assert run.info.status == "FINISHED"
    assert "1 of 1 trials" in run.data.tags[schema.NOTE]


def test_other_errors_of_a_write_restore_nothing(store: MlflowFixture) -> None:
    for error in (ValueError("the run 1 must be in the 'active' state"), MlflowException("no such run")):
        assert not restore_deleted(store.client, print, error)
