"""Background threads that carry out a study's writes, so that training does not wait for a server.

A write's data is on disk already or can be computed again: the writer may end at any moment, and the next start of
the study repeats what was not written.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

from ser.errors import UnavailableError
from tracking.backend.errors import translate_error

_log = logging.getLogger("ser")

FLUSH_TIMEOUT_S = 60.0
"""Time to wait for an unavailable database or server when nothing is left to do but to write."""

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0

Write = Callable[[], object]
"""Function that writes something; repeating it changes nothing."""


class BackgroundWriter:
    """Threads that carry out writes, and repeat one whose database or server is unavailable until it succeeds.

    Writes with the same queue key run one after the other, in the order in which they were submitted. Those with
    different keys may run at the same time, since a server takes several requests. A write without a key runs after
    all that were submitted before it, and before all that are submitted later.

    Use it as a context: at its end the threads end, after the writes that they have started and without
    those that are queued; `flush` waits for these.

    Args:
        before_write: Called before every write, such as to check the study's lease; by one thread at a time.
        notify: Called with a message when a server becomes unavailable and when it is back.
        patience_s: Time that `flush` waits for an unavailable server, in seconds.
        threads: Number of writes at the same time.
        restore: Called with the error of a write; restores what the write needs, and returns whether it did, so that
            the write is repeated at once.
    """

    def __init__(
        self,
        before_write: Callable[[], None] = lambda: None,
        notify: Callable[[str], None] = lambda text: None,
        patience_s: float = FLUSH_TIMEOUT_S,
        threads: int = 1,
        restore: Callable[[Exception], bool] = lambda error: False,
    ) -> None:
        self._before_write = before_write
        self._before_lock = threading.Lock()
        self._notify = notify
        self._patience_s = patience_s
        self._restore = restore
        self._queue: deque[tuple[str | None, Write]] = deque()
        self._running_keys: set[str | None] = set()
        self._threads = [threading.Thread(target=self._work, name="writer", daemon=True) for _ in range(threads)]
        self._changed = threading.Condition()
        self._unavailable_since: tuple[float, UnavailableError] | None = None
        self._failure: BaseException | None = None
        self._closing = threading.Event()

    def __enter__(self) -> "BackgroundWriter":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def submit(self, write: Write, queue_key: str | None = None) -> None:
        """Queue a write and return at once.

        Args:
            write: The write.
            queue_key: Key of the writes among which it keeps its order, such as a trial; None for all writes.

        Raises:
            Exception: An earlier write failed, other than by an unavailable server.
        """
        self.raise_failure()
        with self._changed:
            self._queue.append((queue_key, write))
            self._changed.notify_all()

    def check_lease(self) -> None:
        """Do what comes before every write, for a write that the caller carries out itself."""
        with self._before_lock:
            self._before_write()

    def renew_lease(self) -> None:
        """Do the same in the background, unless writes are pending, which do it anyway."""
        with self._changed:
            idle = not self._pending
        if idle:
            self.submit(lambda: None)

    def raise_failure(self) -> None:
        """Raise the error of an earlier write, if one failed."""
        if self._failure is not None:
            raise self._failure

    def wait(self, timeout_s: float) -> None:
        """Wait until nothing is pending, but not for an unavailable database or server."""
        with self._changed:
            self._changed.wait_for(lambda: not self._pending or self._unavailable_since or self._failure, timeout_s)

    def flush(self) -> None:
        """Wait until nothing is pending.

        Raises:
            UnavailableError: A database or server has been unavailable for longer than the writer's patience.
            Exception: A write failed otherwise.
        """
        started_s = time.monotonic()
        with self._changed:
            while self._pending and self._failure is None:
                wait_s = None
                if self._unavailable_since is not None:
                    since_s, error = self._unavailable_since
                    wait_s = max(since_s, started_s) + self._patience_s - time.monotonic()
                    if wait_s <= 0:
                        raise UnavailableError(
                            f"{error}; results are on disk, {self._pending} writes are pending"
                        ) from error
                self._changed.wait(wait_s)
        self.raise_failure()

    @property
    def _pending(self) -> int:
        return len(self._queue) + len(self._running_keys)

    def _work(self) -> None:
        while (item := self._next_write()) is not None:
            queue_key, write = item
            try:
                self._run_with_retry(write)
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that submits
                with self._changed:
                    self._failure = self._failure or error
                    self._changed.notify_all()
                return
            with self._changed:
                self._running_keys.discard(queue_key)
                self._changed.notify_all()

    def _next_write(self) -> tuple[str | None, Write] | None:
        """Wait for a write that may run now; None when the writer closes or has failed."""
        with self._changed:
            while not self._closing.is_set() and self._failure is None:
                index = self._next_index()
                if index is not None:
                    item = self._queue[index]
                    del self._queue[index]
                    self._running_keys.add(item[0])
                    return item
                self._changed.wait()
        return None

    def _next_index(self) -> int | None:
        """Find the first queued write that may run now; return its index in the queue, or None."""
        if None in self._running_keys:
            return None
        for index, (queue_key, _) in enumerate(self._queue):
            if queue_key is None:
                return index if index == 0 and not self._running_keys else None
            if queue_key not in self._running_keys:
                return index
        return None

    def _run_with_retry(self, write: Write) -> None:
        """Carry out one write; repeat it while something that it needs is unavailable."""
        pause_s = FIRST_PAUSE_S
        while not self._closing.is_set():
            started_s = time.monotonic()
            try:
                self.check_lease()
                self._write(write)
            except Exception as error:
                translated = translate_error(error, "tracking")
                if not isinstance(translated, UnavailableError):
                    if translated is None or translated is error:
                        raise
                    raise translated from error
                self._mark_unavailable(translated)
                _log.info("a write failed (%s); next attempt in %g s", translated, pause_s)
                self._closing.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                self._mark_available(started_s)
                return

    def _write(self, write: Write) -> None:
        while True:
            try:
                write()
            except Exception as error:
                if not self._restore(error):
                    raise
            else:
                return

    def _mark_unavailable(self, error: UnavailableError) -> None:
        with self._changed:
            if self._unavailable_since is None:
                self._unavailable_since = (time.monotonic(), error)
                self._notify(f"{error}; training continues, results are on disk")
            self._changed.notify_all()

    def _mark_available(self, started_s: float) -> None:
        """Note a write that succeeded; one that started before the outage does not end it."""
        with self._changed:
            if self._unavailable_since is not None and started_s > self._unavailable_since[0]:
                outage_s = time.monotonic() - self._unavailable_since[0]
                self._unavailable_since = None
                self._notify(f"tracking is back after {outage_s:.0f} s; {self._pending} writes are pending")
