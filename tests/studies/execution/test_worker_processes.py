"""Start of worker processes: without interrupts, one visible GPU each, and under folders too long for a socket."""

import os
import subprocess
import sys
import tempfile
from multiprocessing import connection
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from ser.errors import StudyError
from studies.execution import worker_processes
from studies.execution.worker_processes import start_process, use_short_socket_folder

START = """
from studies.execution.worker_processes import FORKSERVER, use_short_socket_folder
use_short_socket_folder()
process = FORKSERVER.Process(target=print, args=("it runs",))
process.start()
process.join()
print(process.exitcode)
"""


INTERRUPTED = """
import os, signal
from studies.execution.worker_processes import start_process
assert signal.pthread_sigmask(signal.SIG_BLOCK, set()) == set()
signal.signal(signal.SIGINT, lambda number, frame: print("interrupted", flush=True))
first = start_process("cpu", os.killpg, 0, signal.SIGINT)
second = start_process("cuda:0", os.killpg, 0, signal.SIGINT)
assert signal.pthread_sigmask(signal.SIG_BLOCK, set()) == set()
os.killpg(0, signal.SIGINT)
for process in (first, second):
    process.join()
print(first.exitcode, second.exitcode)
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


def test_an_interrupt_reaches_the_coordinator_alone(tmp_path: Path) -> None:
    script = tmp_path / "coordinator.py"
    script.write_text(f"if __name__ == '__main__':\n    {INTERRUPTED.replace(chr(10), chr(10) + '    ')}")
    command = [sys.executable, str(script)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, start_new_session=True)
    assert answer.stderr == ""
    # Its own, while both start, and each worker's, of which two may arrive as one.
    *interrupts, exit_codes = answer.stdout.splitlines()
    assert set(interrupts) == {"interrupted"}
    assert exit_codes == "0 0"


def test_a_long_tmpdir_without_a_short_folder_is_named(long_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(long_folder))
    monkeypatch.setattr(worker_processes, "_SHORT_FOLDERS", ())
    with pytest.raises(StudyError, match=f"TMPDIR {long_folder} is too long for the sockets of workers: set it to"):
        use_short_socket_folder()
    assert tempfile.gettempdir() == str(long_folder)


def report_modules(pipe: Connection) -> None:
    """Sends the names of all modules that a worker has before its first fold."""
    pipe.send(set(sys.modules))


def test_a_forked_worker_has_imported_all_that_its_folds_need() -> None:
    ours, theirs = connection.Pipe(duplex=False)
    with theirs:
        process = start_process("cpu", report_modules, theirs)
    modules = ours.recv()
    process.join()
    # What making an optimizer imports, by itself two seconds.
    assert {"studies.execution.worker", "torch._dynamo"} <= modules


def report_environment(pipe: Connection) -> None:
    """Sends the environment with which the interpreter was started, before it imported anything."""
    variables = Path("/proc/self/environ").read_bytes().decode().split("\0")
    pipe.send(dict(variable.split("=", 1) for variable in variables if variable))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("gpu", ["GPU-3f2b0c1e-0000-4000-8000-000000000001", "MIG-3f2b0c1e-0000-4000-8000-0001", "1"])
def test_a_worker_sees_one_gpu_from_its_start(gpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    ours, theirs = connection.Pipe(duplex=False)
    with theirs:
        process = start_process(f"cuda:{gpu}", report_environment, theirs)
    environment = ours.recv()
    process.join()
    assert environment["CUDA_VISIBLE_DEVICES"] == gpu
    assert "glibc.malloc.mmap_max=0" in environment["GLIBC_TUNABLES"]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
