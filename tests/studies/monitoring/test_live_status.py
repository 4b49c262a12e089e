from pathlib import Path

import pytest
from rich.console import Console

from ser.errors import StudyError
from ser.results import EpochRecord
from studies.cli.study.status import render_live_status
from studies.monitoring.events import CallbackList, FoldFailure, StudyProgress
from studies.monitoring.live_status import LiveStatus, StatusWriter, read_live_status
from tests.support.damaged_json import DAMAGED_JSON

RECORD = EpochRecord(epoch=3, ended_ms=1, values={"validation_ua": 0.5})


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class WatchedStudy:
    """Status file of a study of ten folds."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "status" / "a.json"
        self.log = folder / "failures" / "a.txt"
        self.clock = Clock()
        self.writer = StatusWriter(self.path, self.log, "a study", self.clock)

    def progress(self, done: int, best: tuple[str, float] | None = None) -> None:
        self.writer.on_progress(StudyProgress(2, 0, 10, done, 0, best))

    def end_fold(self, done: int, after_s: float, slot: int = 0) -> None:
        self.clock.now_s += after_s
        self.writer.on_fold_end(slot, f"fold {done}")
        self.progress(done)

    def read(self) -> LiveStatus:
        status = read_live_status(self.path)
        assert status is not None
        return status


@pytest.fixture
def study(tmp_path: Path) -> WatchedStudy:
    return WatchedStudy(tmp_path)


def test_without_a_file_there_is_no_status(tmp_path: Path) -> None:
    assert read_live_status(tmp_path / "none.json") is None


@pytest.mark.parametrize("content", DAMAGED_JSON.values(), ids=DAMAGED_JSON)
def test_a_file_that_is_no_status_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(StudyError, match=r"a\.json: not a live status"):
        read_live_status(tmp_path / "a.json")


def test_workers_have_running_done_and_failed_folds(study: WatchedStudy) -> None:
    study.progress(0)
    study.end_fold(1, 10, slot=1)
    study.clock.now_s += 10
    study.writer.on_fold_failed(FoldFailure(0, "none · f1", "OutOfPatience: no more", "Traceback:\n  here", 2))
    study.clock.now_s += 10
    study.writer.on_epoch_end(0, "none · f2", 9, RECORD)
    workers = study.read().workers
    assert (workers[0].done, workers[0].failed, workers[0].fold) == (0, 1, "none · f2")
    assert (workers[0].epoch, workers[0].epochs) == (3, 9)
    assert (workers[1].done, workers[1].failed, workers[1].fold) == (1, 0, None)
    (failure,) = study.read().failures
    assert (failure.fold, failure.reason, failure.attempts_left) == ("none · f1", "OutOfPatience: no more", 2)
    assert "Traceback:\n  here" in study.log.read_text()


def test_speed_and_time_left_are_of_the_last_folds(study: WatchedStudy) -> None:
    study.progress(0)
    assert study.read().folds_per_min is None
    for done in (1, 2):
        study.end_fold(done, 30)
    assert study.read().folds_per_min == pytest.approx(2)
    assert study.read().left_s == pytest.approx(8 * 30)
    for _ in range(60):
        study.end_fold(5, 6)
    assert study.read().folds_per_min == pytest.approx(10)


def test_the_file_is_written_a_few_times_a_second_at_most(study: WatchedStudy) -> None:
    study.progress(0)
    study.end_fold(1, 1)
    for epoch in range(100):
        study.writer.on_epoch_end(0, f"fold {epoch}", 9, RECORD)
    assert study.read().workers[0].fold is None
    study.clock.now_s += 1
    study.writer.on_epoch_end(0, "the last", 9, RECORD)
    assert study.read().workers[0].fold == "the last"


def test_the_last_progress_is_written_however_soon(study: WatchedStudy) -> None:
    study.progress(0)
    study.progress(10)
    assert study.read().folds_done == 10


def test_the_view_names_the_score_of_the_best_trial(study: WatchedStudy) -> None:
    study.progress(0, best=("quantum · words", 0.625))
    study.writer.on_fold_failed(FoldFailure(0, "none · [b]f1[/b]", "reason", "trace", 0))
    console = Console(record=True, width=150)
    console.print(render_live_status(study.read()))
    text = console.export_text()
    assert "best by validation UA: quantum · words, 62.5% (test scores are not used)" in text
    assert "none · [b]f1[/b]" in text


def test_every_callback_is_called(tmp_path: Path) -> None:
    both = [WatchedStudy(tmp_path / "one"), WatchedStudy(tmp_path / "two")]
    callbacks = CallbackList(*(study.writer for study in both))
    callbacks.on_progress(StudyProgress(1, 0, 10, 0, 0))
    callbacks.on_fold_end(1, "a fold")
    callbacks.on_epoch_end(1, "another", 9, RECORD)
    callbacks.on_fold_failed(FoldFailure(0, "a third", "reason", "trace", 1))
    callbacks.on_message("a node has come")
    for study in both:
        status = study.read()
        assert (status.workers[1].done, status.workers[1].fold) == (1, "another")
        assert status.workers[0].failed == 1
