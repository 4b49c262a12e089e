"""A corpus in memory that is easy to learn: each emotion raises one mel band, each speaker all of them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ser.config import FoldConfiguration
from ser.corpora.corpus import Corpus
from ser.features.store import FeatureStore
from ser.folds import speaker_folds
from ser.results import Fold, FoldResult
from ser.training.trainer import TrainedFold, train_fold
from tests.support.configurations import MEL
from tests.support.synthetic import make_corpus, make_store

EMOTIONS = ("anger", "joy", "sadness")
CPU = torch.device("cpu")

Change = Callable[[int, NDArray[np.float32]], NDArray[np.float32]]
"""Changes the log-mels of an utterance, given its position."""


def toy_corpus(each: int = 3) -> Corpus:
    """Four speakers with `each` utterances an emotion, of 2 words and 3 voiced phonemes."""
    corpus = make_corpus(emotions=EMOTIONS, each=each)
    return replace(corpus, utterances=tuple(replace(u, words=2, voiced_phonemes=3) for u in corpus.utterances))


def toy_store(corpus: Corpus, change: Change | None = None, longest: int = 20) -> FeatureStore:
    """Log-mels of the corpus, 7 to `longest` frames an utterance."""
    generator = np.random.default_rng(5)
    frames = []
    for index, utterance in enumerate(corpus.utterances):
        length = int(generator.integers(7, longest + 1))
        noise = generator.standard_normal((length, MEL)) - 5 + corpus.speakers.index(utterance.speaker)
        noise[:, EMOTIONS.index(utterance.emotion)] += 3
        raw = noise.astype(np.float32)
        frames.append(raw if change is None else change(index, raw))
    return make_store(frames)


def relabelled(corpus: Corpus, speaker: str) -> Corpus:
    """The corpus with the emotions of one speaker permuted."""
    following = dict(zip(EMOTIONS, EMOTIONS[1:] + EMOTIONS[:1], strict=True))
    return replace(
        corpus,
        utterances=tuple(
            replace(u, emotion=following[u.emotion]) if u.speaker == speaker else u for u in corpus.utterances
        ),
    )


def fold_of(corpus: Corpus, index: int = 0) -> Fold:
    """A fold; the first tests f1, validates with m1 and trains on f2 and m2."""
    return speaker_folds(corpus, "partner")[index]


def train(configuration: FoldConfiguration, corpus: Corpus | None = None, **others: Any) -> TrainedFold:
    """Trains a fold of the toy corpus, or of another one, on the CPU."""
    corpus = toy_corpus() if corpus is None else corpus
    inputs: dict[str, Any] = {"store": toy_store(corpus), "fold": fold_of(corpus)} | others
    return train_fold(corpus, configuration=configuration, device=CPU, **inputs)


def without_times(result: FoldResult) -> dict[str, Any]:
    """All of a result but the times."""
    content = result.model_dump(exclude={"started_ms", "ended_ms"})
    for record in content["curve"]:
        del record["ended_ms"]
    return content


def assert_identical(one: TrainedFold, other: TrainedFold) -> None:
    """Bit for bit, times apart."""
    assert without_times(one.result) == without_times(other.result)
    assert one.weights.keys() == other.weights.keys()
    assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


def same_weights(one: TrainedFold, other: TrainedFold) -> bool:
    """Whether the weights are the same, bit for bit."""
    return all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)
