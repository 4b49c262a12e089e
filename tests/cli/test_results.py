"""`ser results`: what it lists, what it discards, and when it refuses."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ser.training.checkpoint import parse_result
from studies.cli.main import app
from studies.cli.results import rm
from studies.search.optuna_study import OptunaStudy
from studies.search.records import StartRecord, StudyLocation
from studies.search.summaries import StudySummary, list_studies
from studies.storages.base import Storage
from tests.support.toy_coordinator import StudyFixture, plan_of
from tests.support.toy_studies import CORPUS, SCHEME, trained
from tracking.results.store import ResultStore

PLAN = plan_of("none")
IDENTITIES = sorted(parse_result(trained(point, index)).identity for point in PLAN.points("fp32") for index in (0, 1))


@pytest.fixture
def finished(place: StudyFixture) -> StudyFixture:
    """A finished study, 'first'."""
    place.start(PLAN)
    search = OptunaStudy.open(place.storage, "first", PLAN)
    search.save_location(StudyLocation(place.store.experiment, CORPUS.digest, SCHEME[0].scheme, len(SCHEME)))
    search.save_start(StartRecord.of(CORPUS, Path("corpus"), "home", {}))
    return place


def ser_results(place: StudyFixture, *arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["results", *arguments, "--home", str(place.folder)], input=answer)


def stored(place: StudyFixture) -> list[str]:
    return sorted(ResultStore(place.folder / "results").identities())


def test_results_are_listed_by_study_and_by_corpus(finished: StudyFixture) -> None:
    for options in ((), ("--study", "first"), ("--corpus", CORPUS.name)):
        answer = ser_results(finished, "list", *options)
        assert answer.exit_code == 0, answer.output
        assert all(identity in answer.output for identity in IDENTITIES)
        assert "2 results" in answer.output
    unknown = ser_results(finished, "list", "--corpus", "other")
    assert unknown.exit_code == 1, unknown.output
    assert f"unknown corpus 'other'; valid: {CORPUS.name}" in unknown.output
    assert "unknown study" in ser_results(finished, "list", "--study", "other").output


def test_a_discarded_result_counts_nowhere_and_is_in_the_trash(finished: StudyFixture) -> None:
    ser_results(finished, "list")
    answer = ser_results(finished, "rm", IDENTITIES[0], answer="y\n")
    assert answer.exit_code == 0, answer.output
    assert "first (1 of its folds)" in answer.output
    assert stored(finished) == IDENTITIES[1:]
    assert [path.stem for path in (finished.folder / "trash").iterdir()] == IDENTITIES[:1]
    runs = finished.store.runs(ser__kind="fold")
    assert [run.data.tags["ser.fold_identity"] for run in runs] == IDENTITIES[1:]
    assert ser_results(finished, "rm", "--study", "first", "--yes").exit_code == 0
    assert stored(finished) == []
    assert "nothing to discard" in ser_results(finished, "rm", "--study", "first", "--yes").output


def test_nothing_is_discarded_without_consent_or_while_a_study_runs(finished: StudyFixture) -> None:
    assert ser_results(finished, "rm", "--study", "first", answer="n\n").exit_code == 1
    with finished.storage.acquire_lease("first"):
        answer = ser_results(finished, "rm", *IDENTITIES, "--yes")
    assert "study first is already running" in answer.stderr
    for arguments, message in (
        ((), "name either results or a study"),
        (("--study", "first", IDENTITIES[0]), "name either results or a study"),
        (("0" * 32,), "there is no result"),
    ):
        answer = ser_results(finished, "rm", *arguments, "--yes")
        assert (answer.exit_code, message in answer.stderr) == (1, True), answer.output
    assert stored(finished) == IDENTITIES
    assert len(finished.store.runs(ser__kind="fold")) == len(IDENTITIES)


def test_a_study_that_uses_results_while_the_user_thinks_is_refused(
    finished: StudyFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    listings: list[int] = []

    def list_as_if_it_began_late(storage: Storage) -> list[StudySummary]:
        listings.append(len(listings))
        studies = list_studies(storage)
        # The first two listings are before the user's answer: the study has not started then.
        return studies if len(listings) > 2 else [replace(study, identity_inputs=None) for study in studies]

    monkeypatch.setattr(rm, "list_studies", list_as_if_it_began_late)
    with finished.storage.acquire_lease("first"):
        answer = ser_results(finished, "rm", IDENTITIES[0], answer="y\n")
    assert "No study uses them." in answer.stdout
    assert "study first is already running" in answer.stderr
    assert stored(finished) == IDENTITIES


def test_a_study_uses_the_results_of_points_that_it_has_not_started(
    finished: StudyFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def list_as_if_stopped(storage: Storage) -> list[StudySummary]:
        return [replace(study, optuna_trials=()) for study in list_studies(storage)]

    monkeypatch.setattr(rm, "list_studies", list_as_if_stopped)
    answer = ser_results(finished, "rm", IDENTITIES[0], answer="n\n")
    assert "first (1 of its folds)" in answer.output
    with finished.storage.acquire_lease("first"):
        answer = ser_results(finished, "rm", IDENTITIES[0], answer="y\n")
    assert "study first is already running" in answer.stderr
    assert stored(finished) == IDENTITIES
