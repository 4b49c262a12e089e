import pytest
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from ser.training.checkpoint import parse_result
from tests.support.toy_studies import NONE, MlflowFixture, stored, trained, trial_id
from tracking.backend.artifacts import Artifacts
from tracking.writing import payloads
from tracking.writing.duplicates import supersede_duplicates

MODEL = payloads.model_digest(NONE)


def fold_run(store: MlflowFixture, study: str, started_ms: int, status: str = "FINISHED", lost: bool = False) -> str:
    """Another run of the first fold, as a recorder of another data directory writes it; `lost` leaves out its file."""
    (known, *_) = store.runs(ser__kind="fold", ser__fold_identity=parse_result(trained(NONE, 0)).identity)
    tags = {**known.data.tags, "ser.study": study}
    run = store.client.create_run(store.experiment, start_time=started_ms, tags=tags)
    if not lost:
        Artifacts(store.client).log(run.info.run_id, {"fold.safetensors": trained(NONE, 0)})
    store.client.set_terminated(run.info.run_id, status)
    return str(run.info.run_id)


@pytest.fixture
def written(store: MlflowFixture) -> MlflowFixture:
    """A store with a trial of two folds."""
    store.write_trial(NONE)
    return store


def first_fold(store: MlflowFixture) -> Run:
    (run,) = store.runs(
        ser__kind="fold", ser__study="first", ser__fold_identity=parse_result(trained(NONE, 0)).identity
    )
    return run


def test_the_oldest_stands_and_the_others_point_to_it(written: MlflowFixture) -> None:
    original = first_fold(written)
    younger = fold_run(written, "second", original.info.start_time + 1)
    half = fold_run(written, "third", original.info.start_time - 1, status="KILLED")
    identity = original.data.tags["ser.fold_identity"]
    for _ in range(2):
        canonical = supersede_duplicates(written.client, written.experiment, MODEL)
        assert {key: run.info.run_id for key, run in canonical.items()} == {identity: original.info.run_id}
        assert written.client.get_run(younger).data.tags["ser.superseded"] == original.info.run_id
    # What is not finished may still be written, and the second fold has one run.
    assert "ser.superseded" not in written.client.get_run(half).data.tags
    assert len(written.runs(ser__kind="fold")) == 3
    oldest = fold_run(written, "fourth", original.info.start_time - 1)
    supersede_duplicates(written.client, written.experiment, MODEL)
    assert written.client.get_run(original.info.run_id).data.tags["ser.superseded"] == oldest
    assert written.client.get_run(younger).data.tags["ser.superseded"] == original.info.run_id
    assert "ser.superseded" not in written.client.get_run(oldest).data.tags


def test_a_run_whose_result_is_lost_does_not_stand(written: MlflowFixture) -> None:
    original = first_fold(written)
    fold_run(written, "second", original.info.start_time - 1, lost=True)
    assert supersede_duplicates(written.client, written.experiment, MODEL) == {}
    assert "ser.superseded" not in written.client.get_run(original.info.run_id).data.tags


def test_of_two_that_began_at_once_all_choose_the_same(written: MlflowFixture) -> None:
    original = first_fold(written)
    other = fold_run(written, "second", original.info.start_time)
    (canonical,) = supersede_duplicates(written.client, written.experiment, MODEL).values()
    assert canonical.info.run_id == min(original.info.run_id, other)


def test_two_homes_that_settle_at_once_both_end_well(written: MlflowFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    original, set_tag = first_fold(written), MlflowClient.set_tag
    younger = fold_run(written, "second", original.info.start_time + 1)
    refused: list[str] = []

    def overtaken(client: MlflowClient, run_id: str, key: str, value: str) -> None:
        set_tag(client, run_id, key, value)
        if not refused:
            refused.append(run_id)
            raise MlflowException("UNIQUE constraint failed: tags.key, tags.run_uuid")

    monkeypatch.setattr(MlflowClient, "set_tag", overtaken)
    supersede_duplicates(written.client, written.experiment, MODEL)
    assert refused == [younger]
    assert written.client.get_run(younger).data.tags["ser.superseded"] == original.info.run_id


@pytest.mark.parametrize("shared", [False, True])
def test_only_a_store_of_several_homes_is_looked_at_again(store: MlflowFixture, shared: bool) -> None:
    store.shared = shared
    store.write_trial(NONE)
    fold_run(store, "second", first_fold(store).info.start_time + 1)
    canonical = store.recorder().supersede_duplicates(NONE)
    assert len(canonical) == shared


def test_a_run_of_another_training_is_not_completed(store: MlflowFixture) -> None:
    recorder = store.recorder()
    trial = recorder.ensure_trial_run(recorder.ensure_study_run(), trial_id(NONE), NONE)
    recorder.log_fold(trial, stored(NONE, 0))
    original = first_fold(store)
    store.client.update_run(original.info.run_id, status="RUNNING")
    half = fold_run(store, "second", original.info.start_time - 1, status="RUNNING")
    before = store.client.get_run(half)
    again = recorder.log_fold(trial, stored(NONE, 0))
    assert again.info.run_id == original.info.run_id
    after = store.client.get_run(half)
    assert (after.data.metrics, after.data.params) == (before.data.metrics, before.data.params) == ({}, {})
