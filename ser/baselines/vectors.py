"""Functionals of the audio: computed once, and normalised by speakers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser.baselines.base import BaselineData, Progress, VectorsOfFold
from ser.features.builder import compute_frames
from ser.features.frontends.base import FrontEnd
from ser.features.normalization import fit_normalization
from ser.results import Fold

_LARGEST_DEVIATION = 6.0
"""Normalised numbers are clipped to as many deviations: a ratio of two small numbers has no bounds."""


@dataclass(frozen=True)
class _Vectors:
    """Vectors as utterances of one frame.

    Attributes:
        values: Shape `(utterance, number)`.
    """

    values: NDArray[np.float64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.ones(len(self.values), dtype=np.int64)

    @property
    def width(self) -> int:
        return int(self.values.shape[1])

    def frames(self, index: int) -> NDArray[np.floating]:
        return self.values[index : index + 1]


def describe_audio(data: BaselineData, front_end: FrontEnd, progress: Progress) -> VectorsOfFold:
    """Compute one vector of each utterance of a corpus from its audio, with one thread per core.

    Args:
        data: The data; its normalisation takes means and deviations of each speaker, or of the training speakers.
        front_end: Makes a single frame of each utterance.
        progress: Called with the number of utterances that are done, and of all.

    Raises:
        AudioError: An audio file is gone or has changed since the corpus was read.
    """
    rows, total = [], len(data.corpus.utterances)
    for number, (frames,) in enumerate(compute_frames(data.corpus, front_end), 1):
        rows.append(frames[0].astype(np.float64))
        progress(number, total)
    vectors = np.stack(rows)
    speakers = [utterance.speaker for utterance in data.corpus.utterances]

    def vectors_of_fold(fold: Fold) -> NDArray[np.float64]:
        # Units first, which span many powers of ten: a small deviation within a speaker is then one, and not a unit.
        training = vectors[np.isin(speakers, fold.training_speakers)]
        deviation = training.std(axis=0)
        scaled = (vectors - training.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
        affine = fit_normalization(_Vectors(scaled), speakers, data.normalisation, fold.training_speakers)
        normalised = (scaled - affine.shift) * affine.scale
        return np.asarray(np.clip(normalised, -_LARGEST_DEVIATION, _LARGEST_DEVIATION), dtype=np.float64)

    return vectors_of_fold
