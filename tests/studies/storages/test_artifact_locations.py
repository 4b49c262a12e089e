"""A data directory that was copied or moved works where it is, and leaves the place where it was alone."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from mlflow.tracking._tracking_service.utils import _artifact_repos_cache

from ser.errors import UnavailableError
from studies.storages import artifact_locations
from studies.storages.artifact_locations import hold_artifact_locations
from studies.storages.home import Home
from tests.support.toy_studies import CORPUS, NONE, QUANTUM, MlflowFixture
from tracking.backend import local_database


@pytest.fixture
def first_home(tmp_path: Path, empty_store: Path) -> Home:
    """A home, in a folder whose name must be quoted in a URI, with a recorded trial."""
    folder = tmp_path / "first's 100% home"
    MlflowFixture(folder, empty_store).write_trial(NONE)
    return Home(folder)


def dump(home: Home) -> str:
    """All of MLflow's database."""
    with closing(sqlite3.connect(home.root / "mlflow.db")) as connection:
        return "\n".join(connection.iterdump())


def files_of(home: Home) -> dict[Path, tuple[str, int]]:
    return {
        path: (sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in home.root.rglob("*")
        if path.is_file()
    }


def hold(home: Home) -> list[str]:
    """Holds the locations for an instant; returns what was said."""
    lines: list[str] = []
    with hold_artifact_locations(home, lines.append):
        pass
    return lines


@pytest.mark.parametrize("transfer", [shutil.copytree, shutil.move])
def test_all_locations_follow_the_home_and_it_is_said_once(
    first_home: Home, tmp_path: Path, transfer: Callable[[Path, Path], object]
) -> None:
    second = Home(tmp_path / "second")
    transfer(first_home.root, second.root)
    (line,) = hold(second)
    assert str(first_home.artifacts) in line
    assert str(second.artifacts) in line
    assert first_home.root.as_uri() not in dump(second)
    assert (
        MlflowFixture(second.root, second.root / "mlflow.db")
        .runs()[0]
        .info.artifact_uri.startswith(f"{second.artifacts.as_uri()}/{CORPUS.name}/")
    )
    assert hold(second) == []


def test_runs_of_a_copied_home_change_nothing_in_the_first(first_home: Home, tmp_path: Path) -> None:
    second = Home(tmp_path / "second")
    shutil.copytree(first_home.root, second.root)
    before = files_of(first_home)
    hold(second)
    # As in a process of its own: MLflow remembers where this one wrote the same runs.
    _artifact_repos_cache.clear()
    MlflowFixture(second.root, second.root / "mlflow.db").write_trial(QUANTUM)
    assert files_of(first_home) == before
    assert len(list(second.artifacts.glob("*/*/artifacts/fold.safetensors"))) == 4


def test_home_is_left_alone_while_its_former_path_is_used(
    first_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifact_locations, "_ATTEMPTS", 2)
    mount = tmp_path / "mount"
    with hold_artifact_locations(first_home, pytest.fail):
        first_home.root.rename(mount)
        with pytest.raises(UnavailableError, match="another process writes"):
            hold(Home(mount))
        assert hold_is_free(mount) is False
    assert len(hold(Home(mount))) == 1


def hold_is_free(root: Path) -> bool:
    """Whether the recorded place is the folder's."""
    return not local_database.find_former_folders(root / "mlflow.db", root / "artifacts")


def test_interrupted_change_leaves_all_as_it_was(
    first_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = Home(tmp_path / "second")
    shutil.copytree(first_home.root, second.root)
    before, replace = dump(second), local_database.replace_artifact_root

    def replace_and_stop(connection: sqlite3.Connection, former: str, current: str) -> None:
        replace(connection, former, current)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(local_database, "replace_artifact_root", replace_and_stop)
        with pytest.raises(KeyboardInterrupt):
            hold(second)
    assert dump(second) == before
    assert len(hold(second)) == 1


def test_home_on_a_server_is_not_touched(tmp_path: Path) -> None:
    with hold_artifact_locations(Home(tmp_path / "home", tracking_uri="http://127.0.0.1:1"), pytest.fail):
        assert not (tmp_path / "home").exists()
