"""Two sides of a comparison, each in a process of its own, which run in turn.

Machines are noisy: what is compared runs side by side in time, and only ratios are trusted. A side
is a process of its own because settings of memory and threads are a process's.
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
"""What is timed; what it returns is handed back."""


@dataclass(frozen=True)
class Timed:
    """One timed call.

    Attributes:
        wall_s: Duration, in seconds.
        peak_bytes: Peak resident memory of the side's process so far.
        returned: What the work returned.
    """

    wall_s: float
    peak_bytes: int
    returned: Any


class BenchProcess:
    """A process that prepares some work and does it whenever it is told to.

    Args:
        prepare: Called once in the new process; returns the work.
        *arguments: What it is called with.
    """

    def __init__(self, prepare: Callable[..., Work], *arguments: Any) -> None:
        self._connection, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(theirs, prepare, arguments), daemon=False)
        self._process.start()
        theirs.close()

    def run(self) -> Timed:
        """Does the work once."""
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


def run_interleaved(sides: dict[str, BenchProcess], rounds: int) -> dict[str, list[Timed]]:
    """Runs all sides in turn, the order turned round each time."""
    found: dict[str, list[Timed]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
            found[name].append(sides[name].run())
    return found


def median_s(timed: list[Timed]) -> float:
    """The median duration, in seconds."""
    return statistics.median(each.wall_s for each in timed)


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
