"""Keeping memory: a training step asks for the same large blocks as the step before it.

The C library returns each large block to the system as soon as it is free, and the system hands it
out again page by page, zeroed. An LSTM layer's workspace is such a block: the page faults cost a
third of a training step. A worker keeps its memory instead, and asks for huge pages, which fault
less often. What is computed does not change.
"""

import ctypes
import os
import sys

# Numbers of glibc's mallopt, from its malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


def keep_memory() -> bool:
    """Makes this process keep the memory that it frees; to be called before the first large tensor.

    Returns:
        Whether the C library took it. Only glibc has these settings: elsewhere nothing is changed,
        and training is as right and slower.
    """
    # Read by torch at its first large allocation: blocks of 2 MiB and more lie on huge pages.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER))
