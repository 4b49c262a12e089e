from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest

from tests.studies.toy_coordinator import Place
from tests.studies.tracking_server import TrackingServer
from tracking import sender


@pytest.fixture(scope="session")
def empty_search(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Optuna database without studies; copying it is faster than making one."""
    database = tmp_path_factory.mktemp("search") / "optuna.db"
    optuna.storages.RDBStorage(f"sqlite:///{database}")
    return database


@pytest.fixture
def place(tmp_path: Path, empty_store: Path, empty_search: Path) -> Place:
    return Place(tmp_path / "place", empty_store, empty_search)


@pytest.fixture
def server(tmp_path: Path, empty_store: Path) -> Iterator[TrackingServer]:
    server = TrackingServer(tmp_path / "server", empty_store)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def quick_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a sender ask again soon whether what was away is back."""
    monkeypatch.setattr(sender, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(sender, "LONGEST_PAUSE_S", 0.2)
