"""Memory that a fold takes of a GPU, as the driver and torch tell it, and the folds that fit beside it."""

import pytest
import torch

from studies.execution.gpu_memory import GpuMemory, measure_gpu_memory

GIB = 2**30


def test_a_fold_needs_its_peak_and_not_what_it_holds_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (76 * GIB, 80 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 3 * GIB)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda: 5 * GIB)
    # 4 GiB are in use, context and all, and 2 GiB more were.
    assert measure_gpu_memory() == GpuMemory(needed_bytes=6 * GIB, free_bytes=74 * GIB)


@pytest.mark.parametrize(("needed", "free", "folds"), [(10, 70, 6), (40, 40, 0), (79, 1, 0), (1, 79, 71)])
def test_nine_tenths_of_the_free_memory_are_given_out(needed: int, free: int, folds: int) -> None:
    assert GpuMemory(needed, free).further_folds() == folds
