"""The row of a card, which few machines have, computed on a processor with a small model."""

from functools import partial
from pathlib import Path

import pytest

from benchmarks import workers
from benchmarks.training import share_of_rate
from benchmarks.workers import trial_against_reference
from benchmarks.workloads import Source, configuration_of

SMALL = partial(configuration_of, cells=4, layers=1)


@pytest.mark.slow
def test_a_trial_of_all_folds_is_held_against_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "configuration_of", SMALL)
    (row,) = trial_against_reference(Source(tmp_path, share=0.02), epochs=1, device="cpu")
    assert row.case == "2.0% of IEMOCAP's shape, 10 ms, none, 10 folds, cpu"
    ours_s, reference_s = (float(text.split()[-1]) for text in row.details.split(" s")[:2])
    assert row.value == pytest.approx(reference_s / ours_s, rel=0.1)
    assert row.value > 0


def test_the_share_of_the_machines_rate_is_a_share(tmp_path: Path) -> None:
    (row,) = share_of_rate(Source(tmp_path, share=0.02), SMALL("none", 30), rounds=1, aim=None, device="cpu")
    assert 0 < row.value < 100
    assert row.reached is None
