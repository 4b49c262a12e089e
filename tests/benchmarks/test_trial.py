"""The measurement of a GPU, which few machines have, made on a CPU with a small model."""

import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cases import workers
from benchmarks.cases.training import peak_share
from benchmarks.cases.workers import trial_vs_reference
from benchmarks.workloads import Source, configuration_of

SMALL = partial(configuration_of, cells=4, layers=1)


@pytest.mark.slow
def test_a_trial_of_all_folds_is_compared_with_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    returned: dict[str, list[Any]] = {"_train": [], "run_interleaved": []}

    def recording(name: str) -> Callable[..., Any]:
        function = getattr(workers, name)

        def call(*arguments: Any) -> Any:
            returned[name].append(function(*arguments))
            return returned[name][-1]

        return call

    for name in returned:
        monkeypatch.setattr(workers, name, recording(name))
    monkeypatch.setattr(workers, "configuration_of", SMALL)
    (measurement,) = trial_vs_reference(Source(tmp_path, share=0.02), epochs=2, device="cpu", workers=2)
    assert measurement.case == "2.0% of IEMOCAP's shape, 10 ms, none, 10 folds, cpu"
    _, ours_s = returned["_train"]
    (calls,) = returned["run_interleaved"]
    _, *epochs_s = (epoch.wall_s for epoch in calls["reference"])
    assert measurement.value == pytest.approx(10 * 2 * statistics.median(epochs_s) / ours_s)


def test_the_share_of_the_machines_rate_is_a_share(tmp_path: Path) -> None:
    (measurement,) = peak_share(Source(tmp_path, share=0.02), SMALL("none", 30), rounds=1, target=None, device="cpu")
    assert 0 < measurement.value < 100
    assert measurement.passed is None
