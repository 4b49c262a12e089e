import errno
import fcntl
import hashlib
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ser import files
from ser.errors import StorageError
from ser.files import atomic_write, block_digests, durable_folder, file_lock, link_or_copy, parse_json_object
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


def draft_end(process: int, host: str = files._HOST) -> str:
    return f".partial-{process}-1-{host}"


DEAD = 4999999
"""A process that no machine has: numbers of processes end at 2**22."""


def test_drafts_of_dead_processes_are_removed_alone(tmp_path: Path) -> None:
    living = f"page{draft_end(os.getppid())}"
    for name in (f"page{draft_end(DEAD)}", living):
        (tmp_path / name).write_text("half")
    atomic_write(tmp_path / "page.html", "new", durable=True)
    assert {path.name for path in tmp_path.iterdir()} == {"page.html", living}


def test_drafts_of_living_processes_and_other_hosts_stay(tmp_path: Path) -> None:
    drafts = [
        f".made{draft_end(os.getppid())}",
        f".made{draft_end(DEAD, host='0' * 8)}",
        f".made.partial-{DEAD}",
        f".other{draft_end(DEAD)}",
    ]
    for name in (*drafts, f".made{draft_end(DEAD)}"):
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


def test_a_draft_that_cannot_be_removed_is_in_nobodys_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may remove everything, so that a mode alone would refuse nothing.
    remove = os.unlink

    def refuse(path: str | Path, **arguments: Any) -> None:
        if Path(path).name in ("busy", f"page{draft_end(DEAD)}"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        remove(path, **arguments)

    monkeypatch.setattr(os, "unlink", refuse)
    stale_folder, stale_file = tmp_path / f".made{draft_end(DEAD)}", tmp_path / f"page{draft_end(DEAD)}"
    stale_folder.mkdir()
    (stale_folder / "busy").touch()
    stale_file.touch()
    with durable_folder(tmp_path / "made") as draft:
        (draft / "file").write_text("whole")
    atomic_write(tmp_path / "page.html", "new", durable=True)
    assert (tmp_path / "made" / "file").read_text() == "whole"
    assert (tmp_path / "page.html").read_text() == "new"
    assert stale_folder.exists()
    assert stale_file.exists()


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


def test_a_linked_file_takes_no_room_and_replaces_another(tmp_path: Path) -> None:
    source, target = tmp_path / "result", tmp_path / "artifact"
    source.write_bytes(b"a result")
    target.write_bytes(b"a damaged one")
    for _ in range(2):
        link_or_copy(source, target)
        assert target.samefile(source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["artifact", "result"]


def test_a_file_is_copied_where_links_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*paths: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "result").write_bytes(b"a result")
    link_or_copy(tmp_path / "result", tmp_path / "artifact")
    assert (tmp_path / "artifact").read_bytes() == b"a result"
    assert not (tmp_path / "artifact").samefile(tmp_path / "result")


def test_threads_that_link_one_file_at_once_need_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "result").write_bytes(b"a result")
    barrier = threading.Barrier(2)
    link = os.link

    def link_together(source: Path, draft: Path) -> None:
        try:
            link(source, draft)
        finally:
            barrier.wait(10)

    def refuse(*_: object) -> None:
        raise AssertionError("copied")

    monkeypatch.setattr(os, "link", link_together)
    monkeypatch.setattr(files, "atomic_write", refuse)
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(link_or_copy, tmp_path / "result", tmp_path / "artifact") for _ in range(2)]:
            future.result()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["artifact", "result"]
