"""Made-up decisions of equally good variants, drawn so that speakers and utterances matter as they do in real tables.

Speakers differ in how hard they are, and every variant suits some of them better: that speaker-by-variant
difference, whose mean over all people is zero, is what tests over utterances take for a better variant.
"""

from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np
from numpy.typing import NDArray

ACCURACY = 0.68
"""Chance of a right decision, for every class and averaged over all people."""

HARDNESS = 0.05
"""Deviation between speakers of that chance, the same for all variants."""

BETWEEN_VARIANTS = 0.45
"""Correlation of two variants' hits on an utterance, chosen so that the pooled z-test errs about as often as in an
earlier simulation of ours."""

ALIKE = {"one model": 1.0, "two models": BETWEEN_VARIANTS}
"""Correlation of one trial's hits on an utterance in the two folds of a session, whose models train on the same
speakers. With one seed for both folds they are one model, and what it decides in validation it decides in the test.
With a seed for each fold, as here, they are two, taken as no more alike than those of two trials."""

SPEAKER_DEVIATIONS = (0.0, 0.015, 0.03, 0.046)
"""Deviation between speakers of the true difference of two variants, 0..1: the simulated cases."""


@dataclass(frozen=True, eq=False)
class SimulatedCorpus:
    """Who says what in a simulated corpus; utterances stand by speaker, then class.

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
        """Counts hits by speaker and class.

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
    alike: float = 1.0,
) -> NDArray[np.float64]:
    """Draws which utterances models get right; all trials are equally good.

    A model's hit is a uniform number below the chance of a hit. With some chance the number is its
    trial's, and that with some chance the utterance's own, so that hits correlate as stated.

    Args:
        rng: Source of chance.
        corpus: Who is tested.
        deviation: Deviation between speakers of the true difference of two trials, 0..1.
        rounds: Independent tables.
        trials: Trials of each; two of them are two variants.
        models: Models of each trial, which suit the same speakers.
        alike: Correlation of the hits of one trial's models, `BETWEEN_VARIANTS` or more.

    Returns:
        1 for a hit and 0 for a miss, shape `(round, trial, model, utterance)`.
    """
    n = len(corpus.speaker)
    speakers = (rounds, trials, 1, corpus.speakers)
    hardness = rng.normal(0, HARDNESS, (rounds, 1, 1, corpus.speakers))
    # Two variants differ by the difference of their own effects, whose deviation is then as stated.
    own = rng.normal(0, deviation / sqrt(2), speakers) if deviation else np.zeros(speakers)
    chance = np.clip(ACCURACY + hardness + own, 0.02, 0.98)[..., corpus.speaker]
    utterance = rng.random((rounds, 1, 1, n), dtype=np.float32)
    trial = _mostly(rng, utterance, sqrt(BETWEEN_VARIANTS / alike), (rounds, trials, 1, n))
    model = _mostly(rng, trial, sqrt(alike), (rounds, trials, models, n))
    return (model < chance).astype(np.float64)


def _mostly(
    rng: np.random.Generator, values: NDArray[np.float32], share: float, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """The values with the given chance, and fresh uniform numbers otherwise."""
    kept = rng.random(shape, dtype=np.float32) < share
    return np.where(kept, values, rng.random(shape, dtype=np.float32))
