import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from ser.training.checkpoint import parse_result
from tests.support.toy_studies import NONE, QUANTUM, SCHEME, MlflowFixture, stored, trained, trial_id
from tracking.writing import payloads
from tracking.writing.fold_run_cache import CACHE_TTL_S, FoldRunCache
from tracking.writing.recorder import Recorder

MODEL = payloads.model_digest(NONE)
IDENTITIES = [parse_result(trained(NONE, fold.index)).identity for fold in SCHEME]
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


def fold_runs(store: MlflowFixture, folder: Path, clock: Callable[[], float] = time.monotonic) -> FoldRunCache:
    return FoldRunCache(store.client, store.experiment, folder / "locks", clock)


def recorder_of(store: MlflowFixture, study: str) -> tuple[Recorder, str]:
    recorder = store.recorder(study)
    return recorder, recorder.ensure_trial_run(recorder.ensure_study_run(), trial_id(NONE), NONE)


def test_folds_of_a_trial_are_asked_for_once(store: MlflowFixture, tmp_path: Path, searches: list[str]) -> None:
    runs = fold_runs(store, tmp_path)
    searches.clear()
    runs.fetch(MODEL)
    for identity in IDENTITIES:
        with runs.lock_fold(identity, MODEL, STARTED_MS) as cached:
            assert cached.run is None
    assert len(searches) == 1
    with runs.lock_fold("f" * 32, "another model", STARTED_MS):
        pass
    assert len(searches) == 2


def test_whoever_writes_after_another_study_asks_again(
    store: MlflowFixture, tmp_path: Path, searches: list[str]
) -> None:
    first, second = fold_runs(store, tmp_path), fold_runs(store, tmp_path)
    first.fetch(MODEL)
    # The second comes after the first in every group.
    second.fetch("another model")
    searches.clear()
    with first.lock_fold(IDENTITIES[0], MODEL, STARTED_MS):
        pass
    assert len(searches) == 1
    with first.lock_fold(IDENTITIES[0], MODEL, STARTED_MS):
        pass
    assert len(searches) == 1
    with (
        second.lock_fold(IDENTITIES[0], MODEL, STARTED_MS),
        first.lock_fold(other_group(IDENTITIES[0]), MODEL, STARTED_MS),
    ):
        pass
    assert len(searches) == 3


def other_group(identity: str) -> str:
    """A fold that another lock covers."""
    return f"{int(identity, 16) ^ 1:032x}"


def test_what_another_study_has_written_since_is_found(store: MlflowFixture) -> None:
    (first, trial), (second, other) = recorder_of(store, "first"), recorder_of(store, "second")
    written = first.log_fold(trial, stored(NONE, 0))
    # The second study had asked for all folds of the model before that.
    found = second.log_fold(other, stored(NONE, 0))
    assert found.info.run_id == written.info.run_id
    own = second.log_fold(other, stored(NONE, 1))
    assert first.log_fold(trial, stored(NONE, 1)).info.run_id == own.info.run_id
    assert len(store.runs(ser__kind="fold")) == 2


def test_an_answer_holds_for_a_while_only(store: MlflowFixture, tmp_path: Path, searches: list[str]) -> None:
    moments = itertools.count()
    now_s = [0.0]
    # No two moments are the same.
    runs = fold_runs(store, tmp_path, lambda: now_s[0] + next(moments) / 1e6)
    runs.fetch(MODEL)
    searches.clear()
    for later_s, asked in ((CACHE_TTL_S - 1, 0), (CACHE_TTL_S + 1, 1), (CACHE_TTL_S + 2, 1)):
        now_s[0] = later_s
        with runs.lock_fold(IDENTITIES[0], MODEL, STARTED_MS):
            pass
        assert len(searches) == asked


def test_what_went_wrong_may_have_been_written_all_the_same(
    store: MlflowFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, trial = recorder_of(store, "first")
    create = MlflowClient.create_run

    def answer_lost(client: MlflowClient, *arguments: Any, **others: Any) -> None:
        create(client, *arguments, **others)
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "create_run", answer_lost)
        with pytest.raises(ConnectionError):
            recorder.log_fold(trial, stored(NONE, 0))
    recorder.log_fold(trial, stored(NONE, 0))
    (run,) = store.runs(ser__kind="fold")
    assert run.info.status == "FINISHED"


def test_of_two_runs_of_a_fold_the_complete_one_is_used(store: MlflowFixture, tmp_path: Path) -> None:
    store.write_trial(NONE, folds=1)
    (whole,) = store.runs(ser__kind="fold")
    tags = {name: value for name, value in whole.data.tags.items() if name.startswith("ser.")}
    store.client.create_run(store.experiment, start_time=1, tags=tags)
    with fold_runs(store, tmp_path).lock_fold(IDENTITIES[0], MODEL, STARTED_MS) as cached:
        assert cached.run is not None
        assert cached.run.info.run_id == whole.info.run_id
        assert cached.complete


def test_a_model_has_no_runs_of_another(store: MlflowFixture, tmp_path: Path) -> None:
    store.write_trial(NONE)
    asked = fold_runs(store, tmp_path).fetch(payloads.model_digest(QUANTUM))
    assert asked == []
