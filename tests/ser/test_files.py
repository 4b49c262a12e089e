import errno
import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ser.errors import StorageError
from ser.files import atomic_write, block_digests, durable_folder, file_lock, parse_json_object
from tests.support.damaged_json import DAMAGED_JSON


def test_a_lock_waits_for_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    code = (
        "import sys, time; from pathlib import Path; from ser.files import file_lock\n"
        "with file_lock(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(lock)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        probe = "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'a'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        refused = subprocess.run([sys.executable, "-c", probe, str(lock)], capture_output=True, check=False)
        assert b"BlockingIOError" in refused.stderr
        holder.kill()
        with file_lock(lock):
            pass


def test_a_lock_that_is_held_is_refused_where_nobody_waits(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    with file_lock(lock), pytest.raises(BlockingIOError), file_lock(lock, blocking=False):
        pytest.fail("held twice")
    with file_lock(lock, shared=True), file_lock(lock, blocking=False, shared=True) as file:
        assert not file.writable()


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_whole(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "page.html"
    atomic_write(path, "old", durable)
    with path.open(encoding="utf-8") as reader:
        atomic_write(path, "neü\r\n".encode(), durable)
        assert reader.read() == "old"
    assert path.read_bytes() == "neü\r\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(StorageError, match=r"a\.lock: its file system has no file locks .*; use a home on one that has"),
        file_lock(tmp_path / "a.lock"),
    ):
        raise AssertionError("nothing was locked")


def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.html"
    atomic_write(path, "old")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        atomic_write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_drafts_of_dead_processes_are_removed_alone(tmp_path: Path) -> None:
    for process in (4999999, os.getppid()):
        (tmp_path / f"page.partial-{process}-1").write_text("half")
    atomic_write(tmp_path / "page.html", "new", durable=True)
    assert {path.name for path in tmp_path.iterdir()} == {"page.html", f"page.partial-{os.getppid()}-1"}


def test_a_draft_of_a_living_process_and_other_names_stay(tmp_path: Path) -> None:
    drafts = [f".made.partial-{os.getppid()}-1", ".made.partial-4999999", ".other.partial-4999999-1"]
    for name in (*drafts, ".made.partial-4999999-1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("half")
    with durable_folder(tmp_path / "made") as draft:
        (draft / "file").write_text("whole")
        assert not (tmp_path / "made").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*drafts, "made"])
    with pytest.raises(OSError, match="not empty"), durable_folder(tmp_path / "made") as draft:
        (draft / "file").write_text("another")
    assert (tmp_path / "made" / "file").read_text() == "whole"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*drafts, "made"])


@pytest.mark.parametrize("content", DAMAGED_JSON.values(), ids=DAMAGED_JSON)
def test_damaged_json_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it is|^its JSON|^it holds a number") as caught:
        parse_json_object(content)
    assert "\n" not in str(caught.value)
    assert type(caught.value) is ValueError


def test_a_json_object_is_parsed() -> None:
    assert parse_json_object('{"ä": [1, null]}'.encode()) == {"ä": [1, None]}


def test_a_file_that_must_not_be_replaced_stays(tmp_path: Path) -> None:
    for content in ("first", "second"):
        atomic_write(tmp_path / "a.txt", content, durable=True, replace=False)
    assert (tmp_path / "a.txt").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 1


def test_blocks_of_a_file_have_the_digests_that_stores_and_checkpoints_name(tmp_path: Path) -> None:
    content = bytes(range(256)) * 2**16 + b"end"
    (tmp_path / "frames").write_bytes(content)
    expected = [hashlib.sha256(content[: 2**24]).hexdigest(), hashlib.sha256(b"end").hexdigest()]
    assert block_digests(tmp_path / "frames") == expected
