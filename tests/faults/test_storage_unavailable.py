"""PostgreSQL that dies in the middle of a study: nothing is lost, nothing doubled, nobody waits, nobody intrudes."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import RDBStorage

from ser.errors import StudyError, UnavailableError
from studies.coordination import coordinator
from studies.execution.base import Event
from studies.planning.plan import StudyPlan
from studies.search.optuna_study import OptunaStudy
from studies.storages import storage_at
from studies.storages.postgresql_lease import AdvisoryLease
from tests.support.interruptions import InterruptingExecutor, assert_whole
from tests.support.other_coordinator import other_coordinator
from tests.support.postgresql import PASSWORD, PostgresqlServer
from tests.support.toy_coordinator import InProcess, RecordingCallback, StudyFixture, plan_of, search_of
from tests.support.toy_studies import SCHEME
from tracking.writing.background_writer import BackgroundWriter

GRID = plan_of("none", "quantum")
SEARCH = search_of(2, pruner="median")
FOLDS = 2 * len(SCHEME)

pytestmark = pytest.mark.usefixtures("quick_pauses")


@pytest.fixture
def shared(tmp_path: Path, empty_store: Path, empty_search: Path, own_postgresql: PostgresqlServer) -> StudyFixture:
    """A place whose trials are in PostgreSQL."""
    made = StudyFixture(tmp_path / "shared", empty_store, empty_search)
    made.storage = storage_at(own_postgresql.url, made.database)
    return made


def start(
    place: StudyFixture,
    plan: StudyPlan,
    executor: InProcess,
    patience_s: float = 120,
    watcher: RecordingCallback | None = None,
) -> list[str]:
    """Runs the study as its one coordinator."""
    watcher = watcher or RecordingCallback()
    with (
        place.storage.acquire_lease("first") as held,
        BackgroundWriter(held.check, watcher.on_message, patience_s) as sender,
    ):
        return place.start(plan, executor, observer=watcher, sender=sender, confirm=held.check)


@pytest.mark.slow
def test_a_killed_server_that_comes_back_has_everything_once(
    own_postgresql: PostgresqlServer, shared: StudyFixture, place: StudyFixture
) -> None:
    trained_while_away = list[str]()
    watcher = RecordingCallback()

    def kill() -> None:
        own_postgresql.kill()
        threading.Thread(target=come_back, daemon=True).start()

    def come_back() -> None:
        # Back only when it was missed and everything is trained: training does not wait for it.
        while not watcher.repairs or len(shared.results_on_disk.identities()) < FOLDS:
            time.sleep(0.05)
        trained_while_away.extend(shared.results_on_disk.identities())
        own_postgresql.start()

    executor = InterruptingExecutor(2, kill)
    assert start(shared, GRID, executor, watcher=watcher) == []
    assert len(trained_while_away) == FOLDS
    away, back = watcher.repairs
    assert " unavailable (" in away
    assert away.endswith("; training continues, results are on disk")
    assert PASSWORD not in away
    assert back.startswith("tracking is back after ")
    assert len(executor.handed_out) == FOLDS
    place.start(GRID)
    assert_whole(shared, place, GRID)


@pytest.mark.slow
def test_a_search_waits_for_its_next_point_and_goes_on(
    own_postgresql: PostgresqlServer, shared: StudyFixture, place: StudyFixture
) -> None:
    watcher = RecordingCallback()

    def kill() -> None:
        own_postgresql.kill()
        threading.Thread(target=come_back, daemon=True).start()

    def come_back() -> None:
        while not watcher.repairs:
            time.sleep(0.05)
        own_postgresql.start()

    executor = InterruptingExecutor(3, kill)
    assert start(shared, SEARCH, executor, watcher=watcher) == []
    assert watcher.repairs
    assert len(executor.handed_out) == len(set(executor.handed_out)) == SEARCH.size * len(SCHEME)
    place.start(SEARCH, InProcess(slots=1))
    assert_whole(shared, place, SEARCH)


@pytest.mark.slow
def test_the_next_start_writes_what_a_dead_server_lacks(
    own_postgresql: PostgresqlServer, shared: StudyFixture, place: StudyFixture
) -> None:
    executor = InterruptingExecutor(2, own_postgresql.kill)
    with pytest.raises(
        UnavailableError, match=r" unavailable .* results are on disk, [0-9]+ writes are pending\nthe study's runs"
    ) as told:
        start(shared, GRID, executor, patience_s=0.5)
    text = str(told.value)
    assert told.value.exit_code == 75
    assert "\n" not in text
    assert PASSWORD not in text
    assert len(executor.handed_out) == FOLDS
    assert len(shared.results_on_disk.identities()) == FOLDS
    with pytest.raises(UnavailableError, match=" unavailable "):
        start(shared, GRID, InProcess())
    own_postgresql.start()
    again = InProcess()
    assert start(shared, GRID, again) == []
    assert again.handed_out == []
    place.start(GRID)
    assert_whole(shared, place, GRID)


@pytest.mark.slow
def test_a_study_that_another_coordinator_took_is_left_alone(
    own_postgresql: PostgresqlServer, shared: StudyFixture, place: StudyFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off, check = threading.Event(), AdvisoryLease.check

    def check_unless_cut_off(lease: AdvisoryLease) -> None:
        if cut_off.is_set():
            raise UnavailableError("this machine's network is down")
        check(lease)

    monkeypatch.setattr(AdvisoryLease, "check", check_unless_cut_off)
    with ExitStack() as stack:
        taken: list[tuple[int, Any]] = []

        def lose() -> None:
            # Nothing is left to write: the end of the first fold's run is the last of it.
            while not any(run.info.status == "FINISHED" for run in shared.store.runs(ser__kind="fold")):
                time.sleep(0.05)
            cut_off.set()
            own_postgresql.kill()
            own_postgresql.start()
            other = stack.enter_context(other_coordinator((own_postgresql.url, shared.database), "first"))
            taken.append((other.pid, shared.store.snapshot()))
            cut_off.clear()

        executor = InterruptingExecutor(2, lose)
        with pytest.raises(StudyError, match=r"study first is already running \(process") as told:
            start(shared, GRID, executor)
        ((process, runs),) = taken
        assert f"process {process} on " in str(told.value)
        # Its runs are the other one's by now: they are neither written nor closed.
        assert shared.store.snapshot() == runs
        assert "RUNNING" in {run["status"] for run in runs}
    again = InProcess()
    assert start(shared, GRID, again) == []
    assert set(again.handed_out).isdisjoint(executor.handed_out[:-1])
    place.start(GRID)
    assert_whole(shared, place, GRID)


class Waiting(InProcess):
    """Has its first fold in hand until something holds.

    Args:
        act: What is done as soon as the fold is in hand.
        until: Whether it may end.
    """

    def __init__(self, act: Callable[[], None], until: Callable[[], bool]) -> None:
        super().__init__(slots=1)
        self._act: Callable[[], None] | None = act
        self._until = until

    def wait(self, timeout_s: float) -> list[Event]:
        if self._act is not None:
            self._act()
            self._act = None
        if not self._until():
            time.sleep(0.1)
            return []
        return super().wait(timeout_s)


@pytest.mark.slow
def test_a_lost_place_is_taken_again_before_a_fold_ends(
    own_postgresql: PostgresqlServer, shared: StudyFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator, "LEASE_CHECK_S", 0.2)

    def restart() -> None:
        # Nothing is left to write: the trial's run has begun, and parameters are the last that it gets.
        while not any(run.data.params for run in shared.store.runs(ser__kind="trial")):
            time.sleep(0.05)
        own_postgresql.kill()
        own_postgresql.start()

    def held() -> bool:
        return shared.storage.lease_owner("first") is not None

    executor = Waiting(restart, held)
    assert start(shared, GRID, executor) == []
    assert len(executor.handed_out) == FOLDS


# Every call that writes anything into the search's database while folds are trained.
WRITES = ("_create_new_trial", "set_trial_state_values", "set_trial_user_attr", "set_trial_intermediate_value")


class Unreliable:
    """Loses the connection once at every write, before or after it.

    Args:
        after: Whether the write is carried out, and its answer lost.
    """

    def __init__(self, after: bool) -> None:
        self._after = after
        self._created = 0
        self.lost: set[tuple[str, ...]] = set()

    def disturb(self, patch: pytest.MonkeyPatch) -> None:
        for name in WRITES:
            patch.setattr(RDBStorage, name, self._disturbed(name, getattr(RDBStorage, name)))

    def _key(self, name: str, arguments: tuple[Any, ...]) -> tuple[str, ...]:
        """The write, which is the same when it is tried again: the trial and the attribute, step or state."""
        if name == "_create_new_trial":
            return name, str(self._created)
        return name, *map(str, arguments[1:3])

    def _disturbed(self, name: str, write: Any) -> Any:
        import psycopg

        def disturbed(*arguments: Any, **others: Any) -> Any:
            key = self._key(name, arguments)
            lost = key not in self.lost
            self.lost.add(key)
            answer = None if lost and not self._after else write(*arguments, **others)
            if answer is not None and name == "_create_new_trial":
                self._created += 1
            if lost:
                raise optuna.exceptions.StorageInternalError("no commit") from psycopg.OperationalError("lost")
            return answer

        return disturbed


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("plan", [GRID, SEARCH], ids=["grid", "search"])
def test_a_connection_lost_at_every_write_changes_nothing(
    tmp_path: Path, empty_store: Path, empty_search: Path, place: StudyFixture, plan: StudyPlan, after: bool
) -> None:
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'ser-studies[postgres]'")
    undisturbed = InProcess(slots=1)
    assert place.start(plan, undisturbed) == []
    disturbed = StudyFixture(tmp_path / "disturbed", empty_store, empty_search)
    unreliable, executor, watcher = Unreliable(after), InProcess(slots=1), RecordingCallback()
    with pytest.MonkeyPatch.context() as patch, BackgroundWriter(notify=watcher.on_message) as sender:
        unreliable.disturb(patch)
        assert disturbed.start(plan, executor, observer=watcher, sender=sender) == []
    assert len(unreliable.lost) >= 2 * plan.size
    assert watcher.repairs[0] == "tracking unavailable (lost); training continues, results are on disk"
    assert executor.handed_out == undisturbed.handed_out
    assert_whole(disturbed, place, plan)


def test_a_connection_lost_while_pruning_queues_no_fold_twice(
    place: StudyFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged, report = list[int](), OptunaStudy.report_intermediate

    def lost_at_first(search: OptunaStudy, number: int, validation_ua: Mapping[int, float]) -> None:
        judged.append(number)
        if judged.count(number) == 1:
            raise UnavailableError("lost")
        report(search, number, validation_ua)

    monkeypatch.setattr(OptunaStudy, "report_intermediate", lost_at_first)
    # With room for more than the first point's folds the search is asked for the second one while they are in hand.
    executor = InProcess(slots=2 * len(SCHEME))
    with BackgroundWriter() as sender:
        assert place.start(SEARCH, executor, sender=sender) == []
    assert set(judged) == {0, 1}
    assert len(executor.handed_out) == len(set(executor.handed_out)) == SEARCH.size * len(SCHEME)
