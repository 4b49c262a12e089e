"""A second process for what takes long in a large report: fits of forests, and drawing."""

import gc
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import get_context

from tracking.meanwhile import Meanwhile


@contextmanager
def second_process(wanted: bool) -> Iterator[Meanwhile]:
    """Offers a second process, which gets ready while the caller does something else.

    Args:
        wanted: Whether there is so much to be computed that the process is worth its start.

    Yields:
        What calls functions in it; the plain `map` of the caller's own process where it is not wanted.
    """
    if not wanted:
        yield map
        return
    # A forked copy would have the caller's threads' locks without its threads.
    pool = ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))
    try:
        pool.submit(_get_ready)
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


def _get_ready() -> None:
    """Imports what it will need; it lives for one report and frees nothing."""
    gc.disable()
    for name in ("optuna.importance", "tracking.analysis.report"):
        import_module(name)
