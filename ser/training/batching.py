"""Batches of like lengths, and answers to unequal classes; all draws are seeded, none is global."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LENGTH_JITTER = 0.15
"""Lengths are taken as up to this share longer or shorter when batches are formed."""


@dataclass(frozen=True)
class MicroBatchCost:
    """Cost of computing a micro-batch of V valid and P padding frames, T steps long.

    It is V + padding * P + step_rows * T + call_frames, in frames of one utterance.

    Constants of the code, since a cost that is measured anew would move results from machine to machine.

    Attributes:
        padding: Cost of a padded frame, as a share of a valid one: recurrent layers compute few of them where they
            divide a micro-batch into segments (`ser.model.packing`), the layers after them compute all.
        step_rows: Cost of a frame however many utterances share it, in utterances.
        call_frames: Cost of a micro-batch however small it is, in frames of one utterance.
        max_frames: Padded frames of a micro-batch, at most: they bound a worker's memory.
    """

    padding: float
    step_rows: float
    call_frames: float
    max_frames: int


CPU_COST = MicroBatchCost(padding=0.15, step_rows=0.6, call_frames=100, max_frames=8192)
"""One core of a CPU: measured at 2 x (128 + 128) cells."""

GPU_COST = MicroBatchCost(padding=1, step_rows=100_000, call_frames=0, max_frames=65_536)
"""A GPU: NOT measured. A step's duration hardly depends on its rows there, so micro-batches follow from memory."""


# Streams of random numbers that share a seed must still differ.
_BATCHES, _UPSAMPLING = 1, 2


def make_epoch_batches(
    lengths: Sequence[int] | NDArray[np.int64], batch_size: int, seed_parts: Sequence[int]
) -> list[NDArray[np.int64]]:
    """Cut one epoch into batches of like lengths, with other mates each epoch.

    Sorting by length spares padding; the jitter mixes neighbours; the batches come in random order.

    Args:
        lengths: Frames of each utterance.
        batch_size: Utterances per batch; the last that is cut may be smaller.
        seed_parts: Whole numbers, 0 or more, that alone decide the draw, such as a seed and the epoch.

    Returns:
        Positions in `lengths`, each in exactly one batch.
    """
    generator = _generator(_BATCHES, seed_parts)
    factors = 1.0 + generator.uniform(-LENGTH_JITTER, LENGTH_JITTER, size=len(lengths))
    order = np.argsort(np.asarray(lengths) * factors, kind="stable").astype(np.int64)
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    return [batches[position] for position in generator.permutation(len(batches))]


def micro_batches(lengths: Sequence[int] | NDArray[np.int64], cost: MicroBatchCost) -> list[NDArray[np.int64]]:
    """Divide a batch into micro-batches of like lengths that are computed one after the other.

    Their gradients add up to the batch's, so a batch stays one step of the optimiser. One long
    utterance no longer stretches 31 short ones, and the memory of a micro-batch is bounded. Of all
    divisions of the utterances sorted by length the cheapest is taken.

    Args:
        lengths: Frames of each utterance of the batch.
        cost: Cost of micro-batches on the device that computes them.

    Returns:
        Positions in `lengths`, each in exactly one micro-batch, the longest first. None has more than
        `cost.max_frames` padded frames, unless it is a single utterance.

    Examples:
        >>> [indices.tolist() for indices in micro_batches([300, 2900, 310], CPU_COST)]
        [[1], [2, 0]]
    """
    order = np.argsort(-np.asarray(lengths), kind="stable").astype(np.int64)
    longest = np.asarray(lengths)[order].astype(float)
    sums = np.concatenate([[0], np.cumsum(longest)])
    costs, starts = np.zeros(len(order) + 1), np.zeros(len(order) + 1, dtype=np.int64)
    for end in range(1, len(order) + 1):
        rows = np.arange(end, 0, -1)
        padded, valid = longest[:end] * rows, sums[end] - sums[:end]
        cost_of_last = valid + cost.padding * (padded - valid) + longest[:end] * cost.step_rows + cost.call_frames
        candidates = costs[:end] + cost_of_last
        candidates[(rows > 1) & (padded > cost.max_frames)] = np.inf
        starts[end] = int(candidates.argmin())
        costs[end] = candidates[starts[end]]
    divided, end = [], len(order)
    while end:
        divided.append(order[starts[end] : end])
        end = int(starts[end])
    return divided[::-1]


def upsample_to_largest_class(
    indices: NDArray[np.int64], classes: NDArray[np.int64], seed_parts: Sequence[int]
) -> NDArray[np.int64]:
    """Repeat utterances until each class has as many as the largest.

    Every utterance is repeated equally often, as far as that goes; the rest is drawn without
    replacement, anew for other seed parts.

    Args:
        indices: Utterances.
        classes: Class of each, in the same order.
        seed_parts: Whole numbers, 0 or more, that alone decide the draw, such as a seed and the epoch.

    Returns:
        Utterances with repetitions, grouped by class.
    """
    generator = _generator(_UPSAMPLING, seed_parts)
    present, counts = np.unique(classes, return_counts=True)
    largest = int(counts.max())
    repeated = []
    for emotion, count in zip(present, counts, strict=True):
        members = indices[classes == emotion]
        rest = generator.choice(members, size=largest % count, replace=False)
        repeated += [np.tile(members, largest // count), rest]
    return np.concatenate(repeated).astype(np.int64)


def class_weights(actual: Sequence[int] | NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Return weights of the classes: inverse to their frequency, with mean 1 over the utterances.

    Args:
        actual: Class of each utterance, 0 to classes - 1.
        classes: Number of classes.

    Returns:
        One weight per class, shape `(class,)`.

    Raises:
        ValueError: A class has no utterance, so that its weight would be infinite.
    """
    counts = np.bincount(np.asarray(actual), minlength=classes)
    if (counts == 0).any():
        raise ValueError(f"class(es) {np.flatnonzero(counts == 0).tolist()} without utterances have no weight")
    weights: NDArray[np.float64] = counts.sum() / (classes * counts)
    return weights


def _generator(stream: int, seed_parts: Sequence[int]) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence((stream, *seed_parts)))
