"""Corpora that several tests read, and how hypothesis runs."""

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock
from hypothesis import settings

from tests.support.browser_path import NEEDS_BROWSER, browser_path
from tests.support.mlflow_server import MlflowServer
from tests.support.postgresql import PostgresqlServer, binaries, empty_database

if TYPE_CHECKING:
    # Imported where they are used: most tests need neither MLflow nor Optuna.
    from tests.support.toy_coordinator import StudyFixture
    from tests.support.toy_studies import MlflowFixture

# Read by torch when it is imported, here and in workers: for tensors as small as the tests' a second
# thread does nothing but spin, on a core that another test's worker needs.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says more of what else the machine does than of the code.
settings.register_profile("without_deadline", deadline=None)
settings.load_profile("without_deadline")


# Nothing that an import makes is garbage, and looking for it takes an eighth of the time of all imports.
gc.disable()


def pytest_collection_finish() -> None:
    """Spares the collector of cycles all that was imported; some libraries call it at every turn."""
    gc.freeze()
    gc.enable()


FOLDER_MARKERS = {"tests/faults": "faults", "tests/studies/execution/ray_backend": "ray"}
FIXTURE_MARKERS = {"browser": "browser", "on_ray": "ray", "own_postgresql": "postgres", "postgresql_url": "postgres"}
PARAMETER_MARKERS = {"ray": "ray", "postgresql": "postgres"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder, their fixtures and the values of their parameters.

    Where there is no browser, those of one are skipped here: fixtures of a session come before the one that opens it.
    """
    for item in items:
        folder = item.path.parent.relative_to(item.config.rootpath).as_posix()
        parameters = getattr(item, "callspec", None)
        values = [] if parameters is None else list(parameters.params.values())
        names = [value[0] if isinstance(value, tuple) and value else value for value in values]
        markers = [
            FOLDER_MARKERS.get(folder),
            *(FIXTURE_MARKERS.get(name) for name in getattr(item, "fixturenames", ())),
            *(PARAMETER_MARKERS.get(name) for name in names if isinstance(name, str)),
        ]
        for marker in filter(None, markers):
            item.add_marker(marker)
        if browser_path() is None and item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=NEEDS_BROWSER))


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a file or folder that the first of the test processes makes for all of them; tests only read it."""
    base = factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    path = shared / name
    with FileLock(shared / f"{name}.lock"):
        if not path.exists():
            # Under its own name only once it is whole: a maker that failed is followed by the next process.
            with tempfile.TemporaryDirectory(dir=shared) as folder:
                make(Path(folder) / name)
                (Path(folder) / name).rename(path)
    return path


@pytest.fixture(scope="session")
def emodb_root() -> Path:
    """The folder of the real EmoDB."""
    root = os.environ.get("SER_EMODB_ROOT")
    if not root:
        pytest.skip("needs the EmoDB corpus: set SER_EMODB_ROOT to its folder (with wav and lablaut)")
    return Path(root)


@pytest.fixture(scope="session")
def demo_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo corpus; tests only read it."""
    if find_spec("espeakng_loader") is None:
        pytest.skip("needs eSpeak NG: pip install 'ser-studies[demo]'")
    from ser.corpora.synthetic.demo import make_demo

    return made_once(tmp_path_factory, "demo", make_demo)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without runs; making one takes seconds, copying it does not."""
    from tracking.backend.client import connect

    return made_once(tmp_path_factory, "mlflow.db", connect)


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """An empty database on the PostgreSQL server that SER_TEST_POSTGRES names; it is dropped in the end."""
    server = os.environ.get("SER_TEST_POSTGRES")
    if not server:
        pytest.skip("needs PostgreSQL: set SER_TEST_POSTGRES to the URL of a server where databases may be made")
    with empty_database(server) as url:
        yield url


@pytest.fixture
def own_postgresql() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server of the test's own, to be stopped and killed."""
    if not os.environ.get("SER_TEST_POSTGRES") or binaries() is None:
        pytest.skip("needs PostgreSQL's server programs (initdb, pg_ctl), and SER_TEST_POSTGRES set to wish for them")
    # Not in pytest's folders, which only their owner may enter.
    folder = Path(tempfile.mkdtemp(prefix="ser-postgresql-"))
    server = PostgresqlServer(folder)
    server.make()
    server.start()
    yield server
    if (folder / "data" / "postmaster.pid").exists():
        server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def store(tmp_path: Path, empty_store: Path) -> "MlflowFixture":
    from tests.support.toy_studies import MlflowFixture

    return MlflowFixture(tmp_path, empty_store)


@pytest.fixture(scope="session")
def empty_search(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Optuna database without studies; copying it is faster than making one."""
    import optuna

    return made_once(
        tmp_path_factory, "optuna.db", lambda database: optuna.storages.RDBStorage(f"sqlite:///{database}")
    )


@pytest.fixture(scope="session")
def make_home(empty_store: Path, empty_search: Path) -> Callable[[Path], Path]:
    """Makes a home whose databases are empty; a command would take seconds to make them."""

    def make(home: Path) -> Path:
        home.mkdir(parents=True)
        shutil.copyfile(empty_store, home / "mlflow.db")
        shutil.copyfile(empty_search, home / "optuna.db")
        return home

    return make


@pytest.fixture
def place(tmp_path: Path, empty_store: Path, empty_search: Path) -> "StudyFixture":
    from tests.support.toy_coordinator import StudyFixture

    return StudyFixture(tmp_path / "place", empty_store, empty_search)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> "Iterator[MlflowServer]":
    """A tracking server for the tests of a module, each of which takes an experiment of its own."""
    with MlflowServer.over_copy(tmp_path_factory.mktemp("server") / "mlflow", empty_store) as server:
        yield server


@pytest.fixture
def quick_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a sender ask again soon whether what was away is back."""
    from tracking.writing import background_writer

    monkeypatch.setattr(background_writer, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(background_writer, "LONGEST_PAUSE_S", 0.2)
