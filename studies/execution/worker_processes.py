"""Worker processes: forked in milliseconds for CPUs, new interpreters with one visible GPU for GPUs.

Importing torch is nearly all of a worker's start. A fork server does it once, for all workers on CPUs and for those
that replace dead ones, and they share the memory that it takes. The server has no threads, no GPU context and
no data of a study, which a copy of the coordinator would have. It is started with the first worker, and ends
after the coordinator and all workers.

A worker on a GPU sees that GPU alone, by `CUDA_VISIBLE_DEVICES`, which is set before it imports anything: CUDA reads
the variable once, and finds MIG instances by it alone.

An interrupt from the keyboard reaches all processes of a terminal; ending the others is the coordinator's task. So
neither the fork server nor a worker ever receives one, also not while it imports torch.
"""

import multiprocessing
import os
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection, forkserver, resource_tracker, util
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess, SpawnProcess
from pathlib import Path
from typing import Any

from ser.errors import StudyError
from studies.execution.malloc_tuning import malloc_environment

VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"
"""Variable that names the GPUs that a process sees: by index, UUID or UUID of a MIG instance."""

_LONGEST_FOLDER = 107 - len("/pymp-12345678/listener-12345678")
"""Characters of the folder of temporary files, at most, for Linux's 107 of a socket's path."""

_END_TIMEOUT_S = 10.0

_SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")

FORKSERVER = multiprocessing.get_context("forkserver")
"""Context of processes on CPUs."""

PRELOADED = ("studies.execution.worker", "torch._dynamo")
"""Modules that the fork server imports for all workers.

Torch imports its compiler, which takes two seconds, when an optimizer is first made; each worker would for itself.
"""

FORKSERVER.set_forkserver_preload(list(PRELOADED))

SPAWN = multiprocessing.get_context("spawn")
"""Context of processes on GPUs."""

WorkerProcess = ForkServerProcess | SpawnProcess


def start_process(device: str, target: Callable[..., object], *arguments: Any) -> WorkerProcess:
    """Start a process that computes on a device of this machine.

    Args:
        device: 'cpu', or 'cuda:' and the GPU's entry in `CUDA_VISIBLE_DEVICES`; the process sees it as 'cuda'.
        target: Function of a module, which the process calls.
        *arguments: Its arguments.
    """
    process: WorkerProcess
    gpu = device.partition(":")[2]
    # The fork server is started with the first worker, and all workers inherit its memory settings.
    with malloc_environment():
        if gpu:
            process = SPAWN.Process(target=target, args=arguments, daemon=True)
            with _visible_gpu(gpu), _blocked_interrupts():
                process.start()
        else:
            use_short_socket_folder()
            # Not while the worker starts, which waits for the server to import torch.
            with _blocked_interrupts():
                forkserver.ensure_running()
            process = FORKSERVER.Process(target=target, args=arguments, daemon=True)
            process.start()
    return process


@dataclass(frozen=True)
class CallFailure:
    """Failure of a call in a process of its own.

    Attributes:
        reason: One line.
        traceback: The traceback, or the reason again where there is none.
    """

    reason: str
    traceback: str


def call_in_processes(function: Callable[[], Any], devices: Sequence[str], timeout_s: float) -> list[Any]:
    """Call a function on each device, all at once, each in a process of its own that ends.

    Args:
        function: Function of a module, or a `functools.partial` of one.
        devices: The devices, see `start_process`.
        timeout_s: Longest wait for an answer, in seconds.

    Returns:
        Its return values in the order of the devices; a `CallFailure` where it raised an error or its process died.
    """
    calls = []
    for device in devices:
        ours, theirs = connection.Pipe(duplex=False)
        with theirs:
            calls.append((ours, start_process(device, _answer, function, theirs)))
    deadline_s = time.monotonic() + timeout_s
    answers = []
    for pipe, process in calls:
        with pipe:
            try:
                answered = pipe.poll(max(0.0, deadline_s - time.monotonic()))
                answer = pipe.recv() if answered else _failure(f"no answer in {timeout_s:g} s")
            except EOFError:
                process.join(_END_TIMEOUT_S)
                answer = _failure(f"the process that tried it died (exit code {process.exitcode})")
        # What follows needs its memory, and a driver that hangs may hold it.
        process.join(_END_TIMEOUT_S if answered else 0)
        process.kill()
        answers.append(answer)
    return answers


def _failure(reason: str) -> CallFailure:
    return CallFailure(reason, reason)


def _answer(function: Callable[[], Any], pipe: Connection) -> None:
    """Send a function's return value, or its error."""
    try:
        pipe.send(function())
    except Exception as error:  # noqa: BLE001 - whatever a device's library raises is the answer
        line = next(iter(str(error).strip().splitlines()), "no reason given")
        pipe.send(CallFailure(f"{type(error).__name__}: {line}", traceback.format_exc()))


@contextmanager
def _blocked_interrupts() -> Iterator[None]:
    """Block interrupts in processes that are started within the block, for good; this process gets its own after it."""
    # Started beforehand, since its start unblocks the signal.
    resource_tracker.ensure_running()
    earlier_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier_mask)


@contextmanager
def _visible_gpu(gpu: str) -> Iterator[None]:
    """Let processes that are started within the block see one GPU."""
    before = os.environ.get(VISIBLE_GPUS)
    os.environ[VISIBLE_GPUS] = gpu
    try:
        yield
    finally:
        if before is None:
            del os.environ[VISIBLE_GPUS]
        else:
            os.environ[VISIBLE_GPUS] = before


def use_short_socket_folder() -> None:
    """Let the fork server's sockets lie in another folder of temporary files where TMPDIR is too long for them.

    Job folders of clusters often are. To be called before the first worker starts; only sockets move.

    Raises:
        StudyError: No folder is short enough and can be written.
    """
    configured = tempfile.gettempdir()
    if len(configured) <= _LONGEST_FOLDER:
        return
    folder = next((folder for folder in _SHORT_FOLDERS if Path(folder).is_dir() and os.access(folder, os.W_OK)), None)
    if folder is None:
        raise StudyError(
            f"TMPDIR {configured} is too long for the sockets of workers: set it to a folder of at most "
            f"{_LONGEST_FOLDER} characters"
        )
    tempfile.tempdir = folder
    try:
        # Chosen once for the process, at the first call.
        util.get_temp_dir()
    finally:
        tempfile.tempdir = configured
