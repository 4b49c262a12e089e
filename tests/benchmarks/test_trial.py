"""The row of a card, which few machines have, computed on a processor with a small model."""

import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cases import workers
from benchmarks.cases.training import peak_share
from benchmarks.cases.workers import trial_against_reference
from benchmarks.workloads import Source, configuration_of

SMALL = partial(configuration_of, cells=4, layers=1)


@pytest.mark.slow
def test_a_trial_of_all_folds_is_held_against_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, list[Any]] = {"_train": [], "in_turn": []}

    def noted(name: str) -> Callable[..., Any]:
        real = getattr(workers, name)

        def call(*arguments: Any) -> Any:
            seen[name].append(real(*arguments))
            return seen[name][-1]

        return call

    for name in seen:
        monkeypatch.setattr(workers, name, noted(name))
    monkeypatch.setattr(workers, "configuration_of", SMALL)
    (row,) = trial_against_reference(Source(tmp_path, share=0.02), epochs=2, device="cpu")
    assert row.case == "2.0% of IEMOCAP's shape, 10 ms, none, 10 folds, cpu"
    _, ours_s = seen["_train"]
    (timed,) = seen["in_turn"]
    _, *epochs_s = (epoch.wall_s for epoch in timed["reference"])
    assert row.value == pytest.approx(10 * 2 * statistics.median(epochs_s) / ours_s)


def test_the_share_of_the_machines_rate_is_a_share(tmp_path: Path) -> None:
    (row,) = peak_share(Source(tmp_path, share=0.02), SMALL("none", 30), rounds=1, aim=None, device="cpu")
    assert 0 < row.value < 100
    assert row.passed is None
