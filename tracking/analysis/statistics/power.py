"""What a corpus of so many speakers could have shown, and how many speakers a difference needs.

The verdict's test is the sign-flip test over speakers. Its power is very nearly that of the one-tailed
paired t-test over the same speakers, which has a formula; beyond that the sign-flip test has a limit of
its own, since no p can be smaller than 2^-S with S speakers. Every function is pure.
"""

from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from tracking.analysis.statistics.sign_flip import ENUMERATED_UNITS, MIN_SPEAKERS, SAMPLED_FLIPS

POWER = 0.8
"""The usual chance with which a true difference should be found."""

_MOST_UNITS = 10_000_000


def between_speaker_std(parts: NDArray[np.float64]) -> float | None:
    """The deviation between speakers of the difference of two variants.

    sigma = S sd(d), sd with S-1: the parts d_s sum to the difference, so S d_s is the difference as
    speaker s alone would have it, and their mean is the difference.

    Args:
        parts: Difference of the two variants in each speaker, shape `(speaker,)`.

    Returns:
        Deviation in the unit of the difference; None with fewer than two speakers.

    Examples:
        >>> round(unit_deviation(np.array([0.01, 0.02, 0.01, 0.03, 0.02, 0.01])), 4)
        0.049
    """
    return len(parts) * float(parts.std(ddof=1)) if len(parts) > 1 else None


def min_p_value(units: int) -> float:
    """The smallest p that the sign-flip test over that many speakers can give.

    2^-S where all assignments of signs are enumerated, else 1 / (drawn assignments + 1).

    Examples:
        >>> least_p(5)
        0.03125
    """
    return 2.0**-units if units <= ENUMERATED_UNITS else 1 / (SAMPLED_FLIPS + 1)


def paired_t_power(difference: float, deviation: float, units: int, alpha: float = 0.05) -> float:
    """The chance that the one-tailed paired t-test over speakers shows a true difference.

    P(T > t_(1-alpha, S-1)), T noncentral t with S-1 degrees of freedom and noncentrality
    difference sqrt(S) / deviation (Johnson, Kotz & Balakrishnan, Continuous Univariate Distributions 2,
    ch. 31). It takes speakers as drawn at random, their differences as normal, and all as equally large.

    Args:
        difference: True difference, in any unit.
        deviation: Deviation between speakers of the difference, in the same unit, above 0.
        units: Speakers, 2 or more.
        alpha: Level of the test, between 0 and 1.

    Returns:
        The power, 0..1.

    Raises:
        ValueError: There are fewer than two speakers, or deviation or level are out of range.

    Examples:
        >>> round(t_power(difference=0.02, deviation=0.03, units=10), 2)
        0.62
    """
    _check(deviation, alpha)
    if units < 2:
        raise ValueError(f"power over {units} speakers: expected 2 or more")
    critical = float(special.stdtrit(units - 1, 1 - alpha))
    return _power_at(difference * sqrt(units) / deviation, units, critical)


def minimum_detectable_difference(
    deviation: float, units: int, alpha: float = 0.05, power: float = POWER
) -> float | None:
    """The smallest true difference that a corpus of so many speakers shows with the given power.

    The difference at which `t_power` is `power`.

    Args:
        deviation: Deviation between speakers of the difference, in any unit, above 0.
        units: Speakers.
        alpha: Level of the test. In a family of m comparisons the first to be shown needs p <= .05 / m.
        power: Wanted chance of showing it.

    Returns:
        The difference, in the unit of the deviation. None where no difference, however large, can be
        shown: with fewer than six speakers, or where even the smallest p of the sign-flip test lies
        above the level.

    Raises:
        ValueError: Deviation, level or power are out of range.

    Examples:
        >>> round(detectable_difference(deviation=0.03, units=10), 4)
        0.0256
        >>> detectable_difference(deviation=0.03, units=10, alpha=0.05 / 60) is None
        True
    """
    _check(deviation, alpha, power)
    if units < MIN_SPEAKERS or min_p_value(units) > alpha:
        return None
    critical = float(special.stdtrit(units - 1, 1 - alpha))
    upper = critical + 1.0
    while _power_at(upper, units, critical) < power:
        upper *= 2
    noncentrality = optimize.brentq(lambda one: _power_at(one, units, critical) - power, 0.0, upper, xtol=1e-12)
    return float(noncentrality) * deviation / sqrt(units)


def required_speakers(difference: float, deviation: float, alpha: float = 0.05, power: float = POWER) -> int:
    """How many speakers it takes to show a true difference with the given power.

    The smallest S, six or more, whose `t_power` reaches `power` and whose smallest sign-flip p reaches the level.

    Args:
        difference: True difference, above 0, in the unit of the deviation.
        deviation: Deviation between speakers of the difference, above 0.
        alpha: Level of the test.
        power: Wanted chance of showing it.

    Returns:
        Speakers.

    Raises:
        ValueError: A value is out of range, or more than ten million speakers are needed.

    Examples:
        >>> units_needed(difference=0.01, deviation=0.03)
        58
    """
    _check(deviation, alpha, power)
    if difference <= 0:
        raise ValueError(f"speakers for a difference of {difference}: expected a difference above 0")

    def shows(units: int) -> bool:
        return min_p_value(units) <= alpha and paired_t_power(difference, deviation, units, alpha) >= power

    upper = MIN_SPEAKERS
    while not shows(upper):
        upper *= 2
        if upper > _MOST_UNITS:
            raise ValueError(f"a difference of {difference} at a deviation of {deviation} needs over {_MOST_UNITS}")
    lower = max(MIN_SPEAKERS, ceil(upper / 2))
    while lower < upper:
        middle = (lower + upper) // 2
        lower, upper = (lower, middle) if shows(middle) else (middle + 1, upper)
    return upper


def _power_at(noncentrality: float, units: int, critical: float) -> float:
    return 1 - float(special.nctdtr(units - 1, noncentrality, critical))


def _check(deviation: float, alpha: float, power: float = POWER) -> None:
    if not deviation > 0:
        raise ValueError(f"deviation between speakers {deviation}: expected a number above 0")
    if not 0 < alpha < 1 or not 0 < power < 1:
        raise ValueError(f"level {alpha}, power {power}: expected numbers between 0 and 1")
