"""Results that another data directory has written to the tracking store of both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from ser.errors import UnavailableError
from ser.results import BASELINES_VERSION, FRAME_STATISTICS, BaselineResult, FunctionalsName
from ser.training.checkpoint import check_file, parse_result
from tests.support.mlflow_server import MlflowServer
from tests.support.toy_studies import CORPUS, NONE, QUANTUM, SCHEME, MlflowFixture, baseline, trained
from tracking.backend.artifacts import Artifacts
from tracking.backend.client import connect, experiment_id
from tracking.results import fetching
from tracking.results.baselines import BaselineInputs, BaselineStore
from tracking.results.fetching import FetchedResults, fetch_baselines, fetch_missing
from tracking.results.store import ResultStore

FIRST, SECOND = (parse_result(trained(NONE, fold.index)).identity for fold in SCHEME)


@pytest.fixture
def results(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path / "results")


def fetch(store: MlflowFixture, results: ResultStore, digest: str = CORPUS.digest) -> FetchedResults:
    return fetch_missing(store.client, store.experiment, digest, {FIRST, SECOND}, results)


def artifact(store: MlflowFixture, identity: str) -> Path:
    (run,) = store.runs(ser__kind="fold", ser__fold_identity=identity)
    return store.folder / "artifacts" / CORPUS.name / run.info.run_id / "artifacts" / "fold.safetensors"


def test_results_that_are_missing_here_are_fetched(store: MlflowFixture, results: ResultStore) -> None:
    store.write_trial(NONE)
    store.write_trial(QUANTUM)
    results.put(SECOND, trained(NONE, 1))
    assert fetch(store, results) == FetchedResults(frozenset({FIRST}))
    assert results.identities() == {FIRST, SECOND}
    assert check_file(results.path(FIRST)) == parse_result(trained(NONE, 0))


def test_nothing_is_asked_where_nothing_is_missing(
    store: MlflowFixture, results: ResultStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for identity, fold in zip((FIRST, SECOND), SCHEME, strict=True):
        results.put(identity, trained(NONE, fold.index))
    monkeypatch.setattr(fetching, "search_runs", lambda *_, **__: pytest.fail("asked"))
    assert fetch(store, results) == FetchedResults()


def test_only_finished_runs_of_the_corpus_are_fetched(store: MlflowFixture, results: ResultStore) -> None:
    store.write_trial(NONE, folds=1)
    assert fetch(store, results, digest="f" * 32) == FetchedResults()
    (run,) = store.runs(ser__kind="fold")
    store.client.update_run(run.info.run_id, status="RUNNING")
    assert fetch(store, results) == FetchedResults()


@pytest.mark.parametrize("damage", [b"", b"no fold", "cut", "flipped", "another fold"])
def test_damaged_result_is_named_and_not_stored(
    store: MlflowFixture, results: ResultStore, damage: bytes | str
) -> None:
    store.write_trial(NONE)
    whole = trained(NONE, 0)
    damaged = {"cut": whole[:-1], "flipped": whole[:-1] + bytes([whole[-1] ^ 1]), "another fold": trained(NONE, 1)}
    path = artifact(store, FIRST)
    path.unlink()
    path.write_bytes(damage if isinstance(damage, bytes) else damaged[damage])
    fetched = fetch(store, results)
    assert fetched.identities == results.identities() == {SECOND}
    (line,) = fetched.damaged
    assert "has no whole result of its fold" in line
    assert path.parent.parent.name in line


def test_second_run_of_a_fold_replaces_a_damaged_one(store: MlflowFixture, results: ResultStore) -> None:
    store.write_trial(NONE, folds=1)
    (run,) = store.runs(ser__kind="fold")
    duplicate = store.client.create_run(store.experiment, tags=run.data.tags)
    Artifacts(store.client).log(duplicate.info.run_id, {"fold.safetensors": trained(NONE, 0)})
    store.client.set_terminated(duplicate.info.run_id)
    path = store.folder / "artifacts" / CORPUS.name / run.info.run_id / "artifacts" / "fold.safetensors"
    path.unlink()
    assert fetch(store, results) == FetchedResults(frozenset({FIRST}))


def test_baselines_of_finished_studies_are_fetched_once(
    store: MlflowFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, baselines = store.recorder(), BaselineStore(tmp_path / "results")
    run = recorder.ensure_study_run()
    chosen = {"inverse_penalties": (0.1, 1.0), "version": BASELINES_VERSION}
    other = baseline().model_copy(update={"functionals": "functionals", **chosen})
    former = baseline().model_copy(update={"functionals": "ComParE_2016", **chosen, "version": 1})
    recorder.record_baseline(run, baseline(), [other, former])
    downloads, download = list[str](), fetching.download_baselines

    def count_and_download(client: MlflowClient, run: Run) -> Iterator[BaselineResult]:
        downloads.append(run.info.run_id)
        return download(client, run)

    monkeypatch.setattr(fetching, "download_baselines", count_and_download)
    searched_runs = set[str]()
    names: tuple[FunctionalsName, ...] = (FRAME_STATISTICS, "functionals", "eGeMAPSv02", "ComParE_2016")
    inputs: list[BaselineInputs] = [(SCHEME, "zscore_speaker", baseline().features, name) for name in names]

    def fetch_all() -> list[BaselineResult | None]:
        fetch_baselines(store.client, store.experiment, CORPUS.digest, inputs, baselines, searched_runs)
        return [baselines.find(CORPUS.digest, *key) for key in inputs]

    assert fetch_all() == [None] * 4
    assert downloads == []
    recorder.finish_study(run, complete=True)
    for _ in range(2):
        assert fetch_all() == [baseline(), other, None, None]
        assert downloads == [run]


def test_server_that_ends_while_results_are_fetched_is_unavailable(
    store: MlflowFixture, results: ResultStore, server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.client, store.shared = connect(server.url), True
    store.experiment = experiment_id(store.client, "fetching", None)
    store.write_trial(NONE)
    assert fetch(store, results).identities == {FIRST, SECOND}
    results.path(FIRST).unlink()
    search = fetching.search_runs

    def search_and_end(*arguments: object, **tags: str) -> object:
        runs = search(*arguments, **tags)  # type: ignore[arg-type]
        server.kill()
        return runs

    monkeypatch.setattr(fetching, "search_runs", search_and_end)
    with pytest.raises(UnavailableError):
        fetch(store, results)
    assert results.identities() == {SECOND}
