from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tracking.backend.artifacts import has_result_artifact, open_artifact


class Elsewhere:
    """A store that hands out its artifacts as MLflow's client does."""

    def __init__(self) -> None:
        self.folders: list[Path] = []

    def download_artifacts(self, run_id: str, path: str, dst_path: str) -> str:
        self.folders.append(Path(dst_path))
        (Path(dst_path) / path).write_text(f"{path} of {run_id}")
        return str(Path(dst_path) / path)


def run_at(uri: str, kind: str = "trial") -> Any:
    info = SimpleNamespace(run_id="r1", artifact_uri=uri)
    return SimpleNamespace(info=info, data=SimpleNamespace(tags={"ser.kind": kind}))


def test_a_file_on_this_machine_is_read_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    store: Any = Elsewhere()
    with open_artifact(store, run_at(f"file://{tmp_path}/a%20b"), "trial.json") as path:
        assert path == tmp_path / "a b" / "trial.json"
    assert store.folders == []


def test_of_a_file_elsewhere_no_copy_is_left(tmp_path: Path) -> None:
    store: Any = Elsewhere()
    with open_artifact(store, run_at("mlflow-artifacts:/1/r1/artifacts"), "trial.json") as path:
        assert path.read_text() == "trial.json of r1"
    (folder,) = store.folders
    assert not folder.exists()
    assert not folder.parent.exists()


@pytest.mark.parametrize(
    ("kind", "name"), [("study", "baseline.json"), ("trial", "trial.json"), ("fold", "fold.safetensors")]
)
def test_a_run_has_its_result_where_the_file_is_there(tmp_path: Path, kind: str, name: str) -> None:
    run = run_at(str(tmp_path), kind)
    assert not has_result_artifact(run)
    (tmp_path / name).touch()
    assert not has_result_artifact(run)
    (tmp_path / name).write_bytes(b"a result")
    assert has_result_artifact(run)
    assert has_result_artifact(run_at("s3://bucket/r1", kind))
