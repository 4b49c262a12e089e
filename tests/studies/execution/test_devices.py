"""How many workers a machine gets, and how many of them share a GPU."""

import pytest
import torch

from studies.execution.devices import default_worker_devices, fold_bytes, gpu_devices, usable_cores
from tests.support.toy_corpus import small

GIB = 2**30


@pytest.mark.parametrize(
    ("free", "cores", "expected"),
    [
        ([80 * GIB], 64, ("cuda:0",) * 18),
        ([80 * GIB], 4, ("cuda:0",) * 4),
        ([GIB], 4, ("cuda:0",)),
        ([0, 0, 0], 1, ("cuda:0", "cuda:1", "cuda:2")),
        ([10 * GIB, 20 * GIB], 64, ("cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:1", "cuda:1")),
    ],
)
def test_a_gpu_takes_the_folds_that_memory_and_cores_allow(
    free: list[int], cores: int, expected: tuple[str, ...]
) -> None:
    assert gpu_devices(free, cores, 4 * GIB) == expected


def test_memory_of_a_fold_is_as_counted_by_hand() -> None:
    model = small(cells=3, layers=2)
    # 5 mel bands in, 2 x 3 out: inputs twice, eight numbers per cell and direction, outputs twice, the attention.
    numbers = (2 * 5 + 48 + 12) + (2 * 6 + 48 + 12) + 48
    assert fold_bytes(model, 100) - fold_bytes(model, 0) == 100 * 2 * 4 * numbers
    assert fold_bytes(model, 0) == 600 * 2**20


def test_workers_are_one_per_core_unless_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert default_worker_devices(None) == ("cpu",) * usable_cores()
    assert default_worker_devices(3) == ("cpu", "cpu", "cpu")


def test_gpus_are_shared_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert default_worker_devices(3) == ("cuda:0", "cuda:1", "cuda:0")


def test_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    for physical, expected in ((64, 3), (2, 2), (None, 3)):
        monkeypatch.setattr("psutil.cpu_count", lambda logical, count=physical: count)
        assert usable_cores() == expected
