"""Tests and intervals that rest on speakers (or sessions), for variants that score the same utterances.

Utterances of one speaker share voice and manner, so a speaker counts as one observation: a variant
that suits two of ten speakers is not thereby better. In simulations with speaker-by-variant effects
these tests keep their nominal error, where tests over utterances do not.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tracking.analysis.statistics.proportions import Interval

ENUMERATED_CLUSTERS = 16
"""Up to this many speakers all assignments of signs are enumerated (65,536 of them)."""

SAMPLED_FLIPS = 100_000
"""Assignments of signs sampled beyond that; the observed one counts as one more."""

MIN_SPEAKERS = 6
"""With fewer speakers nothing is claimed: the smallest possible p is 1/32 with 5."""

RELATIVE_TOLERANCE = 1e-9
"""Sums that differ by less, relative to the sizes of their terms, are equal: the last digits depend on the order."""

ROUNDING = 1e-12
"""Contributions below this are 0 on paper: one utterance of a million, in one of a hundred seeds, contributes more."""

_SEED = 20_190_512

_BLOCK_VALUES = 2**22
"""Sums of signed contributions computed at once: 32 MB."""


@dataclass(frozen=True)
class SignFlipTest:
    """Sign-flip test of a paired difference.

    Attributes:
        difference: The observed difference, the sum of the clusters' contributions.
        p: Share of sign assignments whose sum is at least the observed one.
        interval: 95% t interval of the difference; None with a single cluster.
        clusters: Number of speakers or sessions.
    """

    difference: float
    p: float
    interval: Interval | None
    clusters: int

    @property
    def has_enough_speakers(self) -> bool:
        """True with enough clusters for a claim."""
        return self.clusters >= MIN_SPEAKERS

    @property
    def claimable_p(self) -> float | None:
        """The p; None with too few clusters for a claim."""
        return self.p if self.has_enough_speakers else None


def ua_contributions(
    correct: NDArray[np.float64], actual: NDArray[np.int64], clusters: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """Split UA (or a difference of UAs) into one contribution per speaker; they sum to it.

    c_s = sum_k correct_(s,k) / (K n_k): K the classes that have utterances, n_k the utterances of
    class k over all speakers. It follows from UA's definition and assumes nothing.

    Args:
        correct: 1 for a correct utterance, 0 for a wrong one, their mean over seeds, or a difference
            of two such arrays; shape `(utterance,)`.
        actual: True classes, shape `(utterance,)`.
        clusters: Index of each utterance's speaker, from 0, shape `(utterance,)`.
        classes: Number of classes.

    Returns:
        Contributions, shape `(cluster,)`.

    Examples:
        >>> correct, actual, speakers = np.array([1.0, 0, 1, 1]), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
        >>> ua_contributions(correct, actual, speakers, classes=2).tolist()
        [0.5, 0.25]
    """
    counts = np.bincount(actual, minlength=classes)
    weights = 1.0 / (np.count_nonzero(counts) * counts[actual])
    return _sum_by_cluster(correct * weights, clusters)


def wa_contributions(correct: NDArray[np.float64], clusters: NDArray[np.int64]) -> NDArray[np.float64]:
    """Split WA (or a difference of WAs) into one contribution per speaker: c_s = correct_s / n.

    Args:
        correct: As in `ua_contributions`, shape `(utterance,)`.
        clusters: Index of each utterance's speaker, shape `(utterance,)`.

    Returns:
        Contributions, shape `(cluster,)`.

    Examples:
        >>> wa_contributions(np.array([1.0, 0.0, 1.0, 1.0]), np.array([0, 1, 0, 1])).tolist()
        [0.5, 0.25]
    """
    return _sum_by_cluster(correct / len(correct), clusters)


def _sum_by_cluster(values: NDArray[np.float64], clusters: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.bincount(clusters, weights=values).astype(np.float64)


def sign_flip(contributions: NDArray[np.float64]) -> SignFlipTest:
    """Test by sign flips over speakers, one-tailed, H1: the sum of the contributions is above 0.

    Under H0 a speaker's difference is as likely to be -d_s as d_s, whatever its size, so every
    assignment of signs is equally likely; p is the share of the 2^S assignments whose sum is at
    least the observed one (more than 16 speakers: 100,000 seeded assignments and the observed one).
    Interval: sum +- t_(S-1) sqrt(S/(S-1) sum_s (d_s - mean d)^2), which assumes differences drawn
    at random and nearly normal. Source: Fisher, The Design of Experiments, 1935, ch. 3; Edgington &
    Onghena, Randomization Tests, 4th ed. 2007.

    Args:
        contributions: Contribution of each speaker to the difference of the two variants, such as
            `ua_contributions` of the difference of their correct utterances, shape `(speaker,)`.

    Raises:
        ValueError: There is no speaker.

    Examples:
        >>> sign_flip(np.array([0.01, 0.02, 0.01, 0.03, 0.02, 0.01])).p
        0.015625
    """
    return sign_flip_each(contributions[np.newaxis])[0]


def sign_flip_each(contributions: NDArray[np.float64]) -> list[SignFlipTest]:
    """Test several differences over the same speakers, each alone: `sign_flip` of every row, by one matrix product.

    Args:
        contributions: Contribution of each speaker to each difference, shape `(comparison, speaker)`.

    Returns:
        Tests in the order of the rows; their p-values are not adjusted for their number.

    Raises:
        ValueError: There is no speaker.

    Examples:
        >>> [test.p for test in sign_flip_each(np.array([[0.01, 0.02, 0.03], [0.01, -0.02, 0.0]]))]
        [0.125, 0.75]
    """
    comparisons, clusters = contributions.shape
    if clusters == 0:
        raise ValueError("sign flips of no speakers")
    exact = without_rounding(contributions)
    observed = exact.sum(axis=1)
    # Sums that are equal on paper differ in their last digits, and the observed one must count itself.
    thresholds = observed - RELATIVE_TOLERANCE * np.abs(exact).sum(axis=1)
    signs, reached = sign_assignments(clusters), np.zeros(comparisons, dtype=np.int64)
    block = max(1, _BLOCK_VALUES // max(1, comparisons))
    for start in range(0, len(signs), block):
        reached += np.count_nonzero(exact @ signs[start : start + block].T >= thresholds[:, np.newaxis], axis=1)
    p_values = reached / 2**clusters if clusters <= ENUMERATED_CLUSTERS else (reached + 1) / (SAMPLED_FLIPS + 1)
    return [
        SignFlipTest(difference, p, _t_interval(difference, row - row.mean()), clusters)
        for difference, p, row in zip(observed.tolist(), p_values.tolist(), exact, strict=True)
    ]


def without_rounding(contributions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Set contributions to 0 that are 0 on paper, so that a tie counts as one however small its terms are.

    Examples:
        >>> without_rounding(np.array([0.1 * 3 - 0.3, 0.25])).tolist()
        [0.0, 0.25]
    """
    return np.where(np.abs(contributions) < ROUNDING, 0.0, contributions)


@lru_cache(maxsize=4)
def sign_assignments(clusters: int) -> NDArray[np.float64]:
    """List the assignments of signs of all sign-flip tests, shape `(assignment, cluster)`, values -1 and +1.

    All 2^S of them up to `ENUMERATED_CLUSTERS`, else `SAMPLED_FLIPS` drawn with a fixed seed.

    Examples:
        >>> sign_assignments(2).tolist()
        [[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]]
    """
    if clusters <= ENUMERATED_CLUSTERS:
        bits = np.arange(2**clusters)[:, None] >> np.arange(clusters) & 1
    else:
        bits = np.random.default_rng(_SEED).integers(0, 2, size=(SAMPLED_FLIPS, clusters))
    signs = np.where(bits == 1, -1.0, 1.0)
    signs.setflags(write=False)
    return signs


def _t_interval(centre: float, deviations: NDArray[np.float64]) -> Interval | None:
    clusters = len(deviations)
    if clusters < 2:
        return None
    error = sqrt(clusters / (clusters - 1) * float(np.sum(deviations**2)))
    half_width = float(special.stdtrit(clusters - 1, 0.975)) * error
    return Interval(centre - half_width, centre + half_width)


def ua_interval(
    correct: NDArray[np.float64], actual: NDArray[np.int64], speakers: NDArray[np.int64], classes: int
) -> Interval | None:
    """Compute the 95% t interval over speakers of one variant's pooled UA.

    UA is a mean of ratios, so a speaker's weight is its residual against the pooled recalls,
    e_s = sum_k (correct_(s,k) - r_k n_(s,k)) / (K n_k), not its share of the correct utterances,
    which would also vary with how much it speaks: UA +- t_(S-1) sqrt(S/(S-1) sum_s e_s^2) (Taylor
    linearisation of a ratio under cluster sampling; Cochran, Sampling Techniques, 3rd ed. 1977, ch. 6).
    It assumes speakers drawn at random.

    Args:
        correct: 1 for a correct utterance and 0 for a wrong one, averaged over seeds, shape `(utterance,)`.
        actual: True classes, shape `(utterance,)`.
        speakers: Index of each utterance's speaker, shape `(utterance,)`.
        classes: Number of classes.

    Returns:
        The interval cut to 0..1, or None with a single speaker.

    Examples:
        >>> speakers, actual = np.repeat(np.arange(4), 10), np.tile(np.arange(10) % 2, 4)
        >>> correct = np.concatenate([np.arange(10.0) < count for count in (6, 7, 7, 8)])
        >>> interval = ua_interval(correct, actual, speakers, classes=2)
        >>> round(interval.low, 2), round(interval.high, 2)
        (0.57, 0.83)
    """
    counts = np.bincount(actual, minlength=classes)
    correct_of_class = np.bincount(actual, weights=correct, minlength=classes)
    recalls = np.divide(correct_of_class, counts, out=np.zeros(classes), where=counts > 0)
    ua = float(recalls[counts > 0].mean())
    interval = _t_interval(ua, ua_contributions(correct - recalls[actual], actual, speakers, classes))
    return None if interval is None else Interval(max(0.0, interval.low), min(1.0, interval.high))
