"""Commands that a report offers to go on with."""

from pathlib import Path

import pytest

from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.reporting.next_commands import next_commands
from studies.search.summaries import StudySummary
from studies.storages.home import Home
from tests.support.scored_trials import World, configuration, table_of, trial
from tracking.analysis.comparison.overview import analyse

WORLD = World(per_speaker=8)


def summary_of(recipe: str) -> StudySummary:
    plan = StudyPlan.from_options(StudyOptions(corpus="demo", recipe=recipe, attentions=("none",)))
    return StudySummary("sweep", plan, None, 1, 1, 0, None, None, None, None, None, ())


@pytest.mark.parametrize(("recipe", "offered"), [("quick", True), ("extended", False)])
def test_more_seeds_are_offered_of_a_grid_but_not_of_a_search(tmp_path: Path, recipe: str, offered: bool) -> None:
    # With more seeds, a search is another one and proposes other points.
    (winner,) = analyse(table_of(trial(WORLD, configuration(), study="sweep"))).variants
    commands = dict(next_commands(Home(tmp_path), [summary_of(recipe)], winner))
    assert {"Make its model", "Recognise emotions"} <= set(commands)
    assert ("Train more seeds" in commands) == offered
