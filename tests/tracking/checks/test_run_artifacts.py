"""Artifacts of runs are what was written, wherever they are."""

import errno
from pathlib import Path
from shutil import copyfile

import pytest
import requests
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from safetensors.torch import save

from ser.errors import StorageError, UnavailableError
from ser.training.checkpoint import deserialize_fold
from tests.support.toy_studies import NONE, SCHEME, MlflowFixture, stored
from tracking import schema
from tracking.backend import artifacts
from tracking.checks.run_artifacts import differing_artifacts


@pytest.fixture
def run(store: MlflowFixture) -> Run:
    """The finished run of the first fold."""
    store.write_trial(NONE)
    (run,) = store.runs(ser__kind="fold", ser__fold=SCHEME[0].name)
    return run


def file_of(run: Run, name: str) -> Path:
    path = artifacts.local_path(f"{run.info.artifact_uri}/{name}")
    assert path is not None
    return path


def replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def compare(store: MlflowFixture, run: Run) -> list[str]:
    return differing_artifacts(store.client, run, stored(NONE, 0).path)


def test_artifacts_of_a_remote_store_are_downloaded(
    store: MlflowFixture, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(client: MlflowClient, uri: str, name: str, path: Path) -> None:
        if not file_of(run, name).exists():
            response = requests.Response()
            response.status_code = 404
            raise requests.HTTPError("no such file", response=response)
        copyfile(file_of(run, name), path)

    def fail(client: MlflowClient, uri: str, name: str, path: Path) -> None:
        raise requests.exceptions.ConnectionError("refused")

    def lack_a_package(client: MlflowClient, uri: str, name: str, path: Path) -> None:
        raise ModuleNotFoundError("No module named 'boto3'", name="boto3")

    monkeypatch.setattr(artifacts, "artifact_path", lambda run, name: None)
    monkeypatch.setattr(artifacts, "download_file", download)
    assert compare(store, run) == []
    replace(file_of(run, schema.TRAINED_FOLD), b"cut")
    file_of(run, schema.CONFUSION_PICTURE).unlink()
    differing = compare(store, run)
    assert differing[0].startswith("fold.safetensors differs from the stored result (3 bytes in MLflow and ")
    assert differing[1:] == ["confusion.svg is missing"]
    monkeypatch.setattr(artifacts, "download_file", fail)
    with pytest.raises(UnavailableError, match="the store of artifacts unavailable"):
        compare(store, run)
    monkeypatch.setattr(artifacts, "download_file", lack_a_package)
    with pytest.raises(StorageError, match="No module named 'boto3'"):
        compare(store, run)


def test_files_of_earlier_versions_differ_in_nothing(store: MlflowFixture, run: Run) -> None:
    trained = deserialize_fold(stored(NONE, 0).path.read_bytes())
    without_digests = save(trained.weights, metadata={"result": trained.result.model_dump_json()})
    replace(file_of(run, schema.TRAINED_FOLD), without_digests)
    assert compare(store, run) == []


def test_tables_of_runs_without_digests_must_only_be_there(store: MlflowFixture, run: Run) -> None:
    del run.data.tags[schema.ARTIFACT_DIGESTS]
    replace(file_of(run, schema.PREDICTIONS), b"written otherwise")
    assert compare(store, run) == []
    replace(file_of(run, schema.PREDICTIONS), b"")
    assert compare(store, run) == ["predictions.csv is empty"]


def test_an_artifact_that_may_not_be_read_is_named(store: MlflowFixture, run: Run) -> None:
    path = file_of(run, schema.PREDICTIONS)
    path.unlink()
    path.mkdir()
    assert compare(store, run) == ["predictions.csv cannot be read (Is a directory)"]


def test_a_failing_disk_is_no_missing_artifact(store: MlflowFixture, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(StorageError, match=r"artifacts cannot be compared \(.* Input/output error: "):
        compare(store, run)


def test_a_stored_result_that_goes_is_no_missing_artifact(store: MlflowFixture, run: Run, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"artifacts cannot be compared \(.*gone\.safetensors"):
        differing_artifacts(store.client, run, tmp_path / "gone.safetensors")
