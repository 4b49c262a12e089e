"""What a report shows beside its results: costs of front ends."""

from pathlib import Path

import numpy as np

from ser.features.builder import store_key
from ser.identity import RESULTS_VERSION
from studies.reporting.study_context import front_end_costs
from studies.storages.home import Home
from tests.support.scored_trials import World, configuration, table_of, trial
from tests.support.toy_corpus import write_store
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
