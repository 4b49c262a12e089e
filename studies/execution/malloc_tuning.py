"""Tuning of glibc's malloc: a training step asks for the same large blocks as the step before it.

The C library returns each large block to the system as soon as it is free, and the system hands it
out again page by page, zeroed. An LSTM layer's workspace is such a block: the page faults cost a
third of a training step. A worker retains its memory instead, on huge pages, which fault less often.
Small blocks go back to the heap at once, too: those that glibc would cache for the next request
of their size lie between large free blocks and prevent their merging, so that a worker grew to
twice what it needs. Results do not change.

The fork server of the workers finds the settings in its environment, which glibc reads once, and workers
inherit them. A process that runs already, as Ray's do, can still be set to retain its memory, on huge pages,
and grows as described.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Numbers of glibc's mallopt, from its malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = 2**31 - 1

_VARIABLE = "GLIBC_TUNABLES"
_SETTINGS = {"mmap_max": 0, "trim_threshold": 2**40, "hugetlb": 1, "tcache_count": 0}


@contextmanager
def malloc_environment() -> Iterator[None]:
    """Set the variable under which processes started within the block retain their memory; this one does not change.

    Only glibc reads the variable, and ignores what it does not know: huge pages need version 2.35. Elsewhere
    training is slower, with equal results. Tunables that the user has set are preserved, and win.
    """
    user_tunables = os.environ.get(_VARIABLE)
    if sys.platform.startswith("linux"):
        settings = [f"glibc.malloc.{name}={value}" for name, value in _SETTINGS.items()]
        os.environ[_VARIABLE] = ":".join([*settings, user_tunables] if user_tunables else settings)
    try:
        yield
    finally:
        if user_tunables is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = user_tunables


def tune_malloc() -> bool:
    """Make this process retain the memory that it frees; call it before the first large tensor.

    Returns:
        Whether the C library accepted it. Only glibc has these settings: elsewhere nothing changes,
        and training is slower, with equal results.
    """
    # Read by torch at its first large allocation: blocks of 2 MiB and more lie on huge pages.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER))
