"""Time of a study by call, and CPU time by process."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psutil


class Stopwatch:
    """Times calls in some threads; a call within a timed one of the same thread is not timed again.

    Args:
        threads: Prefix of the names of the timed threads.
    """

    def __init__(self, threads: str) -> None:
        self._threads = threads
        self.spent_s: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self._inside = threading.local()
        self._lock = threading.Lock()

    def watch(self, owner: Any, name: str, label: str) -> None:
        """Time every call of a function from now on, under a label."""
        function: Callable[..., Any] = getattr(owner, name)

        def timed(*arguments: Any, **options: Any) -> Any:
            if getattr(self._inside, "busy", False) or not threading.current_thread().name.startswith(self._threads):
                return function(*arguments, **options)
            self._inside.busy = True
            started_s = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                with self._lock:
                    self.spent_s[label] += time.perf_counter() - started_s
                    self.calls[label] += 1
                self._inside.busy = False

        setattr(owner, name, timed)

    def rows(self, total_s: float, folds: int) -> Iterator[tuple[str, float, float, float]]:
        """Yield label, calls per fold, milliseconds per fold and share of the total time; the last row is the rest.

        Args:
            total_s: Time of all threads together.
            folds: Number of recorded folds.
        """
        for label, spent_s in sorted(self.spent_s.items(), key=lambda item: -item[1]):
            yield label, self.calls[label] / folds, 1000 * spent_s / folds, spent_s / total_s
        rest_s = total_s - sum(self.spent_s.values())
        yield "all else", 0.0, 1000 * rest_s / folds, rest_s / total_s


def processor_s(first: psutil.Process) -> float:
    """Return the CPU time of a process, its descendants and their ended children, in seconds."""
    spent_s = 0.0
    for process in (first, *first.children(recursive=True)):
        times = process.cpu_times()
        spent_s += times.user + times.system + times.children_user + times.children_system
    return spent_s


class Pace:
    """Records wall and CPU time at regular numbers of folds.

    Args:
        every: Number of folds between two records.
        servers: Other processes, by name.
    """

    def __init__(self, every: int, servers: Mapping[str, psutil.Process]) -> None:
        self._every = every
        self._servers = servers
        self._done = 0
        self._lock = threading.Lock()
        self._records: list[dict[str, float]] = []
        self._memory_mb: list[float] = []

    @property
    def started_s(self) -> float:
        """Return the time of the start, on the clock of `time.perf_counter`."""
        return self._records[0]["wall"]

    def start(self) -> None:
        """Record the start."""
        self._record()

    def count(self) -> None:
        """Count a fold."""
        with self._lock:
            self._done += 1
            if self._done % self._every == 0:
                self._record()

    def stages(self) -> list[dict[str, float]]:
        """Return the times between records, in seconds: wall time, and CPU time of this process and of each server."""
        return [
            {name: after[name] - before[name] for name in after}
            for before, after in zip(self._records, self._records[1:], strict=False)
        ]

    def memory_mb(self) -> list[float]:
        """Return this process's resident memory at each record after the start, in MB."""
        return self._memory_mb[1:]

    def _record(self) -> None:
        times = {"wall": time.perf_counter(), "coordinator": time.process_time()}
        self._records.append(times | {name: processor_s(process) for name, process in self._servers.items()})
        self._memory_mb.append(psutil.Process().memory_info().rss / 1e6)
