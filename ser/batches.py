"""Batches of like lengths, and answers to unequal classes; all draws are seeded, none is global."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LENGTH_JITTER = 0.15
"""Lengths are taken as up to this share longer or shorter when batches are formed."""

# Streams of random numbers that share a seed must still differ.
_BATCHES, _UPSAMPLING = 1, 2


def epoch_batches(
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


def upsampled(indices: NDArray[np.int64], classes: NDArray[np.int64], entropy: Sequence[int]) -> NDArray[np.int64]:
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
