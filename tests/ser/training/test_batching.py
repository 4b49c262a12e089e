"""Batches, upsampling and class weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from ser.training.batching import (
    CPU_COST,
    GPU_COST,
    MicroBatchCost,
    class_weights,
    make_epoch_batches,
    micro_batches,
    upsample_to_largest_class,
)

LENGTHS = np.random.default_rng(0).integers(100, 900, size=428)


@given(
    lengths=st.lists(st.integers(1, 500), min_size=1, max_size=80),
    batch_size=st.integers(1, 40),
    epoch=st.integers(0, 99),
)
def test_every_utterance_is_in_exactly_one_batch(lengths: list[int], batch_size: int, epoch: int) -> None:
    batches = make_epoch_batches(lengths, batch_size, (1, epoch))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert max(len(batch) for batch in batches) <= batch_size
    assert len(batches) == -(-len(lengths) // batch_size)
    assert all(batch.dtype == np.int64 for batch in batches)


def padded(batches: list[np.ndarray]) -> int:
    return sum(len(batch) * int(LENGTHS[batch].max()) for batch in batches)


def test_like_lengths_share_a_batch() -> None:
    order = np.random.default_rng(1).permutation(len(LENGTHS))
    unsorted = [order[start : start + 32] for start in range(0, len(order), 32)]
    waste = padded(make_epoch_batches(LENGTHS, 32, (1, 1))) / LENGTHS.sum()
    assert waste < 1.3
    assert padded(unsorted) / LENGTHS.sum() > 1.6


def mates(batches: list[np.ndarray]) -> set[frozenset[int]]:
    return {frozenset((int(a), int(b))) for batch in batches for a in batch for b in batch if a < b}


def test_mates_and_order_change_from_epoch_to_epoch() -> None:
    one, two = (make_epoch_batches(LENGTHS, 32, (1, epoch)) for epoch in (1, 2))
    shared = len(mates(one) & mates(two)) / len(mates(one))
    assert shared < 0.6
    means = [float(LENGTHS[batch].mean()) for batch in one]
    assert means != sorted(means)


def test_batches_depend_on_the_entropy_alone() -> None:
    np.random.seed(0)
    before = np.random.get_state()[1].copy()  # type: ignore[index]
    first = make_epoch_batches(LENGTHS, 32, (1, 5))
    assert np.array_equal(before, np.random.get_state()[1])  # type: ignore[index]
    np.random.seed(1)
    again = make_epoch_batches(LENGTHS, 32, (1, 5))
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in again]
    for other in ((2, 5), (1, 6)):
        assert [b.tolist() for b in first] != [b.tolist() for b in make_epoch_batches(LENGTHS, 32, other)]


CLASSES = np.asarray([0] * 10 + [1] * 4 + [2] * 25)
INDICES = np.arange(100, 139)


def test_upsampling_uses_every_utterance_about_equally_often() -> None:
    drawn = upsample_to_largest_class(INDICES, CLASSES, (1, 1))
    times = np.bincount(drawn, minlength=139)[100:]
    for emotion in range(3):
        own = times[emotion == CLASSES]
        assert own.sum() == 25
        assert own.max() - own.min() <= 1
    assert drawn.dtype == np.int64


def test_upsampling_is_drawn_anew_each_epoch_and_repeatable() -> None:
    assert (
        upsample_to_largest_class(INDICES, CLASSES, (1, 1)).tolist()
        == upsample_to_largest_class(INDICES, CLASSES, (1, 1)).tolist()
    )
    assert (
        upsample_to_largest_class(INDICES, CLASSES, (1, 1)).tolist()
        != upsample_to_largest_class(INDICES, CLASSES, (1, 2)).tolist()
    )


def test_upsampling_equal_classes_changes_nothing() -> None:
    assert upsample_to_largest_class(np.arange(6), np.asarray([0, 1, 0, 1, 0, 1]), (1,)).tolist() == [0, 2, 4, 1, 3, 5]


def test_class_weights_equal_sklearns_balanced_ones() -> None:
    weights = class_weights(CLASSES, 3)
    np.testing.assert_allclose(weights, compute_class_weight("balanced", classes=np.arange(3), y=CLASSES))
    assert weights[CLASSES].mean() == pytest.approx(1)


def test_a_class_without_utterances_has_no_weight() -> None:
    with pytest.raises(ValueError, match=r"class\(es\) \[3\] without utterances"):
        class_weights(CLASSES, 4)


def micro_cost(parts: list[list[int]], cost: MicroBatchCost) -> float:
    """The cost of a division into parts, each a list of lengths, written out."""
    return sum(
        sum(part) + cost.padding * (max(part) * len(part) - sum(part)) + max(part) * cost.step_rows + cost.call_frames
        for part in parts
    )


def divisions(values: list[int]) -> list[list[list[int]]]:
    """All ways to cut a list into neighbouring parts."""
    cuts = [[c for c in range(1, len(values)) if bits >> (c - 1) & 1] for bits in range(2 ** (len(values) - 1))]
    return [[values[a:b] for a, b in zip([0, *cut], [*cut, len(values)], strict=True)] for cut in cuts]


@given(
    lengths=st.lists(st.integers(1, 2 * CPU_COST.max_frames), min_size=1, max_size=8),
    cost=st.sampled_from([CPU_COST, GPU_COST, MicroBatchCost(0.5, 5.0, 10.0, 3000)]),
)
def test_a_batch_is_divided_at_the_least_cost_within_the_bound(lengths: list[int], cost: MicroBatchCost) -> None:
    parts = [[lengths[position] for position in part] for part in micro_batches(lengths, cost)]
    allowed = [
        division
        for division in divisions(sorted(lengths, reverse=True))
        if all(len(part) == 1 or max(part) * len(part) <= cost.max_frames for part in division)
    ]
    assert micro_cost(parts, cost) == pytest.approx(min(micro_cost(each, cost) for each in allowed))
    assert parts in allowed


@given(lengths=st.lists(st.integers(1, 3000), min_size=1, max_size=64))
def test_every_utterance_of_a_batch_is_in_exactly_one_part(lengths: list[int]) -> None:
    assert sorted(np.concatenate(micro_batches(lengths, CPU_COST)).tolist()) == list(range(len(lengths)))


def test_one_long_utterance_does_not_stretch_a_batch() -> None:
    assert [part.tolist() for part in micro_batches([60] * 31 + [2900], CPU_COST)] == [[31], list(range(31))]
    assert len(micro_batches([93] * 32, CPU_COST)) == 1


def test_a_gpu_divides_a_batch_for_memory_alone() -> None:
    assert len(micro_batches([60] * 31 + [2000], GPU_COST)) == 1
    parts = micro_batches([2900] * 32, GPU_COST)
    assert len(parts) == 2
    assert max(len(part) for part in parts) * 2900 <= GPU_COST.max_frames
