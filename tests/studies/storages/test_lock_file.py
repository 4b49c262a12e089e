"""Lease of a study as a locked file."""

import fcntl
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ser.errors import StudyError
from studies.storages.lock_file import coordinator_lock, lock_owner
from tests.support.damaged_json import DAMAGED_JSON

HOLD = (
    "import sys, time; from pathlib import Path; from studies.storages.lock_file import coordinator_lock\n"
    "with coordinator_lock(Path(sys.argv[1]), 'a study'):\n    print('held', flush=True); time.sleep(60)"
)


@pytest.fixture
def owner(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that holds the study."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "locks" / "a.lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_study_that_nobody_runs_has_no_owner(tmp_path: Path) -> None:
    lock = tmp_path / "locks" / "a.lock"
    assert lock_owner(lock) is None
    with coordinator_lock(lock, "a study"):
        pass
    assert lock_owner(lock) is None


def test_a_second_coordinator_is_told_the_owner(tmp_path: Path, owner: "subprocess.Popen[bytes]") -> None:
    lock = tmp_path / "locks" / "a.lock"
    with pytest.raises(StudyError) as caught, coordinator_lock(lock, "a study"):
        raise AssertionError("two coordinators run the same study")
    text = str(caught.value)
    prefix = f"study a study is already running (process {owner.pid} on {platform.node()} since "
    assert text.startswith(prefix)
    assert "\n" not in text
    since = datetime.fromisoformat(text.removeprefix(prefix).partition(")")[0])
    assert datetime.now(UTC) - timedelta(minutes=5) < since <= datetime.now(UTC)
    assert lock_owner(lock) == f"process {owner.pid} on {platform.node()} since {since.isoformat()}"


def test_a_study_is_free_at_once_when_its_owner_is_killed(tmp_path: Path, owner: "subprocess.Popen[bytes]") -> None:
    lock = tmp_path / "locks" / "a.lock"
    owner.kill()
    owner.wait()
    assert lock_owner(lock) is None
    with coordinator_lock(lock, "a study"):
        assert f'"process": {os.getpid()}' in lock.read_text()


def test_asking_who_holds_a_study_neither_waits_nor_takes_it(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    with coordinator_lock(lock, "a study"):
        text = lock_owner(lock)
        assert text is not None
        assert text.startswith(f"process {os.getpid()} on ")
        assert lock_owner(lock) == text


@pytest.mark.parametrize("content", DAMAGED_JSON.values(), ids=DAMAGED_JSON)
def test_a_lock_file_with_other_content_is_still_held(tmp_path: Path, content: bytes) -> None:
    lock = tmp_path / "a.lock"
    with coordinator_lock(lock, "a study"):
        lock.write_bytes(content)
        assert lock_owner(lock) == f"the process that holds {lock}"
        with pytest.raises(StudyError, match="study a study is already running"), coordinator_lock(lock, "a study"):
            raise AssertionError("two coordinators run the same study")


def test_two_studies_run_side_by_side(tmp_path: Path) -> None:
    with coordinator_lock(tmp_path / "a.lock", "a"), coordinator_lock(tmp_path / "b.lock", "b"):
        assert lock_owner(tmp_path / "a.lock") == lock_owner(tmp_path / "b.lock")


def test_who_only_asks_for_the_holder_is_not_taken_for_one(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    asking = lock.open("a")
    fcntl.flock(asking, fcntl.LOCK_SH)
    threading.Timer(0.05, asking.close).start()
    with coordinator_lock(lock, "a study"):
        assert lock_owner(lock) is not None
