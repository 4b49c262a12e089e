"""One coordinator a study: the second one is refused, with who holds it."""

import contextlib
import json
import logging
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from ser.errors import StudyError
from ser.files import file_lock

_log = logging.getLogger("ser")

_TRIES = 10
_PAUSE_S = 0.02


@contextmanager
def coordinator_lock(lock: Path, study: str) -> Iterator[None]:
    """Holds a study while the block runs; its place is free at once when the process ends, however it ends.

    Args:
        lock: The study's lock file.
        study: Name of the study.

    Raises:
        StudyError: Another coordinator holds it; the text names host, process and since when.
    """
    with contextlib.ExitStack() as stack:
        file = _acquire(stack, lock)
        if file is None:
            raise StudyError(f"study {study} is being run by {_describe_owner(lock)}; wait for it, or end it")
        file.truncate(0)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        file.write(json.dumps({"host": platform.node(), "process": os.getpid(), "since": now}))
        file.flush()
        _log.info("lease of study %s acquired: %s", study, lock)
        yield
        _log.info("lease of study %s released", study)


def lock_owner(lock: Path) -> str | None:
    """Who holds a study now, in words, or None."""
    if not lock.is_file():
        return None
    try:
        with file_lock(lock, blocking=False, shared=True):
            return None
    except BlockingIOError:
        return _describe_owner(lock)


def _acquire(stack: contextlib.ExitStack, lock: Path) -> TextIO | None:
    """Takes the lock, unless a coordinator has it; who only asks for the holder has it for an instant."""
    for _ in range(_TRIES):
        try:
            return stack.enter_context(file_lock(lock, blocking=False))
        except BlockingIOError:
            time.sleep(_PAUSE_S)
    return None


def _describe_owner(lock: Path) -> str:
    try:
        who = json.loads(lock.read_text())
    except json.JSONDecodeError:
        return "a process that has only just begun"
    return f"process {who['process']} on {who['host']} since {who['since']}"
