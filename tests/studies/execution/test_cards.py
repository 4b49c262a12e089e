"""How many folds share a card."""

import pytest

from studies.execution.devices import card_devices, fold_bytes
from tests.support.configurations import small

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
def test_a_card_takes_as_many_folds_as_memory_and_cores_allow(
    free: list[int], cores: int, expected: tuple[str, ...]
) -> None:
    assert card_devices(free, cores, 4 * GIB) == expected


def test_memory_of_a_fold_is_counted_by_hand_for_a_small_model() -> None:
    model = small(cells=3, layers=2)
    # 5 mel bands in, 2 x 3 out: inputs twice, eight numbers a cell and direction, outputs twice, the attention.
    numbers = (2 * 5 + 48 + 12) + (2 * 6 + 48 + 12) + 48
    assert fold_bytes(model, 100) - fold_bytes(model, 0) == 100 * 2 * 4 * numbers
    assert fold_bytes(model, 0) == 600 * 2**20
