"""Sends what a study writes, in the order given and in a thread of its own, so that nobody waits for a server.

What is sent is on disk already or can be made again from what is there: the sender may end at any
moment, and the next start of the study sends again what was not.
"""

import queue
import threading
import time
from collections.abc import Callable
from types import TracebackType

from ser.errors import AwayError
from tracking.faults import explained

PATIENCE_S = 60.0
"""Time for which a tracker that is away is waited for when nothing is left to do but to send."""

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0

Write = Callable[[], object]
"""Writes something; may be repeated without changing anything."""


class Sender:
    """Carries out writes one after the other; one that finds its database or server away is tried until it is back.

    Use it as a context: when that ends the thread ends, after the write in its hands and without
    those that still wait; `drain` waits for them.

    Args:
        before: Called before every write, such as to make sure that the study is still held.
        notice: Is told in one line when a server goes away and when it is back.
        patience_s: See `PATIENCE_S`.
    """

    def __init__(
        self,
        before: Callable[[], None] = lambda: None,
        notice: Callable[[str], None] = lambda text: None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._before = before
        self._notice = notice
        self._patience_s = patience_s
        self._writes: queue.Queue[Write | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="sender", daemon=True)
        self._changed = threading.Condition()
        self._unsent = 0
        self._away: tuple[float, AwayError] | None = None
        self._failure: BaseException | None = None
        self._ending = threading.Event()

    def __enter__(self) -> "Sender":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._writes.put(None)
        self._thread.join()

    def send(self, write: Write) -> None:
        """Takes a write and returns at once.

        Raises:
            Exception: An earlier write failed, other than by a server that is away.
        """
        self.raise_failure()
        with self._changed:
            self._unsent += 1
        self._writes.put(write)

    def confirm(self) -> None:
        """Does what comes before every write, for one that the caller carries out itself."""
        self._before()

    def keep_held(self) -> None:
        """Does the same beside whoever sends, unless writes wait, before which it is done anyway."""
        with self._changed:
            idle = not self._unsent
        if idle:
            self.send(lambda: None)

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
            self._changed.wait_for(lambda: not self._unsent or self._away or self._failure, timeout_s)

    def drain(self) -> None:
        """Waits until everything is written.

        Raises:
            AwayError: A database or server has been away for longer than this sender's patience.
            Exception: A write failed otherwise.
        """
        began = time.monotonic()
        with self._changed:
            while self._unsent and self._failure is None:
                wait_s = None
                if self._away is not None:
                    since, error = self._away
                    wait_s = max(since, began) + self._patience_s - time.monotonic()
                    if wait_s <= 0:
                        raise AwayError(f"{error}; {self._unsent} writes wait") from error
                self._changed.wait(wait_s)
        self.raise_failure()

    def _work(self) -> None:
        while (write := self._writes.get()) is not None and not self._ending.is_set():
            try:
                self._carry_out(write)
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that sends
                with self._changed:
                    self._failure = error
                    self._changed.notify_all()
                return
            with self._changed:
                self._unsent -= 1
                self._changed.notify_all()

    def _carry_out(self, write: Write) -> None:
        """Carries out one write, again and again while something that it needs is away."""
        pause_s = FIRST_PAUSE_S
        while not self._ending.is_set():
            try:
                self._before()
                write()
            except Exception as error:
                known = explained(error)
                if not isinstance(known, AwayError):
                    if known is None or known is error:
                        raise
                    raise known from error
                self._went_away(known)
                self._ending.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                self._came_back()
                return

    def _went_away(self, error: AwayError) -> None:
        with self._changed:
            if self._away is None:
                self._away = (time.monotonic(), error)
                self._notice(f"results wait on disk, training goes on: {error}")
            self._changed.notify_all()

    def _came_back(self) -> None:
        with self._changed:
            if self._away is not None:
                away_s = time.monotonic() - self._away[0]
                self._away = None
                self._notice(f"back after {away_s:.0f} s; {self._unsent} writes are sent")
