"""A few rounds of the fault campaign; `make chaos` runs many."""

import pytest

from tests.studies.chaos import Campaign


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
