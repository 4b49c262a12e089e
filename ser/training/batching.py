"""Batches of like lengths, and answers to unequal classes; all draws are seeded, none is global."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LENGTH_JITTER = 0.15
"""Lengths are taken as up to this share longer or shorter when batches are formed."""


@dataclass(frozen=True)
class MicroBatchCost:
    """What computing a part of V valid and P padding frames, T steps long, costs.

    It is V + padding * P + step_rows * T + call_frames, in frames of one utterance.

    Constants of the code, since a cost that is measured anew would move results from machine to machine.

    Attributes:
        padding: What a padded frame costs, as a share of a valid one: recurrent layers compute few of them where
            they divide a part into runs (`ser.model.packing`), what comes after them all.
        step_rows: What a frame costs however many utterances share it, in utterances.
        call_frames: What a part costs however small it is, in frames of one utterance.
        frames_at_most: Padded frames of a part, at most: what bounds a worker's memory.
    """

    padding: float
    step_rows: float
    call_frames: float
    frames_at_most: int


CPU_COST = MicroBatchCost(padding=0.15, step_rows=0.6, call_frames=100, frames_at_most=8192)
"""A processor's core: measured at 2 x (128 + 128) cells."""

GPU_COST = MicroBatchCost(padding=1, step_rows=100_000, call_frames=0, frames_at_most=65_536)
"""A graphics card: NOT measured. A step's duration hardly depends on its rows there, so parts follow from memory."""


def micro_batch_cost(device_type: str) -> MicroBatchCost:
    """The cost of parts on a kind of device, 'cpu' or 'cuda'."""
    return CPU_COST if device_type == "cpu" else GPU_COST


# Streams of random numbers that share a seed must still differ.
_BATCHES, _UPSAMPLING = 1, 2


def make_epoch_batches(
    lengths: Sequence[int] | NDArray[np.int64], batch_size: int, entropy: Sequence[int]
) -> list[NDArray[np.int64]]:
    """Cuts one epoch into batches of like lengths, with other mates each epoch.

    Sorting by length spares padding; the jitter mixes neighbours; the batches come in random order.

    Args:
        lengths: Frames of each utterance.
        batch_size: Utterances a batch; the last that is cut may be smaller.
        entropy: Whole numbers, 0 or more, that alone decide the draw, such as a seed and the epoch.

    Returns:
        Positions in `lengths`, each in exactly one batch.
    """
    generator = _generator(_BATCHES, entropy)
    factors = 1.0 + generator.uniform(-LENGTH_JITTER, LENGTH_JITTER, size=len(lengths))
    order = np.argsort(np.asarray(lengths) * factors, kind="stable").astype(np.int64)
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    return [batches[position] for position in generator.permutation(len(batches))]


def micro_batches(lengths: Sequence[int] | NDArray[np.int64], cost: MicroBatchCost) -> list[NDArray[np.int64]]:
    """Divides a batch into parts of like lengths that are computed one after the other.

    Gradients of the parts add up to the batch's, so a batch stays one step of the optimiser. One
    long utterance no longer stretches 31 short ones, and what a part needs of memory is bounded.
    Of all divisions of the utterances sorted by length the cheapest is taken.

    Args:
        lengths: Frames of each utterance of the batch.
        cost: What parts cost where they are computed.

    Returns:
        Positions in `lengths`, each in exactly one part, the longest first. No part has more than
        `cost.frames_at_most` padded frames, unless it is a single utterance.

    Examples:
        >>> [part.tolist() for part in micro_batches([300, 2900, 310], ONE_CORE)]
        [[1], [2, 0]]
    """
    order = np.argsort(-np.asarray(lengths), kind="stable").astype(np.int64)
    longest = np.asarray(lengths)[order].astype(float)
    sums = np.concatenate([[0], np.cumsum(longest)])
    costs, starts = np.zeros(len(order) + 1), np.zeros(len(order) + 1, dtype=np.int64)
    for end in range(1, len(order) + 1):
        rows = np.arange(end, 0, -1)
        padded, valid = longest[:end] * rows, sums[end] - sums[:end]
        own = valid + cost.padding * (padded - valid) + longest[:end] * cost.step_rows + cost.call_frames
        candidates = costs[:end] + own
        candidates[(rows > 1) & (padded > cost.frames_at_most)] = np.inf
        starts[end] = int(candidates.argmin())
        costs[end] = candidates[starts[end]]
    parts, end = [], len(order)
    while end:
        parts.append(order[starts[end] : end])
        end = int(starts[end])
    return parts[::-1]


def upsample_to_largest_class(
    indices: NDArray[np.int64], classes: NDArray[np.int64], entropy: Sequence[int]
) -> NDArray[np.int64]:
    """Repeats utterances until each class has as many as the largest.

    Every utterance is repeated equally often, as far as that goes; the rest is drawn without
    replacement, anew for other entropy.

    Args:
        indices: Utterances.
        classes: Class of each, in the same order.
        entropy: Whole numbers, 0 or more, that alone decide the draw, such as a seed and the epoch.

    Returns:
        Utterances with repetitions, grouped by class.
    """
    generator = _generator(_UPSAMPLING, entropy)
    present, counts = np.unique(classes, return_counts=True)
    largest = int(counts.max())
    parts = []
    for emotion, count in zip(present, counts, strict=True):
        own = indices[classes == emotion]
        rest = generator.choice(own, size=largest % count, replace=False)
        parts += [np.tile(own, largest // count), rest]
    return np.concatenate(parts).astype(np.int64)


def class_weights(actual: Sequence[int] | NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Weights of the classes: inverse to their frequency, with mean 1 over the utterances.

    Args:
        actual: Class of each utterance, 0 to classes - 1.
        classes: Number of classes.

    Returns:
        One weight a class, shape `(class,)`.

    Raises:
        ValueError: A class has no utterance, so that its weight would be infinite.
    """
    counts = np.bincount(np.asarray(actual), minlength=classes)
    if (counts == 0).any():
        raise ValueError(f"class(es) {np.flatnonzero(counts == 0).tolist()} without utterances have no weight")
    weights: NDArray[np.float64] = counts.sum() / (classes * counts)
    return weights


def _generator(stream: int, entropy: Sequence[int]) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence((stream, *entropy)))
