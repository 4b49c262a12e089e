import errno
import sqlite3
import threading
import time

import pytest

from ser.errors import StorageError, UnavailableError
from tracking.writing import background_writer as module
from tracking.writing.background_writer import BackgroundWriter


class Killed(BaseException):
    """Stands for an end of the process."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.02)


class Server:
    """Takes writes while it is available.

    Args:
        outages: Number of writes that it refuses first.
    """

    def __init__(self, outages: float = 0) -> None:
        self.outages = outages
        self.written: list[int] = []
        self.threads: set[str] = set()

    def write(self, number: int) -> None:
        self.threads.add(threading.current_thread().name)
        if self.outages > 0:
            self.outages -= 1
            raise UnavailableError("the server is down")
        self.written.append(number)


def test_writes_run_in_order_in_another_thread() -> None:
    server = Server()
    with BackgroundWriter() as writer:
        for number in range(100):
            writer.submit(lambda number=number: server.write(number))
        writer.flush()
    assert server.written == list(range(100))
    assert server.threads == {"writer"}


def test_submitting_a_write_does_not_wait() -> None:
    held, done = threading.Event(), list[bool]()
    with BackgroundWriter() as writer:
        try:
            for _ in range(1000):
                writer.submit(lambda: done.append(held.wait()))
            assert done == []
        finally:
            held.set()
        writer.flush()
    assert len(done) == 1000


def test_a_server_that_comes_back_gets_every_write_once() -> None:
    server, messages = Server(outages=3), list[str]()
    with BackgroundWriter(notify=messages.append) as writer:
        for number in range(5):
            writer.submit(lambda number=number: server.write(number))
        writer.flush()
    assert server.written == [0, 1, 2, 3, 4]
    down, back = messages
    assert down == "the server is down; training continues, results are on disk"
    assert back.startswith("tracking is back after ")


def test_flush_gives_up_on_an_unavailable_server() -> None:
    server = Server(outages=float("inf"))
    with BackgroundWriter(patience_s=0.2) as writer:
        writer.submit(lambda: server.write(0))
        writer.submit(lambda: server.write(1))
        started_s = time.monotonic()
        with pytest.raises(UnavailableError, match="the server is down; results are on disk, 2 writes are pending"):
            writer.flush()
        assert time.monotonic() - started_s >= 0.2
    assert server.written == []


def test_patience_counts_from_the_flush() -> None:
    server = Server(outages=float("inf"))
    with BackgroundWriter(patience_s=1.0) as writer:
        writer.submit(lambda: server.write(0))
        time.sleep(1.2)
        threading.Timer(0.1, lambda: setattr(server, "outages", 0)).start()
        writer.flush()
    assert server.written == [0]


@pytest.mark.parametrize("error", [ValueError("a bug"), Killed()])
def test_a_failed_write_ends_the_writer_and_is_raised(error: BaseException) -> None:
    def fail() -> None:
        raise error

    server = Server()
    with BackgroundWriter() as writer:
        writer.submit(fail)
        writer.submit(lambda: server.write(1))
        with pytest.raises(type(error)):
            writer.flush()
        with pytest.raises(type(error)):
            writer.submit(lambda: server.write(2))
        with pytest.raises(type(error)):
            writer.raise_failure()
    assert server.written == []


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "/data/some"),
        sqlite3.OperationalError("database or disk is full"),
    ],
)
def test_a_full_disk_is_not_retried(error: Exception) -> None:
    def fail() -> None:
        raise RuntimeError("something above it") from error

    with BackgroundWriter() as writer:
        writer.submit(fail)
        with pytest.raises(StorageError, match="disk full") as caught:
            writer.flush()
    assert not isinstance(caught.value, UnavailableError)
    assert "\n" not in str(caught.value)


def test_the_lease_is_checked_before_each_attempt() -> None:
    checks, server = list[int](), Server(outages=1)
    with BackgroundWriter(before_write=lambda: checks.append(len(server.written))) as writer:
        writer.submit(lambda: server.write(0))
        writer.submit(lambda: server.write(1))
        writer.flush()
    assert checks == [0, 0, 1]


def test_closing_finishes_the_running_write_alone() -> None:
    started, held, server = threading.Event(), threading.Event(), Server()

    def slow() -> None:
        started.set()
        held.wait()
        server.write(0)

    with BackgroundWriter() as writer:
        writer.submit(slow)
        writer.submit(lambda: server.write(1))
        started.wait()
        threading.Timer(0.05, held.set).start()
    assert server.written == [0]


def test_writes_with_one_key_keep_their_order() -> None:
    held, written = threading.Event(), list[str]()

    def first() -> None:
        held.wait()
        written.append("a0")

    with BackgroundWriter(threads=3) as writer:
        writer.submit(first, "a")
        for number in range(1, 50):
            writer.submit(lambda number=number: written.append(f"a{number}"), "a")
            writer.submit(lambda number=number: written.append(f"b{number}"), "b")
        until = time.monotonic() + 10
        while len(written) < 49 and time.monotonic() < until:
            time.sleep(0.001)
        assert written == [f"b{number}" for number in range(1, 50)]
        held.set()
        writer.flush()
    assert written[49:] == [f"a{number}" for number in range(50)]


def test_as_many_writes_run_at_once_as_threads() -> None:
    meet = threading.Barrier(3, timeout=10)
    met = list[int]()
    with BackgroundWriter(threads=3) as writer:
        for key in "abc":
            writer.submit(lambda: met.append(meet.wait()), key)
        writer.flush()
    assert sorted(met) == [0, 1, 2]


def test_a_write_without_a_key_runs_alone_in_order() -> None:
    written = list[str]()

    def slow(name: str) -> None:
        time.sleep(0.02)
        written.append(name)

    with BackgroundWriter(threads=4) as writer:
        for key in "abc":
            writer.submit(lambda key=key: slow(key), key)
        writer.submit(lambda: slow("alone"))
        for key in "abc":
            writer.submit(lambda key=key: slow(key), key)
        writer.flush()
    assert written[3] == "alone"
    assert sorted(written[:3]) == sorted(written[4:]) == ["a", "b", "c"]


def test_a_failure_under_one_key_ends_all() -> None:
    def fail() -> None:
        raise ValueError("a bug")

    server = Server()
    with BackgroundWriter(threads=2) as writer:
        writer.submit(fail, "a")
        with pytest.raises(ValueError, match="a bug"):
            writer.flush()
        with pytest.raises(ValueError, match="a bug"):
            writer.submit(lambda: server.write(1), "b")
    assert server.written == []


def test_an_outage_is_reported_once_for_all_keys() -> None:
    outage, messages = threading.Event(), list[str]()
    outage.set()
    counted, written = threading.Lock(), list[int]()

    def write(number: int) -> None:
        if outage.is_set():
            raise UnavailableError("the server is down")
        with counted:
            written.append(number)

    with BackgroundWriter(notify=messages.append, threads=3) as writer:
        for number in range(30):
            writer.submit(lambda number=number: write(number), f"key {number % 5}")
        until = time.monotonic() + 60
        while not messages and time.monotonic() < until:
            time.sleep(0.001)
        outage.clear()
        writer.flush()
    assert sorted(written) == list(range(30))
    assert [text.partition(" ")[0] for text in messages] == ["the", "tracking"]


def test_a_write_from_before_an_outage_does_not_end_it() -> None:
    started, messages, outage = threading.Event(), list[str](), threading.Event()

    def slow() -> None:
        started.set()
        while not messages:
            time.sleep(0.001)

    def fail_once() -> None:
        started.wait()
        if not outage.is_set():
            outage.set()
            raise UnavailableError("the server is down")
        assert [text.partition(" ")[0] for text in messages] == ["the"]

    with BackgroundWriter(notify=messages.append, threads=2) as writer:
        writer.submit(slow, "a")
        writer.submit(fail_once, "b")
        writer.flush()
    assert [text.partition(" ")[0] for text in messages] == ["the", "tracking"]


def test_the_lease_is_checked_by_one_thread_at_a_time() -> None:
    lock, overlaps = threading.Lock(), list[bool]()

    def check() -> None:
        overlaps.append(not lock.acquire(blocking=False))
        time.sleep(0.001)
        lock.release()

    with BackgroundWriter(before_write=check, threads=4) as writer:
        for number in range(40):
            writer.submit(lambda: None, str(number))
        writer.flush()
    assert overlaps == [False] * 40
