"""Sends what a study writes, in threads of its own, so that nobody waits for a server.

What is sent is on disk already or can be made again from what is there: the sender may end at any
moment, and the next start of the study sends again what was not.
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
"""Time for which a tracker that is away is waited for when nothing is left to do but to send."""

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0

Write = Callable[[], object]
"""Writes something; may be repeated without changing anything."""


class BackgroundWriter:
    """Carries out writes; one that finds its database or server away is tried until it is back.

    Writes of one lane are carried out one after the other, in the order given. Those of other lanes may be carried
    out beside them, for while a server works on one, another can be made ready. A write without a lane comes after
    all that were given before it, and before all that are given later.

    Use it as a context: when that ends the threads end, after the writes in their hands and without
    those that still wait; `drain` waits for them.

    Args:
        before: Called before every write, such as to make sure that the study is still held; by one thread at a time.
        notice: Is told in one line when a server goes away and when it is back.
        patience_s: See `PATIENCE_S`.
        threads: Writes that may be carried out at the same time.
    """

    def __init__(
        self,
        before: Callable[[], None] = lambda: None,
        notice: Callable[[str], None] = lambda text: None,
        patience_s: float = FLUSH_TIMEOUT_S,
        threads: int = 1,
    ) -> None:
        self._before = before
        self._before_lock = threading.Lock()
        self._notice = notice
        self._patience_s = patience_s
        self._waiting: deque[tuple[str | None, Write]] = deque()
        self._in_hand: set[str | None] = set()
        self._threads = [threading.Thread(target=self._work, name="sender", daemon=True) for _ in range(threads)]
        self._changed = threading.Condition()
        self._unavailable_since: tuple[float, UnavailableError] | None = None
        self._failure: BaseException | None = None
        self._ending = threading.Event()

    def __enter__(self) -> "BackgroundWriter":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def submit(self, write: Write, lane: str | None = None) -> None:
        """Takes a write and returns at once.

        Args:
            write: The write.
            lane: What it must keep its order with, such as a trial; None for everything.

        Raises:
            Exception: An earlier write failed, other than by a server that is away.
        """
        self.raise_failure()
        with self._changed:
            self._waiting.append((lane, write))
            self._changed.notify_all()

    def check_lease(self) -> None:
        """Does what comes before every write, for one that the caller carries out itself."""
        with self._before_lock:
            self._before()

    def renew_lease(self) -> None:
        """Does the same beside whoever sends, unless writes wait, before which it is done anyway."""
        with self._changed:
            idle = not self._unsent
        if idle:
            self.submit(lambda: None)

    def raise_failure(self) -> None:
        """Raises what an earlier write failed of, if one did."""
        if self._failure is not None:
            raise self._failure

    def wait(self, timeout_s: float) -> None:
        """Waits until everything is written, but not for a database or server that is away.

        Args:
            timeout_s: Longest wait, in seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._unsent or self._unavailable_since or self._failure, timeout_s)

    def flush(self) -> None:
        """Waits until everything is written.

        Raises:
            UnavailableError: A database or server has been away for longer than this sender's patience.
            Exception: A write failed otherwise.
        """
        began = time.monotonic()
        with self._changed:
            while self._unsent and self._failure is None:
                wait_s = None
                if self._unavailable_since is not None:
                    since, error = self._unavailable_since
                    wait_s = max(since, began) + self._patience_s - time.monotonic()
                    if wait_s <= 0:
                        raise UnavailableError(f"{error}; {self._unsent} writes wait") from error
                self._changed.wait(wait_s)
        self.raise_failure()

    @property
    def _unsent(self) -> int:
        return len(self._waiting) + len(self._in_hand)

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            lane, write = taken
            try:
                self._run_with_retry(write)
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that sends
                with self._changed:
                    self._failure = self._failure or error
                    self._changed.notify_all()
                return
            with self._changed:
                self._in_hand.discard(lane)
                self._changed.notify_all()

    def _take(self) -> tuple[str | None, Write] | None:
        """Waits for a write that may be carried out now; None once nothing is carried out any more."""
        with self._changed:
            while not self._ending.is_set() and self._failure is None:
                place = self._next_place()
                if place is not None:
                    taken = self._waiting[place]
                    del self._waiting[place]
                    self._in_hand.add(taken[0])
                    return taken
                self._changed.wait()
        return None

    def _next_place(self) -> int | None:
        """Place of the first write that waits and whose turn it is, or None."""
        if None in self._in_hand:
            return None
        for place, (lane, _) in enumerate(self._waiting):
            if lane is None:
                return place if place == 0 and not self._in_hand else None
            if lane not in self._in_hand:
                return place
        return None

    def _run_with_retry(self, write: Write) -> None:
        """Carries out one write, again and again while something that it needs is away."""
        pause_s = FIRST_PAUSE_S
        while not self._ending.is_set():
            began_s = time.monotonic()
            try:
                self.check_lease()
                write()
            except Exception as error:
                known = translate_error(error)
                if not isinstance(known, UnavailableError):
                    if known is None or known is error:
                        raise
                    raise known from error
                self._mark_unavailable(known)
                _log.info("a write failed (%s); next attempt in %g s", known, pause_s)
                self._ending.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                self._mark_available(began_s)
                return

    def _mark_unavailable(self, error: UnavailableError) -> None:
        with self._changed:
            if self._unavailable_since is None:
                self._unavailable_since = (time.monotonic(), error)
                self._notice(f"results wait on disk, training goes on: {error}")
            self._changed.notify_all()

    def _mark_available(self, began_s: float) -> None:
        """Notes that a write has succeeded that was begun then; one begun before the absence says nothing of it."""
        with self._changed:
            if self._unavailable_since is not None and began_s > self._unavailable_since[0]:
                away_s = time.monotonic() - self._unavailable_since[0]
                self._unavailable_since = None
                self._notice(f"back after {away_s:.0f} s; {self._unsent} writes are sent")
