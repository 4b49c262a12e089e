import sqlite3
from contextlib import closing
from pathlib import Path
from shutil import copytree

import pytest
from mlflow.tracking._tracking_service.utils import _artifact_repos_cache

from tests.support.study_damage import PLAN, Damaged


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, empty_store: Path, empty_search: Path) -> Damaged:
    """An undisturbed study; tests copy it."""
    place = Damaged(tmp_path_factory.mktemp("finished") / "place", empty_store, empty_search)
    assert place.start(PLAN) == []
    return place


@pytest.fixture
def damaged(finished: Damaged, tmp_path: Path) -> Damaged:
    """A copy of the study, to be damaged."""
    folder = tmp_path / "place"
    copytree(finished.folder, folder)
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        # MLflow keeps whole paths of artifacts.
        where = (str(finished.folder), str(folder))
        database.execute("UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)", where)
        database.execute("UPDATE runs SET artifact_uri = replace(artifact_uri, ?, ?)", where)
    # MLflow keeps in memory, by run, where artifacts lie; the copy's runs have the same ids.
    _artifact_repos_cache.clear()
    copy = Damaged.__new__(Damaged)
    copy.open(folder)
    return copy
