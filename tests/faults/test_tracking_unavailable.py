"""A real tracking server that dies in the middle of a study: nothing is lost, nothing duplicated, nobody waits."""

import threading
from pathlib import Path

import pytest

from ser.errors import UnavailableError
from tests.support.interruptions import InterruptingExecutor, assert_whole
from tests.support.mlflow_server import MlflowServer
from tests.support.served_study import ServedStudy
from tests.support.toy_coordinator import InProcess, RecordingCallback, StudyFixture, plan_of
from tests.support.toy_studies import SCHEME
from tracking.writing.background_writer import BackgroundWriter

PLAN = plan_of("none", "quantum")
FOLDS = 2 * len(SCHEME)

pytestmark = pytest.mark.usefixtures("quick_pauses")


@pytest.fixture
def served(tmp_path: Path, empty_store: Path, empty_search: Path, server: MlflowServer) -> ServedStudy:
    server.start()  # Unless it runs: a test that fails may leave it dead.
    return ServedStudy(tmp_path / "served", empty_store, empty_search, server.url, tmp_path.name)


@pytest.mark.slow
def test_a_killed_server_that_comes_back_has_everything_once(
    server: MlflowServer, served: ServedStudy, place: StudyFixture
) -> None:
    trained_in_outage = list[str]()

    def kill() -> None:
        server.kill()
        # Back only when everything is trained: training does not wait for it.
        threading.Thread(target=come_back, daemon=True).start()

    def come_back() -> None:
        while len(served.results_on_disk.identities()) < FOLDS:
            threading.Event().wait(0.05)
        trained_in_outage.extend(served.results_on_disk.identities())
        server.start()

    watcher, executor = RecordingCallback(), InterruptingExecutor(2, kill)
    with BackgroundWriter(notify=watcher.on_message, patience_s=120, threads=3) as writer:
        assert served.start(PLAN, executor, observer=watcher, sender=writer) == []
    assert len(trained_in_outage) == FOLDS
    outage, recovery = watcher.repairs
    assert outage.startswith(f"tracking unavailable ({server.url}: ")
    assert recovery.startswith("tracking is back after ")
    assert len(executor.handed_out) == FOLDS
    place.start(PLAN)
    assert_whole(served, place, PLAN)


@pytest.mark.slow
def test_the_next_start_writes_what_a_dead_server_lacks(
    server: MlflowServer, served: ServedStudy, place: StudyFixture
) -> None:
    executor = InterruptingExecutor(2, server.kill)
    with (
        BackgroundWriter(patience_s=0.5) as writer,
        pytest.raises(
            UnavailableError, match=r"tracking unavailable .* results are on disk, [0-9]+ writes are pending"
        ) as caught,
    ):
        served.start(PLAN, executor, sender=writer)
    assert caught.value.exit_code == 75
    assert len(executor.handed_out) == FOLDS
    assert len(served.results_on_disk.identities()) == FOLDS
    with pytest.raises(Exception, match="failed with exception"):
        served.start(PLAN, InProcess())
    server.start()
    (study,) = served.store.runs(ser__kind="study")
    assert study.info.status == "RUNNING"
    again = InProcess()
    with BackgroundWriter() as writer:
        assert served.start(PLAN, again, sender=writer) == []
    assert again.handed_out == []
    place.start(PLAN)
    assert_whole(served, place, PLAN)
