"""What a fold's loop reads: features normalised for the fold, classes and target lengths."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ser.config import FoldConfiguration
from ser.corpora.corpus import Corpus
from ser.features.batches import DeviceFeatures, FeatureSource, MappedFeatures
from ser.features.normalization import fit_normalization
from ser.features.store import FeatureStore
from ser.folds import split_indices
from ser.results import Fold, TargetReport
from ser.training.targets import ctc_target_lengths


@dataclass(frozen=True)
class FoldData:
    """One fold of a corpus, ready to be learnt from.

    Attributes:
        corpus: The corpus.
        view: Normalised, stacked features of all utterances.
        training: Utterance indices of the training speakers.
        validation: Utterance indices of the validation speakers.
        test: Utterance indices of the test speakers.
        emotions: Class of each utterance, from 0, shape `(utterance,)`.
        counts: Target length N of each utterance, shape `(utterance,)`; 1 without CTC.
        targets: What became of the label sequences.
    """

    corpus: Corpus
    view: FeatureSource
    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    emotions: Tensor
    counts: Tensor
    targets: TargetReport

    @property
    def classes(self) -> int:
        """Number of emotions."""
        return len(self.corpus.emotions)

    def to(self, device: torch.device) -> "FoldData":
        """The same data with the features on a card, if `device` is one; on a processor they stay on the map."""
        if device.type != "cuda" or not isinstance(self.view, MappedFeatures):
            return self
        return replace(self, view=DeviceFeatures(self.view, device))


def prepare_fold_data(corpus: Corpus, store: FeatureStore, configuration: FoldConfiguration, fold: Fold) -> FoldData:
    """Splits, normalises and measures the targets of a fold.

    Args:
        corpus: The corpus, in the order of the store.
        store: Its raw log-mels.
        configuration: The configuration.
        fold: The fold; only its training speakers inform the `*_training` normalisations.

    Returns:
        The fold's data.

    Raises:
        ConfigurationError: The corpus lacks the counts that the label strategy needs.
        FoldError: A part is empty, or a speaker stands in two of them.
    """
    training, validation, test = split_indices(corpus, fold)
    speakers = [utterance.speaker for utterance in corpus.utterances]
    affine = fit_normalization(store, speakers, configuration.normalisation, fold.training_speakers)
    view = MappedFeatures(store, affine, configuration.stack)
    if configuration.labels is None:
        counts, targets = (1,) * len(speakers), TargetReport(utterances=len(speakers))
    else:
        counts, targets = ctc_target_lengths(corpus.utterances, configuration.labels, view.lengths.tolist())
    emotions = [corpus.emotions.index(utterance.emotion) for utterance in corpus.utterances]
    return FoldData(corpus, view, training, validation, test, torch.tensor(emotions), torch.tensor(counts), targets)
