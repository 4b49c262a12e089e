import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ser.errors import StudyError
from tracking.outbox.outbox import Outbox


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "outbox").iterdir())


def test_nothing_waits_in_a_folder_that_does_not_exist(outbox: Outbox) -> None:
    assert outbox.pending() == frozenset()
    assert outbox.read("abc") is None


def test_what_is_put_waits_until_it_is_removed(outbox: Outbox, tmp_path: Path) -> None:
    path = outbox.put("abc", b"one")
    assert outbox.pending() == {"abc"}
    assert path.read_bytes() == outbox.read("abc") == b"one"
    assert names(tmp_path) == ["abc.safetensors"]
    outbox.remove("abc")
    outbox.remove("abc")
    assert outbox.pending() == frozenset()


def test_putting_again_replaces(outbox: Outbox) -> None:
    outbox.put("abc", b"one")
    outbox.put("abc", b"another")
    assert outbox.read("abc") == b"another"


def test_another_study_may_remove_a_result_while_listing(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for identity in ("a", "b"):
        outbox.put(identity, b"one")
    listed = Path.glob

    def raced(folder: Path, pattern: str) -> Iterator[Path]:
        for path in list(listed(folder, pattern)):
            path.unlink()
            yield path

    monkeypatch.setattr(Path, "glob", raced)
    assert outbox.pending() == {"a", "b"}


def test_partial_files_do_not_wait(outbox: Outbox, tmp_path: Path) -> None:
    outbox.put("abc", b"one")
    (tmp_path / "outbox" / "def.partial-4999999-1").write_bytes(b"half")
    assert outbox.pending() == {"abc"}


def test_a_partial_file_goes_when_its_fold_is_put_again(outbox: Outbox, tmp_path: Path) -> None:
    (tmp_path / "outbox").mkdir()
    for name in ("abc.partial-4999999-1", "def.partial-4999999-1"):
        (tmp_path / "outbox" / name).write_bytes(b"half")
    outbox.put("abc", b"one")
    assert names(tmp_path) == ["abc.safetensors", "def.partial-4999999-1"]


def test_a_file_bears_its_name_only_when_it_is_on_the_disk(
    outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        seen.append(names(tmp_path))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    outbox.put("abc", b"one")
    assert seen == [[f"abc.partial-{os.getpid()}-{threading.get_native_id()}"], ["abc.safetensors"]]


def test_a_write_that_fails_is_one_line_and_leaves_nothing(
    outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StudyError, match=r"outbox/abc\.safetensors: .*No space left on device") as caught:
        outbox.put("abc", b"one")
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


def test_a_disk_that_is_really_full_leaves_what_was_there(outbox: Outbox, tmp_path: Path) -> None:
    outbox.put("abc", b"small")
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from ser.errors import StudyError; from tracking.outbox.outbox import Outbox\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    Outbox(Path(sys.argv[1])).put('abc', b'x' * 5000)\n"
        "except StudyError as error:\n    print(error)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "outbox")], capture_output=True, text=True, check=True
    )
    assert f"{tmp_path / 'outbox' / 'abc.safetensors'}: cannot save a fold result (File too large)" in answer.stdout
    assert outbox.read("abc") == b"small"
    assert names(tmp_path) == ["abc.safetensors"]


def test_another_process_may_write_the_same_fold(outbox: Outbox, tmp_path: Path) -> None:
    (tmp_path / "outbox").mkdir()
    name = f"abc.partial-{os.getppid()}-1"
    (tmp_path / "outbox" / name).write_bytes(b"half")
    outbox.put("abc", b"one")
    assert names(tmp_path) == [name, "abc.safetensors"]
