"""What to expect of a variant's networks on speakers that they were not trained on, by what is known of the speaker."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser.corpora.corpus import Corpus
from ser.features.normalization import AffineNormalization
from ser.features.store import FeatureStore
from ser.folds import split_indices
from ser.inference.description import Situation
from ser.inference.scoring import normalise, score_utterances
from ser.model.network import SpeechEmotionNetwork
from ser.training.trainer import TrainedFold
from studies.models.scores import Decisions, ModelScores, score_decisions


def measure_expectation(
    corpus: Corpus,
    store: FeatureStore,
    folds: Sequence[TrainedFold],
    normalisations: Sequence[AffineNormalization],
    progress: Callable[[int, int], None],
) -> tuple[dict[Situation, ModelScores], int]:
    """Score folds on their own test speakers, in each situation.

    Args:
        corpus: The corpus.
        store: Its raw frames.
        folds: Folds of one variant, of one seed or several.
        normalisations: The normalisation by the training speakers of each fold.
        progress: Called with the folds done and their number.

    Returns:
        Scores by situation, and the number of test utterances.
    """
    seeds = sorted({fold.result.configuration.seed for fold in folds})
    utterances = corpus.utterances
    actual = np.array([corpus.emotions.index(utterance.emotion) for utterance in utterances])
    predicted: dict[Situation, NDArray[np.int64]] = {}
    for done, (fold, training) in enumerate(zip(folds, normalisations, strict=True), 1):
        _, _, test = split_indices(corpus, fold.result.fold)
        for situation, decided in _decide(corpus, store, fold, training).items():
            rows = predicted.setdefault(situation, np.full((len(seeds), len(utterances)), -1))
            rows[seeds.index(fold.result.configuration.seed), test] = decided
        progress(done, len(folds))
    tested = np.flatnonzero((predicted["speaker"] >= 0).all(axis=0))
    speakers = [utterances[index].speaker for index in tested]
    classes = len(corpus.emotions)
    scores = {
        situation: score_decisions(Decisions(actual[tested], rows[:, tested], speakers, classes))
        for situation, rows in predicted.items()
    }
    return scores, len(tested)


def _decide(
    corpus: Corpus, store: FeatureStore, fold: TrainedFold, training: AffineNormalization
) -> dict[Situation, NDArray[np.int64]]:
    """Decisions of a fold on its test utterances, by what is known of their speakers."""
    result = fold.result
    decided: dict[Situation, NDArray[np.int64]] = {"speaker": np.array(result.test.predicted)}
    if result.configuration.normalisation != "zscore_speaker":
        return decided
    network = SpeechEmotionNetwork(result.configuration, len(corpus.emotions))
    network.load_state_dict(dict(fold.weights))
    _, _, test = split_indices(corpus, result.fold)
    frames = _Subset(store, test)
    speakers = [corpus.utterances[index].speaker for index in test]
    situations: tuple[Situation, ...] = ("file", "stranger")
    for situation in situations:
        features = normalise(frames, speakers, result.configuration, training, situation)
        decided[situation] = score_utterances(network, features, result.configuration).argmax(axis=1)
    return decided


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
