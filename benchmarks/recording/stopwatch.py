"""Where a study's time goes: calls by what they belong to, and processor time by process."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psutil


class Stopwatch:
    """Times calls in the threads of a sender; a call within a timed one of the same thread is not timed again.

    Args:
        threads: Begin of the names of the threads whose calls are timed.
    """

    def __init__(self, threads: str) -> None:
        self._threads = threads
        self.spent_s: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self._inside = threading.local()
        self._lock = threading.Lock()

    def watch(self, owner: Any, name: str, what: str) -> None:
        """Times every call of a function from now on."""
        function: Callable[..., Any] = getattr(owner, name)

        def timed(*arguments: Any, **others: Any) -> Any:
            if getattr(self._inside, "busy", False) or not threading.current_thread().name.startswith(self._threads):
                return function(*arguments, **others)
            self._inside.busy = True
            began = time.perf_counter()
            try:
                return function(*arguments, **others)
            finally:
                with self._lock:
                    self.spent_s[what] += time.perf_counter() - began
                    self.calls[what] += 1
                self._inside.busy = False

        setattr(owner, name, timed)

    def rows(self, whole_s: float, folds: int) -> Iterator[tuple[str, float, float, float]]:
        """What, calls a fold, milliseconds a fold, share of the whole time; the last row is what is left.

        Args:
            whole_s: Time of all threads together.
            folds: Folds that were recorded.
        """
        for what, spent_s in sorted(self.spent_s.items(), key=lambda each: -each[1]):
            yield what, self.calls[what] / folds, 1000 * spent_s / folds, spent_s / whole_s
        rest_s = whole_s - sum(self.spent_s.values())
        yield "all else", 0.0, 1000 * rest_s / folds, rest_s / whole_s


def processor_s(first: psutil.Process) -> float:
    """Processor time that a process, its descendants and their ended children have had, in seconds."""
    spent_s = 0.0
    for process in (first, *first.children(recursive=True)):
        times = process.cpu_times()
        spent_s += times.user + times.system + times.children_user + times.children_system
    return spent_s


class Pace:
    """Notes wall and processor time after every so many folds.

    Args:
        every: Number of folds.
        servers: Processes beside this one, by name.
    """

    def __init__(self, every: int, servers: Mapping[str, psutil.Process]) -> None:
        self._every = every
        self._servers = servers
        self._done = 0
        self._lock = threading.Lock()
        self._marks: list[dict[str, float]] = []
        self._memory_mb: list[float] = []

    @property
    def began_s(self) -> float:
        """When it began, on the clock of `time.perf_counter`."""
        return self._marks[0]["wall"]

    def begin(self) -> None:
        """Notes the time at which recording begins."""
        self._mark()

    def count(self) -> None:
        """Counts a fold."""
        with self._lock:
            self._done += 1
            if self._done % self._every == 0:
                self._mark()

    def stages(self) -> list[dict[str, float]]:
        """Time that each so many folds took, in seconds: of the wall, of this process, and of each server."""
        return [
            {name: after[name] - before[name] for name in after}
            for before, after in zip(self._marks, self._marks[1:], strict=False)
        ]

    def memory_mb(self) -> list[float]:
        """Memory of this process after each so many folds, in MB of its resident set."""
        return self._memory_mb[1:]

    def _mark(self) -> None:
        times = {"wall": time.perf_counter(), "coordinator": time.process_time()}
        self._marks.append(times | {name: processor_s(process) for name, process in self._servers.items()})
        self._memory_mb.append(psutil.Process().memory_info().rss / 1e6)
