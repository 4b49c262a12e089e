"""Memory of a process and its descendants."""

from contextlib import suppress

import psutil


def resident_bytes(process: psutil.Process) -> int:
    """Return the resident memory of a process and its descendants, in bytes."""
    total = 0
    # A process may end after it was listed.
    with suppress(psutil.NoSuchProcess):
        for member in (process, *process.children(recursive=True)):
            total += member.memory_info().rss
    return total
