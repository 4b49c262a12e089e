"""Map of the utterances for a report: principal components of the frames that the winner hears, pooled over time."""

from collections import defaultdict
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser.errors import FeatureStoreError
from ser.features.builder import store_key
from ser.features.store import FeatureStore, read_metadata
from ser.identity import RESULTS_VERSION
from studies.storages.home import Home
from tracking.analysis.report_context import UtteranceMap
from tracking.analysis.variants.scores import ScoredVariant

MAX_UTTERANCES = 600
"""More points cover each other, and large encoders have many gigabytes of frames."""


def draw_utterance_map(home: Home, variant: ScoredVariant) -> UtteranceMap | str | None:
    """Compute where utterances lie in the plane of the first two principal components.

    An utterance is the mean of its frames, standardised by the drawn utterances of its speaker where the variant's
    normalisation is by speaker, else by all that are drawn; of more than `MAX_UTTERANCES` every n-th is drawn.

    Returns:
        The map; None where its frames are not stored here, or do not match the tested utterances one to one; the
        reason where they are damaged.
    """
    if variant.provenance.results_version != RESULTS_VERSION:
        # The store holds the frames of today's code, which it did not hear.
        return None
    settings = variant.configuration.features
    folder = home.features / store_key(variant.predictions.corpus.digest, settings)
    if not folder.is_dir():
        return None
    utterances = _in_content_order(variant)
    step = -(-len(utterances) // MAX_UTTERANCES)
    chosen = range(0, len(utterances), step)
    names, speakers, emotions = zip(*(utterances[index] for index in chosen), strict=True)
    by_speaker = variant.configuration.normalisation == "zscore_speaker"
    groups = speakers if by_speaker else ("",) * len(chosen)
    try:
        metadata = read_metadata(folder)
        if metadata.utterances != len(utterances) or len({name for name, _, _ in utterances}) < len(utterances):
            return None
        points, explained = _project_store(folder, metadata.content_digest, chosen, groups)
    except (FeatureStoreError, OSError) as error:
        return f"no map of utterances: {error}"
    standard = f"standardised by the drawn utterances{' of each speaker' if by_speaker else ''}"
    return UtteranceMap(
        f"Means over time of the frames that {variant.label} hears ({settings.label}), {standard}, in their first two "
        "principal components." + (f" One of {step} utterances is drawn." if step > 1 else ""),
        names,
        speakers,
        emotions,
        points,
        explained,
    )


def _in_content_order(variant: ScoredVariant) -> list[tuple[str, str, str]]:
    """List id, speaker and emotion of the tested utterances in the order of the features: speaker, then as tested."""
    by_speaker: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    emotions = variant.predictions.corpus.emotions
    for fold in variant.folds[variant.scored_seeds[0]]:
        test = fold.test
        for name, speaker, actual in zip(test.utterances, test.speakers, test.actual, strict=True):
            by_speaker[speaker].append((name, speaker, emotions[actual]))
    return [utterance for speaker in sorted(by_speaker) for utterance in by_speaker[speaker]]


@lru_cache(maxsize=1)
def _project_store(
    folder: Path, content_digest: str, indices: range, groups: tuple[str, ...]
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Compute `principal_components` of the pooled frames of utterances; once for equal frames.

    A watched report is written again after every fold, and frames of a large corpus take seconds to read.

    Args:
        folder: The store.
        content_digest: Digest of its frames, which names them for the cache.
        indices: Positions of the utterances.
        groups: Group of each utterance, by whose frames it is standardised.
    """
    points, explained = principal_components(_pool(FeatureStore.open(folder), indices, groups))
    points.setflags(write=False)
    return points, explained


def _pool(store: FeatureStore, indices: range, groups: tuple[str, ...]) -> NDArray[np.float64]:
    """Average the frames of utterances, standardised by the frames of each group, shape `(utterance, width)`."""
    # One utterance in memory at a time: wide encoders have a gigabyte of frames.
    sums = [_mean_and_square(np.asarray(store.frames(index), dtype=np.float64)) for index in indices]
    counts = np.array([store.lengths[index] for index in indices], dtype=np.float64)[:, np.newaxis]
    means, squares = np.stack([mean for mean, _ in sums]), np.stack([square for _, square in sums])
    pooled = np.empty_like(means)
    for group in set(groups):
        members = np.array([name == group for name in groups])
        weights = counts[members] / counts[members].sum()
        mean = (weights * means[members]).sum(axis=0)
        variance = (weights * squares[members]).sum(axis=0) - mean**2
        deviation = np.sqrt(np.maximum(variance, 0))
        pooled[members] = (means[members] - mean) / np.where(deviation > 0, deviation, 1)
    return pooled


def _mean_and_square(frames: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return frames.mean(axis=0), np.square(frames).mean(axis=0)


def principal_components(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Project rows onto their first two principal components.

    Args:
        rows: At least two rows of at least two numbers, shape `(row, number)`.

    Returns:
        Coordinates, shape `(row, 2)`, the largest loading of each component positive; and the share of the variance
        along each, 0..1.
    """
    centred = rows - rows.mean(axis=0)
    left, singular, right = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(right[np.arange(2), np.abs(right[:2]).argmax(axis=1)])
    shares = singular**2 / max(float((singular**2).sum()), 1e-300)
    return left[:, :2] * singular[:2] * signs, (float(shares[0]), float(shares[1]))
