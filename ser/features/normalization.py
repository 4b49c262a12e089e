"""Normalisation of frames: affine for each utterance and feature, so that one form serves them all.

Statistics accumulate in float64 over the utterances in the corpus's order, so that they are the
same in every process.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser.config import Normalisation
from ser.errors import FoldError
from ser.features.store import FrameSource

# A range or a deviation below this is the rounding of one constant, digital silence say: float32
# resolves 2e-6 where log-mels lie. Dividing by it would blow rounding up to the size of speech, so
# such a band is only shifted: its value becomes 0, and stays near 0 where another part differs.
MIN_SPREAD = 1e-5


@dataclass(frozen=True)
class AffineNormalization:
    """Normalised frames are `(x - shift) * scale`, clipped to 0..1 where `clip` says so.

    Attributes:
        shift: Shape `(utterance, width)`, float32.
        scale: Shape `(utterance, width)`, float32, above 0.
        clip: Whether results outside 0..1 are moved to the nearer end.
    """

    shift: NDArray[np.float32]
    scale: NDArray[np.float32]
    clip: bool


def fit_normalization(
    store: FrameSource,
    speakers: Sequence[str],
    normalisation: Normalisation,
    training_speakers: Sequence[str],
) -> AffineNormalization:
    """Return the shift and scale of every utterance and band.

    - `minmax_utterance`: to 0..1 by the least and greatest value of the utterance, all bands together.
    - `minmax_training`: to 0..1 by the least and greatest value of all training speakers; clipped,
      since other speakers may lie outside.
    - `zscore_training`: each band to mean 0 and deviation 1 over the training speakers.
    - `zscore_speaker`: each band to mean 0 and deviation 1 over all the speaker's own utterances in
      the corpus, which sees the test speaker's unlabelled audio (transductive).

    Args:
        store: Raw frames.
        speakers: Speaker of each utterance, in the order of the store.
        normalisation: Name of the normalisation.
        training_speakers: Speakers that train.

    Raises:
        FoldError: No utterance of a training speaker is there, where they are needed.
    """
    training = np.isin(np.asarray(speakers), list(training_speakers))
    if normalisation in ("minmax_training", "zscore_training") and not training.any():
        raise FoldError(f"normalisation {normalisation} needs training speakers, and none has utterances")
    if normalisation == "minmax_utterance":
        return _minmax(store, *_min_max_per_utterance(store))
    if normalisation == "minmax_training":
        least, greatest = _min_max_per_utterance(store)
        return _minmax(
            store,
            np.full(len(least), least[training].min()),
            np.full(len(greatest), greatest[training].max()),
        )
    if normalisation == "zscore_training":
        return _zscore(store, [(training, np.ones(len(speakers), dtype=bool))])
    groups = [np.asarray(speakers) == speaker for speaker in sorted(set(speakers))]
    return _zscore(store, [(utterances, utterances) for utterances in groups])


def fit_by_utterances(store: FrameSource, measured: Sequence[NDArray[np.intp]]) -> AffineNormalization:
    """Return shift and scale of every utterance, to mean 0 and deviation 1 over utterances of its own choice.

    Args:
        store: Raw frames.
        measured: For each utterance the positions of those whose frames are measured, shape `(measured,)`.
    """
    moments = _measure(store, np.arange(len(store.lengths)))
    shift = np.empty((len(measured), store.width), dtype=np.float32)
    scale = np.empty_like(shift)
    for index, utterances in enumerate(measured):
        mean, deviation = moments.of(utterances).pool()
        shift[index], scale[index] = mean, _safe_inverse(deviation)
    return AffineNormalization(shift, scale, clip=False)


def _min_max_per_utterance(store: FrameSource) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and greatest value of each utterance, shape `(utterance,)` each."""
    count = len(store.lengths)
    least, greatest = np.empty(count), np.empty(count)
    for index in range(count):
        frames = store.frames(index)
        least[index], greatest[index] = frames.min(), frames.max()
    return least, greatest


def _minmax(store: FrameSource, least: NDArray[np.float64], greatest: NDArray[np.float64]) -> AffineNormalization:
    """To 0..1; clipped even where nothing lies outside, since rounding can pass 1 by its last bit."""
    shape = (len(store.lengths), store.width)
    shift = np.broadcast_to(least[:, None], shape)
    scale = np.broadcast_to(_safe_inverse(greatest - least)[:, None], shape)
    return AffineNormalization(shift.astype(np.float32), scale.astype(np.float32), clip=True)


def _zscore(store: FrameSource, groups: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]]) -> AffineNormalization:
    """To mean 0 and deviation 1 of each band.

    Args:
        store: Raw frames.
        groups: Which utterances are measured, and which are normalised by that; shape `(utterance,)` each.
    """
    shape = (len(store.lengths), store.width)
    shift, scale = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
    for measured, normalised in groups:
        mean, deviation = _measure(store, np.flatnonzero(measured)).pool()
        shift[normalised], scale[normalised] = mean, _safe_inverse(deviation)
    return AffineNormalization(shift, scale, clip=False)


@dataclass(frozen=True)
class _Moments:
    """Moments of utterances.

    Squares are taken about each utterance's own mean: squares about zero would lose half the digits of float64.

    Attributes:
        lengths: Frames, shape `(utterance,)`.
        means: Mean of each band, shape `(utterance, width)`.
        squares: Sum of squares about it, shape `(utterance, width)`.
    """

    lengths: NDArray[np.float64]
    means: NDArray[np.float64]
    squares: NDArray[np.float64]

    def of(self, utterances: NDArray[np.intp]) -> "_Moments":
        """Return the moments of some of the utterances."""
        return _Moments(self.lengths[utterances], self.means[utterances], self.squares[utterances])

    def pool(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and population deviation of each band over all frames, shape `(width,)` each."""
        total = self.lengths.sum()
        mean = (self.lengths @ self.means) / total
        between = self.lengths @ np.square(self.means - mean)
        return mean, np.sqrt((self.squares.sum(axis=0) + between) / total)


def _measure(store: FrameSource, utterances: NDArray[np.intp]) -> _Moments:
    lengths = store.lengths[utterances].astype(np.float64)
    means = np.empty((len(utterances), store.width))
    squares = np.empty_like(means)
    for position, index in enumerate(utterances):
        frames = store.frames(int(index)).astype(np.float64)
        means[position] = frames.mean(axis=0)
        squares[position] = np.square(frames - means[position]).sum(axis=0)
    return _Moments(lengths, means, squares)


def _safe_inverse(spread: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / np.where(spread < MIN_SPREAD, 1.0, spread)
