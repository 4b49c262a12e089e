from pathlib import Path

import optuna
import pytest

from tests.studies.toy_coordinator import Place


@pytest.fixture(scope="session")
def empty_search(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Optuna database without studies; copying it is faster than making one."""
    database = tmp_path_factory.mktemp("search") / "optuna.db"
    optuna.storages.RDBStorage(f"sqlite:///{database}")
    return database


@pytest.fixture
def place(tmp_path: Path, empty_store: Path, empty_search: Path) -> Place:
    return Place(tmp_path / "place", empty_store, empty_search)
