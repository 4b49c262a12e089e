"""Decisions of a trained fold on its test speakers, where few of their recordings are at hand, or none.

A model that normalises by the statistics of a speaker (`zscore_speaker`) was trained and tested with those of all of
the speaker's recordings. These decisions say what is left of it on the first recordings of a stranger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from ser.corpora.corpus import Corpus
from ser.features.batches import MappedFeatures
from ser.features.normalization import AffineNormalization, fit_by_utterances
from ser.features.store import FeatureStore
from ser.folds import split_indices
from ser.inference.scoring import normalise, score_utterances
from ser.model.network import SpeechEmotionNetwork
from ser.training.trainer import TrainedFold


def decide_with_few_recordings(
    fold: TrainedFold, corpus: Corpus, store: FeatureStore, training: AffineNormalization, counts: Sequence[int]
) -> dict[int, tuple[int, ...]]:
    """Decide for the test utterances of a fold by the statistics of few recordings of their speaker.

    Args:
        fold: The trained fold, whose normalisation is `zscore_speaker`.
        corpus: The corpus.
        store: Its raw frames.
        training: Normalisation by the fold's training speakers, one row.
        counts: Numbers of recordings; 0 for the statistics of the training speakers.

    Returns:
        Decided class of each test utterance, in the order of the fold's result, by the number of recordings.
    """
    configuration = fold.result.configuration
    network = SpeechEmotionNetwork(configuration, len(corpus.emotions))
    network.load_state_dict(dict(fold.weights))
    _, _, test = split_indices(corpus, fold.result.fold)
    frames, speakers = _Subset(store, test), [corpus.utterances[index].speaker for index in test]
    ranked = _rank_recordings(speakers, [corpus.samples_sha256[index] for index in test])
    decided = {}
    for count in counts:
        if count == 0:
            features = normalise(frames, speakers, configuration, training, "stranger")
        else:
            affine = fit_by_utterances(frames, [recordings[:count] for recordings in ranked])
            features = MappedFeatures(frames, affine, configuration.stack)
        decided[count] = tuple(score_utterances(network, features, configuration).argmax(axis=1).tolist())
    return decided


def _rank_recordings(speakers: Sequence[str], samples_sha256: Sequence[str]) -> list[NDArray[np.intp]]:
    """Rank the recordings of each utterance's speaker: itself first, then the others in an order of its own.

    The order is drawn from the utterance's samples: it depends neither on names of files nor on other speakers.

    Args:
        speakers: Speaker of each utterance.
        samples_sha256: Digest of each utterance's samples.

    Returns:
        Positions of the speaker's utterances, for each utterance.
    """
    ranked = []
    for index, (speaker, digest) in enumerate(zip(speakers, samples_sha256, strict=True)):
        others = [position for position, name in enumerate(speakers) if name == speaker and position != index]
        Random(digest).shuffle(others)
        ranked.append(np.array([index, *others], dtype=np.intp))
    return ranked


@dataclass(frozen=True)
class _Subset:
    """Frames of some utterances of a store.

    Attributes:
        store: The store.
        indices: Positions of the utterances.
    """

    store: FeatureStore
    indices: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Frames of each utterance, shape `(utterance,)`."""
        lengths: NDArray[np.int64] = self.store.lengths[self.indices]
        return lengths

    @property
    def width(self) -> int:
        """Numbers in a frame."""
        return self.store.width

    def frames(self, index: int) -> NDArray[np.floating]:
        """Frames of one utterance, shape `(frame, width)`."""
        return self.store.frames(int(self.indices[index]))
