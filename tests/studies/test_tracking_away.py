"""A real tracking server that dies in the middle of a study: nothing is lost, nothing doubled, nobody waits."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ser.errors import AwayError
from ser.results import FoldResult
from studies.executors.base import Event
from tests.studies.toy_coordinator import InProcess, Place, Watcher, plan_of
from tests.studies.tracking_server import ServedPlace, TrackingServer
from tests.tracking.studies_of_toys import SCHEME
from tracking import sender as sending
from tracking.sender import Sender

PLAN = plan_of("none", "quantum")
FOLDS = 2 * len(SCHEME)


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tracking.recorder.confusion_png", lambda *arguments: b"a picture")
        patch.setattr(sending, "FIRST_PAUSE_S", 0.05)
        patch.setattr(sending, "LONGEST_PAUSE_S", 0.2)
        yield


@pytest.fixture
def server(tmp_path: Path, empty_store: Path) -> Iterator[TrackingServer]:
    server = TrackingServer(tmp_path / "server", empty_store)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def served(tmp_path: Path, empty_store: Path, empty_search: Path, server: TrackingServer) -> ServedPlace:
    return ServedPlace(tmp_path / "served", empty_store, empty_search, server.url)


class Interrupted(InProcess):
    """Does something when a number of folds were handed out and before they are trained.

    Args:
        after: Number of folds.
        act: What is done.
    """

    def __init__(self, after: int, act: Callable[[], None]) -> None:
        super().__init__(slots=1)
        self._after = after
        self._act = act

    def wait(self, timeout_s: float) -> list[Event]:
        if len(self.handed_out) == self._after:
            self._act()
        return super().wait(timeout_s)


def results_of(place: Place) -> dict[str, list[FoldResult]]:
    """All results to the last digit; the folds themselves are trained once a test session."""
    return {trial.trial_id: list(trial.folds) for trial in place.results()}


def curves_of(place: Place) -> list[tuple[str, list[tuple[int, float, int]]]]:
    """The curve of every fold, every row of it."""
    folds = place.store.runs(ser__kind="fold")
    return sorted((run.data.tags["ser.fold_identity"], place.store.history(run, "training_loss")) for run in folds)


def assert_whole(place: Place, undisturbed: Place) -> None:
    runs = place.store.runs()
    assert Counter(run.data.tags["ser.kind"] for run in runs) == {"study": 1, "trial": 2, "fold": FOLDS}
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert results_of(place) == results_of(undisturbed)
    assert curves_of(place) == curves_of(undisturbed)
    assert place.values(PLAN) == undisturbed.values(PLAN)
    assert place.outbox.waiting() == {}


@pytest.mark.slow
def test_a_server_that_is_killed_and_comes_back_gets_everything_once(
    server: TrackingServer, served: ServedPlace, place: Place
) -> None:
    trained_while_away = list[str]()

    def kill() -> None:
        server.kill()
        # Back only when everything is trained: training does not wait for it.
        threading.Thread(target=come_back).start()

    def come_back() -> None:
        while len(served.outbox.waiting()) < FOLDS - 1:
            threading.Event().wait(0.05)
        trained_while_away.extend(served.outbox.waiting())
        server.start()

    watcher, executor = Watcher(), Interrupted(2, kill)
    with Sender(notice=watcher.noticed, patience_s=120) as sender:
        assert served.start(PLAN, executor, observer=watcher, sender=sender) == []
    assert len(trained_while_away) >= FOLDS - 1
    away, back = watcher.repairs
    assert away.startswith(f"results wait on disk, training goes on: cannot be reached now ({server.url}: ")
    assert back.startswith("back after ")
    assert len(executor.handed_out) == FOLDS
    place.start(PLAN)
    assert_whole(served, place)


@pytest.mark.slow
def test_what_a_server_that_stays_away_lacks_is_sent_by_the_next_start(
    server: TrackingServer, served: ServedPlace, place: Place
) -> None:
    executor = Interrupted(2, server.kill)
    with (
        Sender(patience_s=0.5) as sender,
        pytest.raises(AwayError, match=r"cannot be reached now .* writes wait") as told,
    ):
        served.start(PLAN, executor, sender=sender)
    assert told.value.exit_code == 75
    assert len(executor.handed_out) == FOLDS
    assert len(served.outbox.waiting()) >= FOLDS - 1
    with pytest.raises(Exception, match="failed with exception"):
        served.start(PLAN, InProcess())
    server.start()
    (study,) = served.store.runs(ser__kind="study")
    assert study.info.status == "RUNNING"
    again = InProcess()
    with Sender() as sender:
        assert served.start(PLAN, again, sender=sender) == []
    assert again.handed_out == []
    place.start(PLAN)
    assert_whole(served, place)
