"""A few rounds of the fault campaign; `make chaos` runs many."""

import os
import signal
from pathlib import Path

import pytest

from tests.faults.chaos import EPOCHS, Campaign
from tests.faults.chaos_outages import outage
from tests.faults.chaos_process import Kill
from tests.support.postgresql import binaries

# The moments at which a study stands differently on disk, in the order in which it comes to them.
MOMENTS = {
    "before the first fold": Kill("all", signal.SIGKILL, 1, "after", 0, write_name="create_run"),
    "in the middle of folds": Kill("all", signal.SIGKILL, 0, "before", EPOCHS + 2),
    "between a result and its run": Kill("all", signal.SIGKILL, 1, "after", 0, write_name="put"),
    "between trials": Kill("all", signal.SIGKILL, 1, "before", 0, write_name="complete"),
    "after the last fold": Kill("all", signal.SIGKILL, 2, "after", 0, write_name="complete"),
}


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Campaign:
    return Campaign(tmp_path_factory.mktemp("chaos"), seed=7, empty=empty_store)


@pytest.mark.slow
def test_a_study_killed_at_five_moments_ends_as_an_undisturbed_one(campaign: Campaign) -> None:
    campaign.study_killed_at("sqlite", workers=2, storage=None, kills=tuple(MOMENTS.values()))
    assert campaign.tally.rounds == len(MOMENTS), "it ended before it was killed"


@pytest.mark.slow
def test_one_whose_search_is_in_postgresql_survives_a_kill(campaign: Campaign, postgresql_url: str) -> None:
    before = campaign.tally.rounds
    campaign.study("postgresql", workers=1, storage=postgresql_url, kills=1)
    assert campaign.tally.rounds > before


@pytest.mark.slow
def test_one_whose_servers_are_killed_and_started_ends_whole(campaign: Campaign) -> None:
    if not os.environ.get("SER_TEST_POSTGRES") or binaries() is None:
        pytest.skip("needs PostgreSQL's server programs (initdb, pg_ctl), and SER_TEST_POSTGRES set to wish for them")
    assert outage(campaign, "both", outage_s=1.0).startswith("both for 1 s: ")
