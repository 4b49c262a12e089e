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

ENUMERATED_UNITS = 16
"""Up to this many speakers all sign flips are enumerated (65,536 of them)."""

SAMPLED_FLIPS = 100_000
"""Sign flips drawn beyond that; the observed assignment counts as one more."""

MIN_SPEAKERS = 6
"""With fewer speakers nothing is claimed: the smallest possible p is 1/32 with 5."""

_SEED = 20_190_512
_RELATIVE_TOLERANCE = 1e-9


@dataclass(frozen=True)
class SignFlipTest:
    """The sign-flip test of a paired difference.

    Attributes:
        difference: The observed difference, the sum of the units' parts.
        p: Share of sign flips whose sum is at least the observed one.
        interval: t interval of the difference; None with a single unit.
        units: Number of speakers or sessions.
    """

    difference: float
    p: float
    interval: Interval | None
    clusters: int

    @property
    def has_enough_speakers(self) -> bool:
        """Whether there are enough units for any claim."""
        return self.clusters >= MIN_SPEAKERS


def ua_contributions(
    hits: NDArray[np.float64], actual: NDArray[np.int64], units: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """Splits UA (or a difference of UAs) into one part a speaker; the parts sum to it.

    part_s = sum_k hits_(s,k) / (K n_k): K the classes that have utterances, n_k the utterances of
    class k over all speakers. It follows from UA's definition and assumes nothing.

    Args:
        hits: 1 for a correct utterance, 0 for a wrong one, their mean over seeds, or a difference
            of two such arrays; shape `(utterance,)`.
        actual: True classes, shape `(utterance,)`.
        units: Index of each utterance's speaker, from 0, shape `(utterance,)`.
        classes: Number of classes.

    Returns:
        One part a unit, shape `(unit,)`.

    Examples:
        >>> hits, actual, speakers = np.array([1.0, 0, 1, 1]), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
        >>> ua_parts(hits, actual, speakers, classes=2).tolist()
        [0.5, 0.25]
    """
    counts = np.bincount(actual, minlength=classes)
    weights = 1.0 / (np.count_nonzero(counts) * counts[actual])
    return _sum_by_unit(hits * weights, units)


def wa_contributions(hits: NDArray[np.float64], units: NDArray[np.int64]) -> NDArray[np.float64]:
    """Splits WA (or a difference of WAs) into one part a speaker: part_s = hits_s / n.

    Args:
        hits: As in `ua_parts`, shape `(utterance,)`.
        units: Index of each utterance's speaker, shape `(utterance,)`.

    Returns:
        One part a unit, shape `(unit,)`.

    Examples:
        >>> wa_parts(np.array([1.0, 0.0, 1.0, 1.0]), np.array([0, 1, 0, 1])).tolist()
        [0.5, 0.25]
    """
    return _sum_by_unit(hits / len(hits), units)


def _sum_by_unit(values: NDArray[np.float64], units: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.bincount(units, weights=values).astype(np.float64)


def sign_flip(parts: NDArray[np.float64], confidence: float = 0.95) -> SignFlipTest:
    """The one-tailed sign-flip test over speakers, H1: the sum of the parts is above 0.

    Under H0 a speaker's difference is as likely to be -d_s as d_s, whatever its size, so every
    assignment of signs is equally likely; p is the share of the 2^S assignments whose sum is at
    least the observed one (more than 16 speakers: 100,000 seeded assignments and the observed one).
    Interval: sum +- t_(S-1) sqrt(S/(S-1) sum_s (d_s - mean d)^2), which takes the differences as drawn
    at random and nearly normal. Source: Fisher, The Design of Experiments, 1935, ch. 3; Edgington &
    Onghena, Randomization Tests, 4th ed. 2007.

    Args:
        parts: Difference of the two variants in each speaker, such as `ua_parts` of the difference
            of their hits, shape `(speaker,)`.
        confidence: Nominal coverage of the interval.

    Returns:
        Test and interval.

    Raises:
        ValueError: There is no speaker.

    Examples:
        >>> sign_flip(np.array([0.01, 0.02, 0.01, 0.03, 0.02, 0.01])).p
        0.015625
    """
    if len(parts) == 0:
        raise ValueError("sign flips of no speakers")
    observed = float(parts.sum())
    # Sums that are equal on paper differ in their last digits, and the observed one must count itself.
    threshold = observed - _RELATIVE_TOLERANCE * float(np.abs(parts).sum())
    reached = int(np.count_nonzero(_sign_assignments(len(parts)) @ parts >= threshold))
    enumerated = len(parts) <= ENUMERATED_UNITS
    p = reached / 2 ** len(parts) if enumerated else (reached + 1) / (SAMPLED_FLIPS + 1)
    return SignFlipTest(observed, p, _t_interval(observed, parts - parts.mean(), confidence), len(parts))


@lru_cache(maxsize=4)
def _sign_assignments(units: int) -> NDArray[np.float64]:
    """Assignments of signs, shape `(flip, unit)`, values -1 and +1."""
    if units <= ENUMERATED_UNITS:
        flips = np.arange(2**units)[:, None] >> np.arange(units) & 1
    else:
        flips = np.random.default_rng(_SEED).integers(0, 2, size=(SAMPLED_FLIPS, units))
    signs = np.where(flips == 1, -1.0, 1.0)
    signs.setflags(write=False)
    return signs


def _t_interval(centre: float, deviations: NDArray[np.float64], confidence: float) -> Interval | None:
    units = len(deviations)
    if units < 2:
        return None
    error = sqrt(units / (units - 1) * float(np.sum(deviations**2)))
    half = float(special.stdtrit(units - 1, 0.5 + confidence / 2)) * error
    return Interval(centre - half, centre + half)


def ua_interval(
    hits: NDArray[np.float64],
    actual: NDArray[np.int64],
    speakers: NDArray[np.int64],
    classes: int,
    confidence: float = 0.95,
) -> Interval | None:
    """The t interval over speakers of one variant's pooled UA.

    UA is a mean of ratios, so a speaker's weight is its residual against the pooled recalls,
    e_s = sum_k (hits_(s,k) - r_k n_(s,k)) / (K n_k), not its share of the hits, which would also
    vary with how much it speaks: UA +- t_(S-1) sqrt(S/(S-1) sum_s e_s^2) (Taylor linearisation of a
    ratio under cluster sampling; Cochran, Sampling Techniques, 3rd ed. 1977, ch. 6). It takes
    speakers as drawn at random.

    Args:
        hits: Hits of each utterance, averaged over seeds, shape `(utterance,)`.
        actual: True classes, shape `(utterance,)`.
        speakers: Index of each utterance's speaker, shape `(utterance,)`.
        classes: Number of classes.
        confidence: Nominal coverage.

    Returns:
        The interval cut to 0..1, or None with a single speaker.

    Examples:
        >>> speakers, actual = np.repeat(np.arange(4), 10), np.tile(np.arange(10) % 2, 4)
        >>> hits = np.concatenate([np.arange(10.0) < right for right in (6, 7, 7, 8)])
        >>> interval = ua_interval(hits, actual, speakers, classes=2)
        >>> round(interval.low, 2), round(interval.high, 2)
        (0.57, 0.83)
    """
    counts = np.bincount(actual, minlength=classes)
    hits_of_class = np.bincount(actual, weights=hits, minlength=classes)
    recalls = np.divide(hits_of_class, counts, out=np.zeros(classes), where=counts > 0)
    ua = float(recalls[counts > 0].mean())
    interval = _t_interval(ua, ua_contributions(hits - recalls[actual], actual, speakers, classes), confidence)
    return None if interval is None else Interval(max(0.0, interval.low), min(1.0, interval.high))
