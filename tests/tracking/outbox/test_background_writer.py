import errno
import sqlite3
import threading
import time

import pytest

from ser.errors import StorageError, UnavailableError
from tracking.outbox import background_writer as module
from tracking.outbox.background_writer import BackgroundWriter


class Killed(BaseException):
    """Stands for an end of the process."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.02)


class Server:
    """Takes writes while it is there.

    Args:
        away: Number of writes that it refuses first.
    """

    def __init__(self, away: float = 0) -> None:
        self.away = away
        self.written: list[int] = []
        self.threads: set[str] = set()

    def write(self, number: int) -> None:
        self.threads.add(threading.current_thread().name)
        if self.away > 0:
            self.away -= 1
            raise UnavailableError("the server is away")
        self.written.append(number)


def test_writes_are_carried_out_in_order_in_another_thread() -> None:
    server = Server()
    with BackgroundWriter() as sender:
        for number in range(100):
            sender.submit(lambda number=number: server.write(number))
        sender.flush()
    assert server.written == list(range(100))
    assert server.threads == {"sender"}


def test_sending_waits_for_nothing() -> None:
    held, done = threading.Event(), list[bool]()
    with BackgroundWriter() as sender:
        try:
            for _ in range(1000):
                sender.submit(lambda: done.append(held.wait()))
            assert done == []
        finally:
            held.set()
        sender.flush()
    assert len(done) == 1000


def test_a_server_that_comes_back_gets_every_write_once_and_the_user_two_lines() -> None:
    server, told = Server(away=3), list[str]()
    with BackgroundWriter(notice=told.append) as sender:
        for number in range(5):
            sender.submit(lambda number=number: server.write(number))
        sender.flush()
    assert server.written == [0, 1, 2, 3, 4]
    away, back = told
    assert away == "results wait on disk, training goes on: the server is away"
    assert back.startswith("back after ")


def test_a_server_that_stays_away_is_waited_for_and_then_named() -> None:
    server = Server(away=float("inf"))
    with BackgroundWriter(patience_s=0.2) as sender:
        sender.submit(lambda: server.write(0))
        sender.submit(lambda: server.write(1))
        began = time.monotonic()
        with pytest.raises(UnavailableError, match="the server is away; 2 writes wait"):
            sender.flush()
        assert time.monotonic() - began >= 0.2
    assert server.written == []


def test_patience_counts_from_when_there_is_nothing_left_but_to_send() -> None:
    server = Server(away=float("inf"))
    with BackgroundWriter(patience_s=1.0) as sender:
        sender.submit(lambda: server.write(0))
        time.sleep(1.2)
        threading.Timer(0.1, lambda: setattr(server, "away", 0)).start()
        sender.flush()
    assert server.written == [0]


@pytest.mark.parametrize("error", [ValueError("a bug"), Killed()])
def test_a_write_that_fails_otherwise_ends_the_sender_and_is_raised_where_it_is_used(error: BaseException) -> None:
    def fail() -> None:
        raise error

    server = Server()
    with BackgroundWriter() as sender:
        sender.submit(fail)
        sender.submit(lambda: server.write(1))
        with pytest.raises(type(error)):
            sender.flush()
        with pytest.raises(type(error)):
            sender.submit(lambda: server.write(2))
        with pytest.raises(type(error)):
            sender.raise_failure()
    assert server.written == []


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "/data/some"),
        sqlite3.OperationalError("database or disk is full"),
    ],
)
def test_a_full_disk_is_no_absence(error: Exception) -> None:
    def fail() -> None:
        raise RuntimeError("something above it") from error

    with BackgroundWriter() as sender:
        sender.submit(fail)
        with pytest.raises(StorageError, match="no room on the disk") as caught:
            sender.flush()
    assert not isinstance(caught.value, UnavailableError)
    assert "\n" not in str(caught.value)


def test_what_is_asked_before_a_write_comes_before_each_attempt() -> None:
    asked, server = list[int](), Server(away=1)
    with BackgroundWriter(before=lambda: asked.append(len(server.written))) as sender:
        sender.submit(lambda: server.write(0))
        sender.submit(lambda: server.write(1))
        sender.flush()
    assert asked == [0, 0, 1]


def test_the_end_waits_for_the_write_in_hand_and_leaves_the_rest() -> None:
    begun, held, server = threading.Event(), threading.Event(), Server()

    def slow() -> None:
        begun.set()
        held.wait()
        server.write(0)

    with BackgroundWriter() as sender:
        sender.submit(slow)
        sender.submit(lambda: server.write(1))
        begun.wait()
        threading.Timer(0.05, held.set).start()
    assert server.written == [0]


def test_writes_of_one_lane_keep_their_order_and_wait_for_no_other_lane() -> None:
    held, written = threading.Event(), list[str]()

    def first() -> None:
        held.wait()
        written.append("a0")

    with BackgroundWriter(threads=3) as sender:
        sender.submit(first, "a")
        for number in range(1, 50):
            sender.submit(lambda number=number: written.append(f"a{number}"), "a")
            sender.submit(lambda number=number: written.append(f"b{number}"), "b")
        until = time.monotonic() + 10
        while len(written) < 49 and time.monotonic() < until:
            time.sleep(0.001)
        assert written == [f"b{number}" for number in range(1, 50)]
        held.set()
        sender.flush()
    assert written[49:] == [f"a{number}" for number in range(50)]


def test_as_many_lanes_go_on_at_once_as_there_are_threads() -> None:
    meet = threading.Barrier(3, timeout=10)
    met = list[int]()
    with BackgroundWriter(threads=3) as sender:
        for lane in "abc":
            sender.submit(lambda: met.append(meet.wait()), lane)
        sender.flush()
    assert sorted(met) == [0, 1, 2]


def test_a_write_without_a_lane_comes_after_all_before_it_and_before_all_after_it() -> None:
    written = list[str]()

    def slow(name: str) -> None:
        time.sleep(0.02)
        written.append(name)

    with BackgroundWriter(threads=4) as sender:
        for lane in "abc":
            sender.submit(lambda lane=lane: slow(lane), lane)
        sender.submit(lambda: slow("alone"))
        for lane in "abc":
            sender.submit(lambda lane=lane: slow(lane), lane)
        sender.flush()
    assert written[3] == "alone"
    assert sorted(written[:3]) == sorted(written[4:]) == ["a", "b", "c"]


def test_one_lane_that_fails_ends_all() -> None:
    def fail() -> None:
        raise ValueError("a bug")

    server = Server()
    with BackgroundWriter(threads=2) as sender:
        sender.submit(fail, "a")
        with pytest.raises(ValueError, match="a bug"):
            sender.flush()
        with pytest.raises(ValueError, match="a bug"):
            sender.submit(lambda: server.write(1), "b")
    assert server.written == []


def test_several_lanes_tell_of_one_absence_once() -> None:
    away, told = threading.Event(), list[str]()
    away.set()
    counted, written = threading.Lock(), list[int]()

    def write(number: int) -> None:
        if away.is_set():
            raise UnavailableError("the server is away")
        with counted:
            written.append(number)

    with BackgroundWriter(notice=told.append, threads=3) as sender:
        for number in range(30):
            sender.submit(lambda number=number: write(number), f"lane {number % 5}")
        until = time.monotonic() + 60
        while not told and time.monotonic() < until:
            time.sleep(0.001)
        away.clear()
        sender.flush()
    assert sorted(written) == list(range(30))
    assert [text.partition(" ")[0] for text in told] == ["results", "back"]


def test_a_write_begun_before_an_absence_does_not_say_that_it_is_over() -> None:
    begun, told, away = threading.Event(), list[str](), threading.Event()

    def slow() -> None:
        begun.set()
        while not told:
            time.sleep(0.001)

    def fail_once() -> None:
        begun.wait()
        if not away.is_set():
            away.set()
            raise UnavailableError("the server is away")
        assert [text.partition(" ")[0] for text in told] == ["results"]

    with BackgroundWriter(notice=told.append, threads=2) as sender:
        sender.submit(slow, "a")
        sender.submit(fail_once, "b")
        sender.flush()
    assert [text.partition(" ")[0] for text in told] == ["results", "back"]


def test_only_one_lane_at_a_time_asks_what_is_asked_before_a_write() -> None:
    asking, together = threading.Lock(), list[bool]()

    def ask() -> None:
        together.append(not asking.acquire(blocking=False))
        time.sleep(0.001)
        asking.release()

    with BackgroundWriter(before=ask, threads=4) as sender:
        for number in range(40):
            sender.submit(lambda: None, str(number))
        sender.flush()
    assert together == [False] * 40
