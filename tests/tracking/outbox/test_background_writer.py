import errno
import sqlite3
import threading
import time

import pytest

from ser.errors import AwayError, StorageError
from tracking.outbox import background_writer as module
from tracking.outbox.background_writer import Sender


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
            raise AwayError("the server is away")
        self.written.append(number)


def test_writes_are_carried_out_in_order_in_another_thread() -> None:
    server = Server()
    with Sender() as sender:
        for number in range(100):
            sender.send(lambda number=number: server.write(number))
        sender.drain()
    assert server.written == list(range(100))
    assert server.threads == {"sender"}


def test_sending_waits_for_nothing() -> None:
    held, done = threading.Event(), list[bool]()
    with Sender() as sender:
        try:
            for _ in range(1000):
                sender.send(lambda: done.append(held.wait()))
            assert done == []
        finally:
            held.set()
        sender.drain()
    assert len(done) == 1000


def test_a_server_that_comes_back_gets_every_write_once_and_the_user_two_lines() -> None:
    server, told = Server(away=3), list[str]()
    with Sender(notice=told.append) as sender:
        for number in range(5):
            sender.send(lambda number=number: server.write(number))
        sender.drain()
    assert server.written == [0, 1, 2, 3, 4]
    away, back = told
    assert away == "results wait on disk, training goes on: the server is away"
    assert back.startswith("back after ")


def test_a_server_that_stays_away_is_waited_for_and_then_named() -> None:
    server = Server(away=float("inf"))
    with Sender(patience_s=0.2) as sender:
        sender.send(lambda: server.write(0))
        sender.send(lambda: server.write(1))
        began = time.monotonic()
        with pytest.raises(AwayError, match="the server is away; 2 writes wait"):
            sender.drain()
        assert time.monotonic() - began >= 0.2
    assert server.written == []


def test_patience_counts_from_when_there_is_nothing_left_but_to_send() -> None:
    server = Server(away=float("inf"))
    with Sender(patience_s=1.0) as sender:
        sender.send(lambda: server.write(0))
        time.sleep(1.2)
        threading.Timer(0.1, lambda: setattr(server, "away", 0)).start()
        sender.drain()
    assert server.written == [0]


@pytest.mark.parametrize("error", [ValueError("a bug"), Killed()])
def test_a_write_that_fails_otherwise_ends_the_sender_and_is_raised_where_it_is_used(error: BaseException) -> None:
    def fail() -> None:
        raise error

    server = Server()
    with Sender() as sender:
        sender.send(fail)
        sender.send(lambda: server.write(1))
        with pytest.raises(type(error)):
            sender.drain()
        with pytest.raises(type(error)):
            sender.send(lambda: server.write(2))
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

    with Sender() as sender:
        sender.send(fail)
        with pytest.raises(StorageError, match="no room on the disk") as caught:
            sender.drain()
    assert not isinstance(caught.value, AwayError)
    assert "\n" not in str(caught.value)


def test_what_is_asked_before_a_write_comes_before_each_attempt() -> None:
    asked, server = list[int](), Server(away=1)
    with Sender(before=lambda: asked.append(len(server.written))) as sender:
        sender.send(lambda: server.write(0))
        sender.send(lambda: server.write(1))
        sender.drain()
    assert asked == [0, 0, 1]


def test_the_end_waits_for_the_write_in_hand_and_leaves_the_rest() -> None:
    begun, held, server = threading.Event(), threading.Event(), Server()

    def slow() -> None:
        begun.set()
        held.wait()
        server.write(0)

    with Sender() as sender:
        sender.send(slow)
        sender.send(lambda: server.write(1))
        begun.wait()
        threading.Timer(0.05, held.set).start()
    assert server.written == [0]


def test_writes_of_one_lane_keep_their_order_and_wait_for_no_other_lane() -> None:
    held, written = threading.Event(), list[str]()

    def first() -> None:
        held.wait()
        written.append("a0")

    with Sender(threads=3) as sender:
        sender.send(first, "a")
        for number in range(1, 50):
            sender.send(lambda number=number: written.append(f"a{number}"), "a")
            sender.send(lambda number=number: written.append(f"b{number}"), "b")
        until = time.monotonic() + 10
        while len(written) < 49 and time.monotonic() < until:
            time.sleep(0.001)
        assert written == [f"b{number}" for number in range(1, 50)]
        held.set()
        sender.drain()
    assert written[49:] == [f"a{number}" for number in range(50)]


def test_as_many_lanes_go_on_at_once_as_there_are_threads() -> None:
    meet = threading.Barrier(3, timeout=10)
    met = list[int]()
    with Sender(threads=3) as sender:
        for lane in "abc":
            sender.send(lambda: met.append(meet.wait()), lane)
        sender.drain()
    assert sorted(met) == [0, 1, 2]


def test_a_write_without_a_lane_comes_after_all_before_it_and_before_all_after_it() -> None:
    written = list[str]()

    def slow(name: str) -> None:
        time.sleep(0.02)
        written.append(name)

    with Sender(threads=4) as sender:
        for lane in "abc":
            sender.send(lambda lane=lane: slow(lane), lane)
        sender.send(lambda: slow("alone"))
        for lane in "abc":
            sender.send(lambda lane=lane: slow(lane), lane)
        sender.drain()
    assert written[3] == "alone"
    assert sorted(written[:3]) == sorted(written[4:]) == ["a", "b", "c"]


def test_one_lane_that_fails_ends_all() -> None:
    def fail() -> None:
        raise ValueError("a bug")

    server = Server()
    with Sender(threads=2) as sender:
        sender.send(fail, "a")
        with pytest.raises(ValueError, match="a bug"):
            sender.drain()
        with pytest.raises(ValueError, match="a bug"):
            sender.send(lambda: server.write(1), "b")
    assert server.written == []


def test_several_lanes_tell_of_one_absence_once() -> None:
    away, told = threading.Event(), list[str]()
    away.set()
    counted, written = threading.Lock(), list[int]()

    def write(number: int) -> None:
        if away.is_set():
            raise AwayError("the server is away")
        with counted:
            written.append(number)

    with Sender(notice=told.append, threads=3) as sender:
        for number in range(30):
            sender.send(lambda number=number: write(number), f"lane {number % 5}")
        until = time.monotonic() + 60
        while not told and time.monotonic() < until:
            time.sleep(0.001)
        away.clear()
        sender.drain()
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
            raise AwayError("the server is away")
        assert [text.partition(" ")[0] for text in told] == ["results"]

    with Sender(notice=told.append, threads=2) as sender:
        sender.send(slow, "a")
        sender.send(fail_once, "b")
        sender.drain()
    assert [text.partition(" ")[0] for text in told] == ["results", "back"]


def test_only_one_lane_at_a_time_asks_what_is_asked_before_a_write() -> None:
    asking, together = threading.Lock(), list[bool]()

    def ask() -> None:
        together.append(not asking.acquire(blocking=False))
        time.sleep(0.001)
        asking.release()

    with Sender(before=ask, threads=4) as sender:
        for number in range(40):
            sender.send(lambda: None, str(number))
        sender.drain()
    assert together == [False] * 40
