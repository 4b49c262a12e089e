"""Holding a lock file; apart from the tracking store, whose imports take seconds."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Holds a lock file while the block runs; the system frees it when the process ends, however it ends.

    Args:
        path: The lock file; it is made where it is missing, and stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
