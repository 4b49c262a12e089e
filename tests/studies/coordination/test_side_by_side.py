"""Two studies at once over one storage and one tracking store."""

import threading
from collections import Counter

import pytest

from studies.storages import storage_at
from tests.support.toy_coordinator import InProcess, StudyFixture, plan_of
from tests.support.toy_studies import SCHEME
from tracking.writing.background_writer import BackgroundWriter

FIRST, SECOND = plan_of("none", "quantum"), plan_of("none", "local")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_studies_at_once_share_the_folds_of_a_point(
    place: StudyFixture, kind: str, request: pytest.FixtureRequest
) -> None:
    if kind == "postgresql":
        place.storage = storage_at(request.getfixturevalue("postgresql_url"), place.database)
    ended: dict[str, list[str]] = {}
    meet = threading.Barrier(2, timeout=60)

    def run(study: str) -> None:
        meet.wait()
        with place.storage.acquire_lease(study) as held, BackgroundWriter(held.check, threads=2) as sender:
            ended[study] = place.start(
                FIRST if study == "first" else SECOND, InProcess(slots=1), study=study, sender=sender
            )

    threads = [threading.Thread(target=run, args=(study,)) for study in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == {"first": [], "second": []}
    runs = place.store.runs()
    assert {run.info.status for run in runs} == {"FINISHED"}
    identities = Counter(run.data.tags["ser.fold_identity"] for run in runs if run.data.tags["ser.kind"] == "fold")
    assert len(identities) == 3 * len(SCHEME)
    assert set(identities.values()) == {1}
    kinds = Counter((run.data.tags["ser.kind"], run.data.tags["ser.study"]) for run in runs)
    assert kinds["study", "first"] == kinds["study", "second"] == 1
    assert kinds["trial", "first"] == kinds["trial", "second"] == 2
    assert place.unrecorded() == frozenset()
    assert len(place.table().trials) == 3
