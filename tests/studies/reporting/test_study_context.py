"""What a report shows beside its results: costs of front ends, and commands that go on."""

from pathlib import Path

import numpy as np
import pytest

from ser.features.builder import store_key
from ser.identity import RESULTS_VERSION
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.reporting.study_context import front_end_costs, next_commands
from studies.search.summaries import StudySummary
from studies.storages.home import Home
from tests.support.scored_trials import World, configuration, table_of, trial
from tests.support.toy_corpus import write_store
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.report_context import FrontEndCost

WORLD = World(per_speaker=8)


def test_costs_are_of_front_ends_that_this_version_trained_with(tmp_path: Path) -> None:
    home, present = Home(tmp_path), configuration(stack=1)
    former = configuration(features={"kind": "log_mel_prosody"})
    for settings in (present, former):
        folder = home.features / store_key(WORLD.digest, settings.features)
        write_store(folder, [np.ones((3, 2), dtype=np.float32)] * 4)
    table = table_of(
        trial(WORLD, present, results_version=RESULTS_VERSION),
        trial(WORLD, configuration(stack=3), results_version=RESULTS_VERSION - 1),
        trial(WORLD, former, results_version=RESULTS_VERSION - 1),
    )
    size_bytes = sum(
        file.stat().st_size for file in (home.features / store_key(WORLD.digest, present.features)).iterdir()
    )
    assert front_end_costs(home, table) == (FrontEndCost("log_mel", 12, 2, size_bytes, None),)


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
