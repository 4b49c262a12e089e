"""Processes that are compared, run in turn.

Machines are noisy: both sides of a comparison run interleaved in time, and only ratios are trusted. Each side is a
process, since settings of memory and threads belong to a process.
"""

import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

_SPAWN = multiprocessing.get_context("spawn")

Work = Callable[[], Any]
"""Timed function; its return value is handed back."""


@dataclass(frozen=True)
class Timed:
    """One timed call.

    Attributes:
        wall_s: Duration, in seconds.
        peak_bytes: Peak resident memory of the process so far.
        returned: Return value of the work.
    """

    wall_s: float
    peak_bytes: int
    returned: Any


class BenchProcess:
    """Process that prepares some work, and does it on demand.

    Args:
        prepare: Called once in the new process; returns the work.
        *arguments: Arguments of `prepare`.
    """

    def __init__(self, prepare: Callable[..., Work], *arguments: Any) -> None:
        self._connection, far_end = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(far_end, prepare, arguments), daemon=False)
        self._process.start()
        far_end.close()

    def run(self) -> Timed:
        """Do the work once."""
        self._connection.send("run")
        timed: Timed = self._connection.recv()
        return timed

    def __enter__(self) -> "BenchProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._process.join()


def run_interleaved(processes: dict[str, BenchProcess], rounds: int) -> dict[str, list[Timed]]:
    """Run all processes in turn, in reverse order every second round."""
    calls: dict[str, list[Timed]] = {name: [] for name in processes}
    for number in range(rounds):
        for name in list(processes)[:: 1 if number % 2 == 0 else -1]:
            calls[name].append(processes[name].run())
    return calls


def median_s(calls: list[Timed]) -> float:
    """Return the median duration, in seconds."""
    return statistics.median(call.wall_s for call in calls)


def _serve(connection: Connection, prepare: Callable[..., Work], arguments: tuple[Any, ...]) -> None:
    work = prepare(*arguments)
    while True:
        try:
            connection.recv()
        except EOFError:
            return
        started = time.perf_counter()
        returned = work()
        wall_s = time.perf_counter() - started
        peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        connection.send(Timed(wall_s, peak_bytes, returned))
