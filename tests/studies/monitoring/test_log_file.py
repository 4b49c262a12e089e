import logging
from datetime import datetime
from pathlib import Path

import pytest

from studies.monitoring.events import FoldFailure, StudyProgress
from studies.monitoring.log_file import LogCallback, log_to_file

LOG = logging.getLogger("ser")


def logged(path: Path) -> list[tuple[str, str]]:
    """Level and message of each line, all of which begin with a time and a zone."""
    lines = [line.split(" ", 2) for line in path.read_text().splitlines()]
    assert all(datetime.fromisoformat(time).tzinfo is not None for time, _, _ in lines)
    return [(level, message) for _, level, message in lines]


def test_all_that_happens_in_a_study_is_in_its_log(tmp_path: Path) -> None:
    path, callback = tmp_path / "logs" / "a.log", LogCallback()
    with log_to_file(path):
        callback.on_progress(StudyProgress(2, 0, 10, 3, 0))
        callback.on_fold_end(0, "none · words · 03")
        callback.on_message("node second has left the cluster")
        LOG.debug("not this")
    LOG.warning("nor this, when the study has ended")
    assert logged(path) == [
        ("INFO", "study started"),
        ("INFO", "3 of 10 folds done, 0 of 2 trials"),
        ("INFO", "fold none · words · 03 done by worker 0"),
        ("WARNING", "node second has left the cluster"),
        ("INFO", "study ended"),
    ]


def test_a_failed_fold_is_logged_with_its_traceback(tmp_path: Path) -> None:
    with log_to_file(tmp_path / "a.log"):
        LogCallback().on_fold_failed(FoldFailure(1, "03", "out of memory", "Traceback\n  line 1", attempts_left=2))
    text = (tmp_path / "a.log").read_text()
    assert "WARNING fold 03 failed in worker 1 (out of memory); attempts left: 2\nTraceback\n  line 1\n" in text


def test_a_second_start_appends_and_an_error_is_logged(tmp_path: Path) -> None:
    with log_to_file(tmp_path / "a.log"):
        pass
    with pytest.raises(ValueError, match="bad"), log_to_file(tmp_path / "a.log"):
        raise ValueError("bad")
    assert [message for _, message in logged(tmp_path / "a.log")] == [
        "study started",
        "study ended",
        "study started",
        "study stopped: ValueError: bad",
    ]


def test_no_password_is_in_a_log(tmp_path: Path) -> None:
    uri = "postgresql://me:secret@host/studies"
    with log_to_file(tmp_path / "a.log"):
        LOG.warning("%s is unavailable", uri)
        LogCallback().on_message(f"{uri} is back")
        LogCallback().on_fold_failed(FoldFailure(0, "03", uri, f"Traceback of {uri}", attempts_left=1))
        try:
            raise OSError(uri)
        except OSError:
            LOG.exception("cannot connect")
    text = (tmp_path / "a.log").read_text()
    assert "secret" not in text
    assert text.count("postgresql://me:***@host/studies") == 5


def test_a_full_disk_under_the_log_stops_no_study(capsys: pytest.CaptureFixture[str]) -> None:
    with log_to_file(Path("/dev/full")):
        LOG.warning("lost")
    assert capsys.readouterr().err == ""


def test_without_a_log_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    LOG.warning("a retry")
    assert capfd.readouterr().err == ""
