"""Python's collector of cycles, and when it should rest."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def resting_collector(to_the_end: bool = False) -> Iterator[None]:
    """Keeps Python from searching for cycles while many records are made that all stay.

    Their growing number would be walked over and over: a third of the time of a large report.

    Args:
        to_the_end: Whether the process ends soon afterwards, so that what there is by then need not be walked at all.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if to_the_end:
            gc.freeze()
        if enabled:
            gc.enable()
