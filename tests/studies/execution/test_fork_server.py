"""The fork server under folders of temporary files that are too long for a socket."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ser.errors import StudyError
from studies.execution import fork_server
from studies.execution.fork_server import use_short_socket_folder

START = """
from studies.execution.fork_server import FORKSERVER, use_short_socket_folder
use_short_socket_folder()
process = FORKSERVER.Process(target=print, args=("it runs",))
process.start()
process.join()
print(process.exitcode)
"""


@pytest.fixture
def long_folder(tmp_path: Path) -> Path:
    folder = tmp_path / ("job-" * 30)
    folder.mkdir()
    return folder


def test_workers_start_under_a_long_tmpdir(long_folder: Path) -> None:
    environment = os.environ | {"TMPDIR": str(long_folder)}
    command = [sys.executable, "-c", START]
    answer = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert answer.stdout.split() == ["it", "runs", "0"], answer.stderr


def test_a_long_tmpdir_without_a_short_folder_is_named(long_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(long_folder))
    monkeypatch.setattr(fork_server, "_SHORT_FOLDERS", ())
    with pytest.raises(StudyError, match=f"TMPDIR {long_folder} is too long for the sockets of workers: set it to"):
        use_short_socket_folder()
    assert tempfile.gettempdir() == str(long_folder)
