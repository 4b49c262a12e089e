"""How many workers a machine gets, and how many of them share a GPU."""

import pytest

from studies.execution import devices
from studies.execution.devices import slots_per_gpu, usable_cores


def test_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    for physical, expected in ((64, 3), (2, 2), (None, 3)):
        monkeypatch.setattr("psutil.cpu_count", lambda logical, count=physical: count)
        assert usable_cores() == expected


@pytest.mark.parametrize(("cores", "gpus", "slots"), [(16, 1, 16), (16, 2, 8), (9, 2, 4), (1, 4, 1)])
def test_gpus_share_the_cores(cores: int, gpus: int, slots: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "usable_cores", lambda: cores)
    assert slots_per_gpu(gpus) == slots
