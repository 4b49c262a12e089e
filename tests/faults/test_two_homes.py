"""Two homes, such as two machines, on one tracking server: folds that both train at once are seen once by everybody."""

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient

from studies.execution.base import Event
from studies.storages import storage_at
from tests.support.interruptions import DelayedExecutor
from tests.support.mlflow_server import MlflowServer
from tests.support.served_study import ServedStudy
from tests.support.toy_coordinator import InProcess, StudyFixture, plan_of
from tests.support.toy_studies import SCHEME
from tracking.outbox.background_writer import BackgroundWriter

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

    def create_run(self, client: MlflowClient, *arguments: Any, **others: Any) -> Any:
        if others.get("tags", {}).get("ser.kind") == "fold":
            self._meet.wait()
        return self._create(client, *arguments, **others)


def run_beside_each_other(places: dict[str, StudyFixture], studies: tuple[str, str]) -> None:
    """Runs a study in each of two homes, fold by fold at the same time."""
    ended: list[list[str]] = []
    folds, writes = (threading.Barrier(2, timeout=LONG_S) for _ in range(2))

    def run(place: StudyFixture, study: str, delay_ms: int) -> None:
        with place.storage.acquire_lease(study) as held, BackgroundWriter(held.check) as sender:
            ended.append(place.start(PLAN, SynchronizedExecutor(folds, delay_ms), study=study, sender=sender))

    threads = [
        threading.Thread(target=run, args=(place, study, 1000 * number))
        for number, (place, study) in enumerate(zip(places.values(), studies, strict=True))
    ]
    at_once = RunCreationBarrier(writes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MlflowClient, "create_run", lambda *arguments, **others: at_once.create_run(*arguments, **others))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert ended == [[], []]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_folds_that_two_homes_train_at_once_are_seen_once(
    kind: str, server: MlflowServer, tmp_path: Path, empty_store: Path, empty_search: Path, request: Any
) -> None:
    places: dict[str, StudyFixture] = {
        name: ServedStudy(tmp_path / name, empty_store, empty_search, server.url, f"two studies, {kind}")
        for name in ("near", "far")
    }
    if kind == "postgresql":
        url = request.getfixturevalue("postgresql_url")
        for place in places.values():
            place.storage = storage_at(url, place.database)
    run_beside_each_other(places, ("first", "second"))
    place = places["near"]
    every = place.store.client.search_runs([place.store.experiment], "", ViewType.ALL, 1000)
    assert {run.info.status for run in every} == {"FINISHED"}
    written = Counter(run.data.tags["ser.fold_identity"] for run in every if run.data.tags["ser.kind"] == "fold")
    assert list(written.values()) == [2] * FOLDS
    stands = place.store.runs(ser__kind="fold")
    assert Counter(run.data.tags["ser.fold_identity"] for run in stands) == dict.fromkeys(written, 1)
    # The first study's folds began a second earlier.
    assert {run.data.tags["ser.study"] for run in stands} == {"first"}
    folds = [run for run in every if run.data.tags["ser.kind"] == "fold"]
    replaced = [run.data.tags["ser.superseded"] for run in folds if run.data.tags["ser.study"] == "second"]
    assert sorted(replaced) == sorted(run.info.run_id for run in stands)
    # No run has rows of both.
    assert {len(place.store.history(run, "training_loss")) for run in folds} == {3}
    # Whoever ends its trial after the other one has written all of it names the runs that stand for its own.
    trials = place.store.runs(ser__kind="trial", ser__study="second")
    links = [link for run in trials for link in run.data.tags.get("ser.reused_folds", "").split(", ") if link]
    assert set(links) <= {run.info.run_id for run in stands}
    assert len(place.table().trials) == 2
    for study, each in zip(("first", "second"), places.values(), strict=True):
        assert each.check(study) == []
        again = InProcess()
        assert each.start(PLAN, again, study=study) == []
        assert again.handed_out == []
    assert len(place.store.client.search_runs([place.store.experiment], "", ViewType.ALL, 1000)) == len(every)


@pytest.mark.slow
def test_a_study_run_from_two_homes_is_complete_later(
    server: MlflowServer, tmp_path: Path, empty_store: Path, empty_search: Path
) -> None:
    # Nothing refuses the second coordinator: with SQLite each home has a place of its own for it.
    places: dict[str, StudyFixture] = {
        name: ServedStudy(tmp_path / name, empty_store, empty_search, server.url, "one study")
        for name in ("near", "far")
    }
    run_beside_each_other(places, ("first", "first"))
    for place in places.values():
        again = InProcess()
        assert place.start(PLAN, again) == []
        assert again.handed_out == []
        assert place.check() == []
        runs = place.store.runs()
        assert Counter(run.data.tags["ser.kind"] for run in runs) == {"study": 1, "trial": 2, "fold": FOLDS}
        assert {run.info.status for run in runs} == {"FINISHED"}
        assert len(place.table().trials) == 2
