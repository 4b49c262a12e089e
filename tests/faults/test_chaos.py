"""A few rounds of the fault campaign; `make chaos` runs many."""

import os

import pytest

from tests.faults.chaos import Campaign
from tests.faults.chaos_outages import outage
from tests.support.postgresql import binaries


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    return Campaign(tmp_path_factory.mktemp("chaos"), seed=7)


@pytest.mark.slow
def test_a_study_killed_at_random_moments_ends_as_an_undisturbed_one(campaign: Campaign) -> None:
    campaign.study("sqlite", workers=2, storage=None, kills=2)
    assert campaign.tally.rounds > 0


@pytest.mark.slow
def test_so_does_one_whose_search_is_kept_in_postgresql(campaign: Campaign, postgresql_url: str) -> None:
    before = campaign.tally.rounds
    campaign.study("postgresql", workers=1, storage=postgresql_url, kills=1)
    assert campaign.tally.rounds > before


@pytest.mark.slow
def test_so_does_one_whose_servers_are_killed_and_started_again(campaign: Campaign) -> None:
    if not os.environ.get("SER_TEST_POSTGRES") or binaries() is None:
        pytest.skip("needs PostgreSQL's server programs (initdb, pg_ctl), and SER_TEST_POSTGRES set to wish for them")
    assert outage(campaign, "both", outage_s=1.0).startswith("both for 1 s: ")
