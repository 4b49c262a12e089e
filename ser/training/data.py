"""Data of one fold as its training loop reads them: features normalised for the fold, classes and target lengths."""

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
from ser.training.batching import CPU_COST, GPU_COST, MicroBatchCost
from ser.training.targets import ctc_target_lengths


@dataclass(frozen=True)
class FoldData:
    """One fold of a corpus, ready for training.

    Attributes:
        corpus: The corpus.
        features: Normalised, stacked features of all utterances.
        training: Utterance indices of the training speakers.
        validation: Utterance indices of the validation speakers.
        test: Utterance indices of the test speakers.
        emotions: Class of each utterance, from 0, shape `(utterance,)`.
        counts: Target length N of each utterance, shape `(utterance,)`; 1 without CTC.
        targets: Changes made to the label sequences.
        cost: Cost of micro-batches on the device that computes them.
    """

    corpus: Corpus
    features: FeatureSource
    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    emotions: Tensor
    counts: Tensor
    targets: TargetReport
    cost: MicroBatchCost = CPU_COST

    @property
    def classes(self) -> int:
        """Number of emotions."""
        return len(self.corpus.emotions)

    def to(self, device: torch.device) -> "FoldData":
        """Return the same data with the features on a GPU, if `device` is one; on a CPU they stay mapped."""
        if device.type != "cuda" or not isinstance(self.features, MappedFeatures):
            return self
        return replace(self, features=DeviceFeatures(self.features, device), cost=GPU_COST)

    def with_smaller_micro_batches(self) -> "FoldData":
        """Return the same data, of which half as many frames are computed at once, at most."""
        return replace(self, cost=replace(self.cost, max_frames=self.cost.max_frames // 2))


def prepare_fold_data(corpus: Corpus, store: FeatureStore, configuration: FoldConfiguration, fold: Fold) -> FoldData:
    """Split, normalise and measure the targets of a fold.

    Args:
        corpus: The corpus, in the order of the store.
        store: Its raw frames.
        configuration: The configuration.
        fold: The fold; only its training speakers inform the `*_training` normalisations.

    Raises:
        ConfigurationError: The corpus lacks the counts that the label strategy needs.
        FoldError: A subset is empty, or a speaker stands in two of them.
    """
    return _prepare(corpus, store, configuration, fold.training_speakers, split_indices(corpus, fold))


def prepare_corpus_data(corpus: Corpus, store: FeatureStore, configuration: FoldConfiguration) -> FoldData:
    """Prepare a corpus that is trained on whole: no utterance validates or tests.

    Raises:
        ConfigurationError: The corpus lacks the counts that the label strategy needs.
    """
    none = np.empty(0, dtype=np.int64)
    subsets = (np.arange(len(corpus.utterances), dtype=np.int64), none, none)
    return _prepare(corpus, store, configuration, corpus.speakers, subsets)


def _prepare(
    corpus: Corpus,
    store: FeatureStore,
    configuration: FoldConfiguration,
    training_speakers: tuple[str, ...],
    subsets: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
) -> FoldData:
    """Normalise utterances by training speakers, and measure targets; the subsets train, validate and test."""
    speakers = [utterance.speaker for utterance in corpus.utterances]
    affine = fit_normalization(store, speakers, configuration.normalisation, training_speakers)
    features = MappedFeatures(store, affine, configuration.stack)
    if configuration.labels is None:
        counts, targets = (1,) * len(speakers), TargetReport(utterances=len(speakers))
    else:
        counts, targets = ctc_target_lengths(corpus.utterances, configuration.labels, features.lengths.tolist())
    emotions = torch.tensor([corpus.emotions.index(utterance.emotion) for utterance in corpus.utterances])
    return FoldData(corpus, features, *subsets, emotions, torch.tensor(counts), targets)
