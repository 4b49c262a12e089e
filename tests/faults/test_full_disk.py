"""A file system of a few megabytes that runs full under each part of a study: one line, and nothing lost."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import move

import pytest

from ser.errors import SerError, StorageError
from studies.execution.base import Event
from studies.monitoring.events import StudyProgress
from studies.monitoring.live_status import StatusWriter
from tests.support.toy_coordinator import InProcess, StudyFixture, plan_of
from tests.support.toy_studies import SCHEME
from tracking.backend.errors import translating_errors
from tracking.writing.background_writer import BackgroundWriter

PLAN = plan_of("none", "quantum")
FOLDS = 2 * len(SCHEME)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A mounted file system of 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs the program mount")
    if answer.returncode != 0:
        pytest.skip(f"needs the right to mount a file system: {answer.stderr.strip()}")
    yield folder
    # Databases of this process still lie there.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leaves no byte free."""
    path = folder / "filling"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 9, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return path


class Filling(InProcess):
    """Fills a disk when one fold is trained and written.

    Args:
        folder: A folder on the disk.
        sender: The study's sender.
    """

    def __init__(self, folder: Path, sender: BackgroundWriter) -> None:
        super().__init__(slots=1)
        self._folder = folder
        self._sender = sender

    def wait(self, timeout_s: float) -> list[Event]:
        if len(self.handed_out) == 2:
            self._sender.flush()
            fill(self._folder)
        return super().wait(timeout_s)


def on_small_disk(place: StudyFixture, part: str, small_disk: Path) -> None:
    """Moves a part of a place to the small disk, with a link in its place."""
    path = place.folder / part
    if path.exists():
        move(path, small_disk / part)
    else:
        (small_disk / part).mkdir()
    path.symlink_to(small_disk / part)


@pytest.mark.parametrize("part", ["results", "artifacts", "optuna.db", "mlflow.db"])
def test_a_study_stopped_by_a_full_disk_resumes(place: StudyFixture, small_disk: Path, part: str) -> None:
    on_small_disk(place, part, small_disk)
    place.open(place.folder)
    with BackgroundWriter() as sender:
        executor = Filling(small_disk, sender)
        with pytest.raises(SerError) as caught, translating_errors():
            place.start(PLAN, executor, sender=sender)
    text = str(caught.value)
    assert "\n" not in text
    assert any(words in text for words in ("No space left on device", "database or disk is full", "disk I/O error"))
    assert caught.value.exit_code == 1
    (small_disk / "filling").unlink()
    again = InProcess()
    assert place.start(PLAN, again) == []
    assert len(executor.handed_out) + len(again.handed_out) <= FOLDS + 1
    assert {run.info.status for run in place.store.runs()} == {"FINISHED"}
    assert len(place.store.runs(ser__kind="fold")) == FOLDS
    assert place.unrecorded() == frozenset()
    assert None not in place.values(PLAN)


def test_a_status_on_a_full_disk_is_one_line_of_error(small_disk: Path) -> None:
    status = StatusWriter(small_disk / "status" / "a.json", small_disk / "failures" / "a.txt", "a study")
    status.on_progress(StudyProgress(2, 0, 4, 1, 0))
    before = (small_disk / "status" / "a.json").read_bytes()
    fill(small_disk)
    with pytest.raises(StorageError, match="disk full"), translating_errors():
        status.on_progress(StudyProgress(2, 2, 4, 4, 0))
    assert [path.name for path in (small_disk / "status").iterdir()] == ["a.json"]
    assert (small_disk / "status" / "a.json").read_bytes() == before
