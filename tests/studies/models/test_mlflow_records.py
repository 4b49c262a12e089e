"""A model that MLflow cannot take now is whole, and is registered later; a registered one is found by its name."""

from pathlib import Path

import pytest

from ser.errors import ModelError
from ser.inference.model_folder import read_folder
from studies.models.mlflow_records import register
from studies.models.opening import open_model
from studies.storages.home import Home
from tests.support.mlflow_server import MlflowServer
from tests.support.toy_models import write_model
from tests.support.toy_studies import MlflowFixture

URI = "models:/made-up-none-utterance@champion"


def test_outage_is_one_line_and_leaves_the_folder(tmp_path: Path, empty_store: Path) -> None:
    description = write_model(tmp_path / "model")
    lines: list[str] = []
    home = Home(tmp_path / "home", tracking_uri="http://127.0.0.1:9")
    assert register(home, tmp_path / "model", description, lines.append) is None
    (line,) = lines
    assert line.startswith("not registered in MLflow: tracking server http://127.0.0.1:9 unavailable")
    assert line.endswith(f"registered later by: ser model register {tmp_path / 'model'}")
    assert read_folder(tmp_path / "model")[0] == description


def test_registered_model_is_opened_by_its_name(store: MlflowFixture) -> None:
    description = write_model(store.folder / "model")
    home = Home(store.folder)
    assert register(home, store.folder / "model", description, print) == URI
    assert open_model(home, URI, None, print).description == description


def test_model_on_a_server_is_opened_from_any_machine(server: MlflowServer, tmp_path: Path) -> None:
    description = write_model(tmp_path / "model")
    assert register(Home(tmp_path / "home", tracking_uri=server.url), tmp_path / "model", description, print) == URI
    elsewhere = Home(tmp_path / "other", tracking_uri=server.url)
    assert open_model(elsewhere, URI, None, print).description == description


def test_home_without_a_database_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no MLflow database; name its home by --home"):
        open_model(Home(tmp_path), URI, None, print)
