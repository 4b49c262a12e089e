"""What to expect of a variant's networks on speakers that they were not trained on, by what is known of the speaker."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ser.corpora.corpus import Corpus
from ser.features.normalization import AffineNormalization
from ser.features.store import FeatureStore
from ser.folds import split_indices
from ser.inference.description import Situation
from ser.inference.few_recordings import decide_with_few_recordings
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
    few = decide_with_few_recordings(fold, corpus, store, training, (1, 0))
    return decided | {"file": np.array(few[1]), "stranger": np.array(few[0])}
