"""Corpora that several tests read, and how hypothesis runs."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more of what else the machine does than of the code.
settings.register_profile("without_deadline", deadline=None)
settings.load_profile("without_deadline")


@pytest.fixture(scope="session")
def emodb_root() -> Path:
    """The folder of the real EmoDB."""
    root = os.environ.get("SER_EMODB_ROOT")
    if not root:
        pytest.skip("needs the EmoDB corpus: set SER_EMODB_ROOT to its folder (with wav and lablaut)")
    return Path(root)


@pytest.fixture(scope="session")
def demo_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo corpus, made once a test session; tests only read it."""
    if find_spec("espeakng_loader") is None:
        pytest.skip("needs eSpeak NG: pip install 'ser-studies[demo]'")
    from ser.corpora.demo import make_demo

    root = tmp_path_factory.mktemp("corpora") / "demo"
    make_demo(root)
    return root


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without runs; making one takes seconds, copying it does not."""
    from tracking.connection import open_tracking

    database = tmp_path_factory.mktemp("tracking") / "mlflow.db"
    open_tracking(database)
    return database
