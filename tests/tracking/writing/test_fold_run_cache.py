import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from ser.training.checkpoint import result_of
from tests.support.toy_studies import NONE, QUANTUM, SCHEME, Store, trained, trial_id
from tracking.writing import payloads
from tracking.writing.fold_run_cache import TRUSTED_S, FoldRuns
from tracking.writing.recorder import Recorder

MODEL = payloads.model_digest(NONE)
IDENTITIES = [result_of(trained(NONE, fold.index)).identity for fold in SCHEME]
STARTED_MS = 1_700_000_000_000


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Filters of all searches for runs, as they are made."""
    made: list[str] = []
    search = MlflowClient.search_runs

    def counted(client: MlflowClient, experiments: list[str], filter_: str, *others: Any) -> Any:
        made.append(filter_)
        return search(client, experiments, filter_, *others)

    monkeypatch.setattr(MlflowClient, "search_runs", counted)
    return made


def fold_runs(store: Store, folder: Path, clock: Callable[[], float] = time.monotonic) -> FoldRuns:
    return FoldRuns(store.client, store.experiment, folder / "locks", clock)


def recorder_of(store: Store, study: str) -> tuple[Recorder, str]:
    recorder = store.recorder(study)
    return recorder, recorder.trial_run(recorder.study_run(), trial_id(NONE), NONE)


def test_folds_of_a_trial_are_asked_for_once(store: Store, tmp_path: Path, searches: list[str]) -> None:
    runs = fold_runs(store, tmp_path)
    searches.clear()
    runs.ask(MODEL)
    for identity in IDENTITIES:
        with runs.hold(identity, MODEL, STARTED_MS) as known:
            assert known.run is None
    assert len(searches) == 1
    with runs.hold("f" * 32, "another model", STARTED_MS):
        pass
    assert len(searches) == 2


def test_whoever_writes_after_another_study_asks_again(store: Store, tmp_path: Path, searches: list[str]) -> None:
    first, second = fold_runs(store, tmp_path), fold_runs(store, tmp_path)
    first.ask(MODEL)
    # The second comes after the first in every group.
    second.ask("another model")
    searches.clear()
    with first.hold(IDENTITIES[0], MODEL, STARTED_MS):
        pass
    assert len(searches) == 1
    with first.hold(IDENTITIES[0], MODEL, STARTED_MS):
        pass
    assert len(searches) == 1
    with second.hold(IDENTITIES[0], MODEL, STARTED_MS), first.hold(other_group(IDENTITIES[0]), MODEL, STARTED_MS):
        pass
    assert len(searches) == 3


def other_group(identity: str) -> str:
    """A fold that another lock covers."""
    return f"{int(identity, 16) ^ 1:032x}"


def test_what_another_study_has_written_since_is_found(store: Store) -> None:
    (first, trial), (second, other) = recorder_of(store, "first"), recorder_of(store, "second")
    written = first.record_fold(trial, trained(NONE, 0))
    # The second study had asked for all folds of the model before that.
    found = second.record_fold(other, trained(NONE, 0))
    assert found.info.run_id == written.info.run_id
    own = second.record_fold(other, trained(NONE, 1))
    assert first.record_fold(trial, trained(NONE, 1)).info.run_id == own.info.run_id
    assert len(store.runs(ser__kind="fold")) == 2


def test_an_answer_holds_for_a_while_only(store: Store, tmp_path: Path, searches: list[str]) -> None:
    moments = itertools.count()
    now_s = [0.0]
    # No two moments are the same.
    runs = fold_runs(store, tmp_path, lambda: now_s[0] + next(moments) / 1e6)
    runs.ask(MODEL)
    searches.clear()
    for later_s, asked in ((TRUSTED_S - 1, 0), (TRUSTED_S + 1, 1), (TRUSTED_S + 2, 1)):
        now_s[0] = later_s
        with runs.hold(IDENTITIES[0], MODEL, STARTED_MS):
            pass
        assert len(searches) == asked


def test_what_went_wrong_may_have_been_written_all_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, trial = recorder_of(store, "first")
    create = MlflowClient.create_run

    def answer_lost(client: MlflowClient, *arguments: Any, **others: Any) -> None:
        create(client, *arguments, **others)
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "create_run", answer_lost)
        with pytest.raises(ConnectionError):
            recorder.record_fold(trial, trained(NONE, 0))
    recorder.record_fold(trial, trained(NONE, 0))
    (run,) = store.runs(ser__kind="fold")
    assert run.info.status == "FINISHED"


def test_of_two_runs_of_a_fold_the_whole_one_is_known(store: Store, tmp_path: Path) -> None:
    store.write_trial(NONE, folds=1)
    (whole,) = store.runs(ser__kind="fold")
    tags = {name: value for name, value in whole.data.tags.items() if name.startswith("ser.")}
    store.client.create_run(store.experiment, start_time=1, tags=tags)
    with fold_runs(store, tmp_path).hold(IDENTITIES[0], MODEL, STARTED_MS) as known:
        assert known.run is not None
        assert known.run.info.run_id == whole.info.run_id
        assert known.whole


def test_a_model_has_no_runs_of_another(store: Store, tmp_path: Path) -> None:
    store.write_trial(NONE)
    asked = fold_runs(store, tmp_path).ask(payloads.model_digest(QUANTUM))
    assert asked == []
