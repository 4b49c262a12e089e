"""Lease of a study as a locked file, which names the process that has it."""

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
from ser.files import file_lock, parse_json_object

_log = logging.getLogger("ser")

_ATTEMPTS = 10
_PAUSE_S = 0.02


@contextmanager
def coordinator_lock(lock: Path, study: str) -> Iterator[None]:
    """Hold a study's lease while the block runs; it is free at once when the process ends, however it ends.

    Raises:
        StudyError: Another coordinator has it; the text names its host, process and start.
    """
    with contextlib.ExitStack() as stack:
        file = _acquire(stack, lock)
        if file is None:
            raise StudyError(f"study {study} is already running ({_describe_owner(lock)}); wait for it or stop it")
        file.truncate(0)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        file.write(json.dumps({"host": platform.node(), "process": os.getpid(), "since": now}))
        file.flush()
        _log.info("lease of study %s acquired: %s", study, lock)
        yield
        _log.info("lease of study %s released", study)


def lock_owner(lock: Path) -> str | None:
    """Describe the process that has the lease now, or return None."""
    if not lock.is_file():
        return None
    try:
        with file_lock(lock, blocking=False, shared=True):
            return None
    except BlockingIOError:
        return _describe_owner(lock)


def _acquire(stack: contextlib.ExitStack, lock: Path) -> TextIO | None:
    """Try to acquire the lock; `lock_owner` holds it for an instant, so a few attempts are made."""
    for _ in range(_ATTEMPTS):
        try:
            return stack.enter_context(file_lock(lock, blocking=False))
        except BlockingIOError:
            time.sleep(_PAUSE_S)
    return None


def _describe_owner(lock: Path) -> str:
    try:
        owner = parse_json_object(lock.read_bytes())
        return f"process {owner['process']} on {owner['host']} since {owner['since']}"
    except (ValueError, KeyError):
        # It has not written yet who it is, or somebody else has written into the file.
        return f"the process that holds {lock}"
