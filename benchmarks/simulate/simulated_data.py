"""Simulated predictions of equally good variants, with effects of speakers and utterances as in real tables.

Speakers differ in difficulty, and every variant suits some of them better: that speaker-by-variant
difference, whose mean over all people is zero, is what tests over utterances mistake for a better variant.
"""

from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np
from numpy.typing import NDArray

ACCURACY = 0.68
"""Probability of a correct prediction, for every class and averaged over all people."""

DIFFICULTY_STD = 0.05
"""Standard deviation between speakers of that probability, the same for all variants."""

VARIANT_CORRELATION = 0.45
"""Correlation of two variants' hits on an utterance: an assumption, chosen for the error rates that it gives the
pooled z-test."""

FOLD_CORRELATIONS = {"one model": 1.0, "two models": VARIANT_CORRELATION}
"""Correlation of one trial's hits on an utterance in the two folds of a session, whose models train on the same
speakers. With one seed for both folds they are one model, with the same predictions in validation and test. With a
seed per fold, as in a study, they are two, taken as no more similar than the models of two trials."""

SPEAKER_DEVIATIONS = (0.0, 0.015, 0.03, 0.046)
"""Simulated standard deviations between speakers of the true difference of two variants, 0..1."""


@dataclass(frozen=True, eq=False)
class SimulatedCorpus:
    """Speakers and classes of a simulated corpus; utterances in the order of speaker, then class.

    Attributes:
        counts: Utterances of each speaker and class, shape `(speaker, class)`; speakers 0 and 1, 2 and
            3 ... share a session and validate each other's folds.
    """

    counts: NDArray[np.int64]

    @property
    def speakers(self) -> int:
        """Number of speakers."""
        return len(self.counts)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.counts.shape[1])

    @cached_property
    def class_counts(self) -> NDArray[np.int64]:
        """Utterances of each class, shape `(class,)`."""
        return np.asarray(self.counts.sum(axis=0), dtype=np.int64)

    @cached_property
    def speaker(self) -> NDArray[np.int64]:
        """Speaker of each utterance, shape `(utterance,)`."""
        return np.repeat(np.arange(self.speakers), self.counts.sum(axis=1))

    @cached_property
    def actual(self) -> NDArray[np.int64]:
        """True class of each utterance, shape `(utterance,)`."""
        return np.repeat(np.tile(np.arange(self.classes), self.speakers), self.counts.ravel())

    def count_hits(self, hits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Count hits by speaker and class.

        Args:
            hits: Hits, shape `(..., utterance)`.

        Returns:
            Counts, shape `(..., speaker, class)`.
        """
        sums = np.concatenate([np.zeros((*hits.shape[:-1], 1)), np.cumsum(hits, axis=-1)], axis=-1)
        ends = np.concatenate([[0], np.cumsum(self.counts.ravel())])
        return np.diff(sums[..., ends], axis=-1).reshape(*hits.shape[:-1], *self.counts.shape)


IEMOCAP = SimulatedCorpus(
    np.array(
        [
            [119, 72, 43, 37],
            [104, 60, 61, 25],
            [90, 113, 63, 7],
            [127, 78, 37, 15],
            [95, 80, 108, 22],
            [103, 69, 82, 68],
            [51, 129, 41, 47],
            [123, 66, 40, 37],
            [151, 124, 73, 18],
            [136, 156, 60, 13],
        ]
    )
)
"""The paper's 2943 improvised utterances: neutral, happiness, sadness, anger."""

EMODB = SimulatedCorpus(
    np.array(
        [
            [14, 5, 1, 4, 7, 7, 11],
            [12, 10, 0, 6, 11, 9, 10],
            [13, 4, 8, 1, 4, 4, 9],
            [10, 8, 1, 8, 4, 3, 4],
            [11, 8, 2, 10, 8, 7, 9],
            [12, 5, 2, 6, 2, 4, 4],
            [12, 10, 8, 7, 10, 5, 9],
            [16, 8, 8, 12, 8, 10, 7],
            [13, 9, 5, 8, 6, 4, 11],
            [14, 14, 11, 7, 11, 9, 5],
        ]
    )
)
"""All 535 utterances of EmoDB: anger, boredom, disgust, fear, happiness, sadness, neutral."""


def draw_hits(
    rng: np.random.Generator,
    corpus: SimulatedCorpus,
    deviation: float,
    rounds: int,
    trials: int,
    models: int,
    correlation: float = 1.0,
) -> NDArray[np.float64]:
    """Draw which utterances models classify correctly; all trials are equally good.

    A hit is a uniform number below the probability of a hit. With some probability the model shares the
    number with its trial, and the trial with the utterance, so that hits correlate as stated.

    Args:
        rng: Random generator.
        corpus: The simulated corpus.
        deviation: Standard deviation between speakers of the true difference of two trials, 0..1.
        rounds: Number of independent tables.
        trials: Trials per table; two of them are two variants.
        models: Models per trial, which suit the same speakers.
        correlation: Correlation of the hits of one trial's models, `VARIANT_CORRELATION` or more.

    Returns:
        1 for a hit and 0 for a miss, shape `(round, trial, model, utterance)`.
    """
    speakers = (rounds, trials, 1, corpus.speakers)
    difficulty = draw_difficulty(rng, corpus, rounds)
    # Two variants differ by the difference of two such effects, whose standard deviation is then as stated.
    effects = rng.normal(0, deviation / sqrt(2), speakers) if deviation else np.zeros(speakers)
    return draw_hits_of(rng, corpus, ACCURACY + difficulty + effects, models, correlation)


def draw_difficulty(rng: np.random.Generator, corpus: SimulatedCorpus, rounds: int) -> NDArray[np.float64]:
    """Draw by how much easier each speaker is for all variants, shape `(round, 1, 1, speaker)`."""
    return rng.normal(0, DIFFICULTY_STD, (rounds, 1, 1, corpus.speakers))


def draw_hits_of(
    rng: np.random.Generator,
    corpus: SimulatedCorpus,
    accuracies: NDArray[np.float64],
    models: int = 1,
    correlation: float = 1.0,
) -> NDArray[np.float64]:
    """Draw hits of trials whose accuracies with each speaker are given; see `draw_hits`.

    Args:
        rng: Random generator.
        corpus: The simulated corpus.
        accuracies: Probability of a hit, shape `(round, trial, 1, speaker)`.
        models: Models per trial.
        correlation: Correlation of the hits of one trial's models, `VARIANT_CORRELATION` or more.

    Returns:
        1 for a hit and 0 for a miss, shape `(round, trial, model, utterance)`.
    """
    n, (rounds, trials, *_) = len(corpus.speaker), accuracies.shape
    probability = np.clip(accuracies, 0.02, 0.98)[..., corpus.speaker]
    utterance = rng.random((rounds, 1, 1, n), dtype=np.float32)
    trial = _share(rng, utterance, sqrt(VARIANT_CORRELATION / correlation), (rounds, trials, 1, n))
    model = _share(rng, trial, sqrt(correlation), (rounds, trials, models, n))
    return (model < probability).astype(np.float64)


def _share(
    rng: np.random.Generator, values: NDArray[np.float32], probability: float, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return the values with the given probability, and new uniform numbers otherwise."""
    shared = rng.random(shape, dtype=np.float32) < probability
    return np.where(shared, values, rng.random(shape, dtype=np.float32))
