"""Python's collector of cycles, and when it should rest."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def resting_collector() -> Iterator[None]:
    """Keeps Python from searching for cycles while many records are made that all stay.

    Their growing number would be walked over and over: a third of the time of a large report.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
