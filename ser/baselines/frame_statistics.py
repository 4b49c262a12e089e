"""Logistic regression on means and deviations of the frames of a study's front end."""

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ser.baselines.base import BaselineData, Progress, VectorsOfFold
from ser.baselines.logistic_regression import LogisticRegressionBaseline
from ser.features.batches import MappedFeatures
from ser.features.normalization import fit_normalization
from ser.results import FRAME_STATISTICS, Fold

_OF_TRAINING_SPEAKERS = ("minmax_training", "zscore_training")
"""Normalisations that differ from fold to fold."""


class FrameStatisticsBaseline(LogisticRegressionBaseline):
    """Logistic regression on mean and deviation of each number of the study's frames: `2 * width` numbers."""

    functionals = FRAME_STATISTICS

    @override
    def describe(self, data: BaselineData, progress: Progress) -> VectorsOfFold:
        vectors: dict[tuple[str, ...], NDArray[np.float64]] = {}

        def vectors_of_fold(fold: Fold) -> NDArray[np.float64]:
            measured = fold.training_speakers if data.normalisation in _OF_TRAINING_SPEAKERS else ()
            if measured not in vectors:
                # The caller counts the folds, so that later ones do not go back.
                report = _report_nothing if vectors else progress
                vectors.clear()
                vectors[measured] = _frame_statistics(data, measured, report)
            return vectors[measured]

        return vectors_of_fold


def _report_nothing(done: int, total: int) -> None:
    """Take progress that nobody waits for."""


def _frame_statistics(
    data: BaselineData, measured_speakers: tuple[str, ...], progress: Progress
) -> NDArray[np.float64]:
    """Compute the mean and deviation of each number of an utterance's frames, shape `(utterance, 2 * width)`."""
    speakers = [utterance.speaker for utterance in data.corpus.utterances]
    affine = fit_normalization(data.store, speakers, data.normalisation, measured_speakers)
    view = MappedFeatures(data.store, affine, stack=1)
    rows = []
    for index in range(len(speakers)):
        frames = view.batch([index])[0][0].numpy().astype(np.float64)
        rows.append(np.concatenate([frames.mean(axis=0), frames.std(axis=0)]))
        progress(index + 1, len(speakers))
    return np.stack(rows)
