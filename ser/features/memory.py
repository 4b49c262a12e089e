"""Memory of the machine: its return to the system between blocks of work, and errors of its lack."""

import ctypes
import sys


def is_lack_of_memory(error: BaseException) -> bool:
    """Return whether numpy or torch, which has no error of its own for it, lacked memory of the machine."""
    return isinstance(error, MemoryError) or "can't allocate memory" in str(error)


def return_free_memory() -> bool:
    """Return the free memory of this process to the system.

    Intermediate states of long utterances come and go between frames that stay. glibc retains the gaps, in one arena
    per thread, so that a process that encodes for an hour would grow to twice what it needs.

    Returns:
        Whether the C library can do it; only glibc can.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform.startswith("linux") else None
    if trim is None:
        return False
    trim(0)
    return True
