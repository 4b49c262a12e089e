"""A second process for what takes long in a large report: reading, fits of forests, and drawing."""

import atexit
import gc
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from typing import TypeVar

from tracking.meanwhile import Meanwhile

_Given = TypeVar("_Given")
_Found = TypeVar("_Found")


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
        yield partial(_shared, pool)
    finally:
        pool.shutdown(cancel_futures=True)


def _shared(
    pool: ProcessPoolExecutor, function: Callable[[_Given], _Found], arguments: Iterable[_Given], /
) -> Iterator[_Found]:
    """Hands everything to the other process; while that is busy, what it has not begun is done here, from the end."""
    given, futures = list[_Given](), list[Future[_Found]]()
    # Each as soon as it is known: the first are in hand while later ones are still looked for.
    for one in arguments:
        given.append(one)
        futures.append(pool.submit(function, one))

    def found() -> Iterator[_Found]:
        own: dict[int, _Found] = {}
        not_begun = (place for place in reversed(range(len(given))) if futures[place].cancel())
        for place, future in enumerate(futures):
            while not future.done() and (other := next(not_begun, None)) is not None:
                own[other] = function(given[other])
            yield own[place] if place in own else future.result()

    return found()


def _get_ready() -> None:
    """Imports what it will need; it lives for one report and frees nothing."""
    gc.disable()
    # It ends as a forked process does: taking apart what it has imported would be waited for.
    atexit.register(os._exit, 0)
    for name in ("tracking.reading.trial_files", "optuna.importance", "tracking.analysis.report"):
        import_module(name)
