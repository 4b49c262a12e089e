from pathlib import Path

import pytest
from rich.console import Console

from ser.errors import StudyError
from ser.results import EpochRecord
from studies.cli.study.status import render_live_status
from studies.monitoring.events import CallbackList, FoldFailure, StudyProgress
from studies.monitoring.live_status import LiveStatus, StatusWriter, read_live_status

RECORD = EpochRecord(epoch=3, ended_ms=1, values={"validation_ua": 0.5})


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Watched:
    """A status file that is told of a study of ten folds."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "status" / "a.json"
        self.log = folder / "failures" / "a.txt"
        self.clock = Clock()
        self.file = StatusWriter(self.path, self.log, "a study", self.clock)

    def stand(self, done: int, best: tuple[str, float] | None = None) -> None:
        self.file.on_progress(StudyProgress(2, 0, 10, done, 0, best))

    def end_fold(self, done: int, after_s: float, slot: int = 0) -> None:
        self.clock.now_s += after_s
        self.file.fold_ended(slot, f"fold {done}")
        self.stand(done)

    def read(self) -> LiveStatus:
        status = read_live_status(self.path)
        assert status is not None
        return status


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_without_a_file_there_is_no_status(tmp_path: Path) -> None:
    assert read_live_status(tmp_path / "none.json") is None


def test_a_file_that_is_no_status_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(StudyError, match=r"a\.json: expected a study's status"):
        read_live_status(tmp_path / "a.json")


def test_workers_have_what_is_in_hand_done_and_failed(watched: Watched) -> None:
    watched.stand(0)
    watched.end_fold(1, 10, slot=1)
    watched.clock.now_s += 10
    watched.file.fold_failed(FoldFailure(0, "none · f1", "OutOfPatience: no more", "Traceback:\n  here", 2))
    watched.clock.now_s += 10
    watched.file.epoch_ended(0, "none · f2", 9, RECORD)
    workers = watched.read().workers
    assert (workers[0].done, workers[0].failed, workers[0].fold) == (0, 1, "none · f2")
    assert (workers[0].epoch, workers[0].epochs) == (3, 9)
    assert (workers[1].done, workers[1].failed, workers[1].fold) == (1, 0, None)
    (failure,) = watched.read().failures
    assert (failure.fold, failure.reason, failure.attempts_left) == ("none · f1", "OutOfPatience: no more", 2)
    assert "Traceback:\n  here" in watched.log.read_text()


def test_speed_and_time_left_are_of_the_last_folds(watched: Watched) -> None:
    watched.stand(0)
    assert watched.read().folds_per_min is None
    for done in (1, 2):
        watched.end_fold(done, 30)
    assert watched.read().folds_per_min == pytest.approx(2)
    assert watched.read().left_s == pytest.approx(8 * 30)
    for _ in range(60):
        watched.end_fold(5, 6)
    assert watched.read().folds_per_min == pytest.approx(10)


def test_the_file_is_written_a_few_times_a_second_at_most(watched: Watched) -> None:
    watched.stand(0)
    watched.end_fold(1, 1)
    for epoch in range(100):
        watched.file.epoch_ended(0, f"fold {epoch}", 9, RECORD)
    assert watched.read().workers[0].fold is None
    watched.clock.now_s += 1
    watched.file.epoch_ended(0, "the last", 9, RECORD)
    assert watched.read().workers[0].fold == "the last"


def test_the_last_standing_is_written_however_soon_it_comes(watched: Watched) -> None:
    watched.stand(0)
    watched.stand(10)
    assert watched.read().folds_done == 10


def test_the_view_says_by_what_the_best_is_the_best(watched: Watched) -> None:
    watched.stand(0, best=("quantum · words", 0.625))
    watched.file.fold_failed(FoldFailure(0, "none · [b]f1[/b]", "reason", "trace", 0))
    console = Console(record=True, width=150)
    console.print(render_live_status(watched.read()))
    text = console.export_text()
    assert "best by validation UA: quantum · words, 62.5% (test scores are not used)" in text
    assert "none · [b]f1[/b]" in text


def test_every_observer_is_told(tmp_path: Path) -> None:
    both = [Watched(tmp_path / "one"), Watched(tmp_path / "two")]
    observers = CallbackList(*(each.file for each in both))
    observers.on_progress(StudyProgress(1, 0, 10, 0, 0))
    observers.fold_ended(1, "a fold")
    observers.epoch_ended(1, "another", 9, RECORD)
    observers.fold_failed(FoldFailure(0, "a third", "reason", "trace", 1))
    observers.on_message("a node has come")
    for each in both:
        status = each.read()
        assert (status.workers[1].done, status.workers[1].fold) == (1, "another")
        assert status.workers[0].failed == 1
