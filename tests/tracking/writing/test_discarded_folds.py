"""Runs of discarded results are superseded, and none of them stays open."""

import pytest
from mlflow.tracking import MlflowClient

from tests.support.toy_studies import NONE, SCHEME, MlflowFixture
from tracking.writing.discarded_folds import supersede_folds


def test_an_open_run_is_ended_before_it_is_superseded(store: MlflowFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write_trial(NONE, folds=1)
    (run,) = store.runs(ser__kind="fold", ser__fold=SCHEME[0].name)
    run_id, identity = run.info.run_id, run.data.tags["ser.fold_identity"]
    store.client.update_run(run_id, status="RUNNING")

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_tag", killed)
        with pytest.raises(KeyboardInterrupt):
            supersede_folds(store.client, store.experiment, [identity])
    assert store.client.get_run(run_id).info.status == "KILLED"
    supersede_folds(store.client, store.experiment, [identity])
    superseded = store.client.get_run(run_id)
    assert (superseded.info.status, superseded.data.tags["ser.superseded"]) == ("KILLED", "nothing")
