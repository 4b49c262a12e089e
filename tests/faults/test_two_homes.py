"""Two homes, such as two machines, on one tracking server: readers see every fold once, also one that both train."""

import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient

from ser.errors import StudyError
from studies.execution.base import Event
from studies.storages import storage_at
from tests.support.interruptions import DelayedExecutor, InterruptingExecutor
from tests.support.mlflow_server import MlflowServer
from tests.support.served_study import ServedStudy
from tests.support.toy_coordinator import InProcess, StudyFixture, plan_of
from tests.support.toy_studies import SCHEME
from tracking.writing.background_writer import BackgroundWriter

PLAN = plan_of("none", "quantum")
FOLDS = 2 * len(SCHEME)
LONG_S = 60.0


class SynchronizedExecutor(DelayedExecutor):
    """Ends every fold at the same time as another home's executor does.

    Args:
        meet: Where both wait for each other.
        delay_ms: How much later this home has begun its folds.
    """

    def __init__(self, meet: threading.Barrier, delay_ms: int) -> None:
        super().__init__(delay_ms)
        self._meet = meet

    def wait(self, timeout_s: float) -> list[Event]:
        events = super().wait(timeout_s)
        self._meet.wait()
        return events


class RunCreationBarrier:
    """Lets two homes create the runs of a fold only when both have looked and found none.

    Args:
        meet: Where both wait for each other.
    """

    def __init__(self, meet: threading.Barrier) -> None:
        self._meet = meet
        self._create = MlflowClient.create_run

    def create_run(self, client: MlflowClient, *arguments: Any, **options: Any) -> Any:
        if options.get("tags", {}).get("ser.kind") == "fold":
            self._meet.wait()
        return self._create(client, *arguments, **options)


def run_at_once(homes: dict[str, StudyFixture], studies: tuple[str, str]) -> None:
    """Runs a study in each of two homes, fold by fold at the same time."""
    failures: list[list[str]] = []
    folds, writes = (threading.Barrier(2, timeout=LONG_S) for _ in range(2))

    def run(home: StudyFixture, study: str, delay_ms: int) -> None:
        with home.storage.acquire_lease(study) as lease, BackgroundWriter(lease.check) as writer:
            failures.append(home.start(PLAN, SynchronizedExecutor(folds, delay_ms), study=study, sender=writer))

    threads = [
        threading.Thread(target=run, args=(home, study, 1000 * number))
        for number, (home, study) in enumerate(zip(homes.values(), studies, strict=True))
    ]
    at_once = RunCreationBarrier(writes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            MlflowClient, "create_run", lambda *arguments, **options: at_once.create_run(*arguments, **options)
        )
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == [[], []]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_folds_that_two_homes_train_at_once_are_seen_once(
    kind: str, server: MlflowServer, tmp_path: Path, empty_store: Path, empty_search: Path, request: Any
) -> None:
    homes: dict[str, StudyFixture] = {
        name: ServedStudy(tmp_path / name, empty_store, empty_search, server.url, f"two studies, {kind}")
        for name in ("near", "far")
    }
    if kind == "postgresql":
        url = request.getfixturevalue("postgresql_url")
        for home in homes.values():
            home.storage = storage_at(url, home.database)
    run_at_once(homes, ("first", "second"))
    home = homes["near"]
    all_runs = home.store.client.search_runs([home.store.experiment], "", ViewType.ALL, 1000)
    assert {run.info.status for run in all_runs} == {"FINISHED"}
    written = Counter(run.data.tags["ser.fold_identity"] for run in all_runs if run.data.tags["ser.kind"] == "fold")
    assert list(written.values()) == [2] * FOLDS
    canonical = home.store.runs(ser__kind="fold")
    assert Counter(run.data.tags["ser.fold_identity"] for run in canonical) == dict.fromkeys(written, 1)
    # The first study's folds began a second earlier.
    assert {run.data.tags["ser.study"] for run in canonical} == {"first"}
    folds = [run for run in all_runs if run.data.tags["ser.kind"] == "fold"]
    replaced = [run.data.tags["ser.superseded"] for run in folds if run.data.tags["ser.study"] == "second"]
    assert sorted(replaced) == sorted(run.info.run_id for run in canonical)
    # No run has rows of both.
    assert {len(home.store.history(run, "training_loss")) for run in folds} == {3}
    # Whoever ends its trial after the other one has written all of it names the runs that stand for its own.
    trials = home.store.runs(ser__kind="trial", ser__study="second")
    links = [link for run in trials for link in run.data.tags.get("ser.reused_folds", "").split(", ") if link]
    assert set(links) <= {run.info.run_id for run in canonical}
    assert len(home.table().trials) == 2
    for study, home in zip(("first", "second"), homes.values(), strict=True):
        assert home.check(study) == []
        executor = InProcess()
        assert home.start(PLAN, executor, study=study) == []
        assert executor.handed_out == []
    assert len(home.store.client.search_runs([home.store.experiment], "", ViewType.ALL, 1000)) == len(all_runs)


@pytest.mark.slow
def test_a_study_run_from_two_homes_is_complete_later(
    server: MlflowServer, tmp_path: Path, empty_store: Path, empty_search: Path
) -> None:
    # Nothing refuses the second coordinator: with SQLite each home has a lease of its own.
    homes: dict[str, StudyFixture] = {
        name: ServedStudy(tmp_path / name, empty_store, empty_search, server.url, "one study")
        for name in ("near", "far")
    }
    run_at_once(homes, ("first", "first"))
    settled = homes["near"].store.runs()
    assert Counter(run.data.tags["ser.kind"] for run in settled) == {"study": 1, "trial": 2, "fold": FOLDS}
    for home in homes.values():
        executor = InProcess()
        assert home.start(PLAN, executor) == []
        assert executor.handed_out == []
        assert home.check() == []
        runs = home.store.runs()
        assert Counter(run.data.tags["ser.kind"] for run in runs) == {"study": 1, "trial": 2, "fold": FOLDS}
        assert {run.info.status for run in runs} == {"FINISHED"}
        assert len(home.table().trials) == 2


@pytest.mark.slow
def test_with_postgresql_one_home_trains_and_the_other_fetches(
    server: MlflowServer, postgresql_url: str, tmp_path: Path, empty_store: Path, empty_search: Path
) -> None:
    near, far = (
        ServedStudy(tmp_path / name, empty_store, empty_search, server.url, "one claim") for name in ("near", "far")
    )
    for home in (near, far):
        home.storage = storage_at(postgresql_url, home.database)

    def start_far() -> None:
        with (
            pytest.raises(StudyError, match=f"study first is already running .process {os.getpid()} on "),
            far.storage.acquire_lease("first"),
        ):
            raise AssertionError("two homes train the same folds")

    first, second = InterruptingExecutor(1, start_far), InProcess()
    for home, executor in ((near, first), (far, second)):
        with home.storage.acquire_lease("first"):
            assert home.start(PLAN, executor) == []
    assert (len(first.handed_out), second.handed_out) == (FOLDS, [])
    assert far.results_on_disk.identities() == near.results_on_disk.identities()
    runs = near.store.client.search_runs([near.store.experiment], "", ViewType.ALL, 1000)
    assert Counter(run.data.tags["ser.kind"] for run in runs) == {"study": 1, "trial": 2, "fold": FOLDS}
    assert near.check() == far.check() == []
