"""Processes of a study among the descendants of this one."""

from collections.abc import Callable
from contextlib import suppress

import psutil

_SERVER = "multiprocessing.forkserver"


def processes(*titles: str) -> list[psutil.Process]:
    """Descendants of this process that bear one of some titles.

    Each process is looked at once: a worker that changes its title in the meantime bears one of them all the same.
    """
    return _descendants(lambda process: any(title in _title(process) for title in titles))


def local_workers() -> list[psutil.Process]:
    """Worker processes of this machine; each bears the title of the server that it was forked from."""
    return _descendants(lambda process: _SERVER in _title(process) and _is_forked(process))


def fork_servers() -> list[psutil.Process]:
    """Servers that workers are forked from."""
    return _descendants(lambda process: _SERVER in _title(process) and not _is_forked(process))


def has_ended(process: psutil.Process) -> bool:
    """Whether a process computes no more; without a parent it may stay a zombie."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _descendants(matches: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    processes = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if matches(child):
                processes.append(child)
    return processes


def _title(process: psutil.Process) -> str:
    return " ".join(process.cmdline())


def _is_forked(process: psutil.Process) -> bool:
    parent = process.parent()
    return parent is not None and parent.cmdline() == process.cmdline()
