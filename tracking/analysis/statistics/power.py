"""Power: which differences a corpus with a given number of speakers can show, and how many speakers one needs.

The verdict's test is the sign-flip test over speakers. Its power is very nearly that of the one-tailed
paired t-test over the same speakers, for which there is a formula. The sign-flip test has a limit besides:
with S speakers no p is below 2^-S.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from math import isnan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special
from statsmodels.stats.power import TTestPower

from tracking.analysis.statistics.sign_flip import ENUMERATED_CLUSTERS, MIN_SPEAKERS, SAMPLED_FLIPS

ALPHA = 0.05
"""Level of each verdict, adjusted for all comparisons of the family."""

POWER = 0.8
"""Customary probability of detecting a true difference."""

_MAX_SPEAKERS = 10_000_000


def between_speaker_std(contributions: NDArray[np.float64]) -> float | None:
    """Compute the standard deviation between speakers of the difference of two variants.

    sigma = S sd(d), sd with S-1: the contributions d_s sum to the difference, so S d_s is the
    difference as speaker s alone would have it, and their mean is the difference.

    Args:
        contributions: Contribution of each speaker to the difference, shape `(speaker,)`.

    Returns:
        Standard deviation in the unit of the difference; None with fewer than two speakers.

    Examples:
        >>> round(between_speaker_std(np.array([0.01, 0.02, 0.01, 0.03, 0.02, 0.01])), 4)
        0.049
    """
    return len(contributions) * float(contributions.std(ddof=1)) if len(contributions) > 1 else None


def min_p_value(speakers: int) -> float:
    """Compute the smallest p that the sign-flip test can give.

    2^-S where all assignments of signs are enumerated, else 1 / (sampled assignments + 1).

    Examples:
        >>> min_p_value(5)
        0.03125
    """
    return 2.0**-speakers if speakers <= ENUMERATED_CLUSTERS else 1 / (SAMPLED_FLIPS + 1)


def first_level(critical_sum: float, speakers: int) -> float:
    """Compute the level at which the first comparison of a family is tested by joint sign flips.

    t = sqrt((S-1) / (S - u^2)) u has S-1 degrees of freedom where u is the standardised sum that has to be exceeded
    (see `joint_sign_flips`); the level is P(T > t), or the smallest p of S speakers where that is larger. It assumes
    what the t-test does.

    Args:
        critical_sum: Standardised sum that has to be exceeded, up to sqrt(S).
        speakers: Number of speakers of the comparison, 2 or more.

    Returns:
        The level, 0..1.

    Examples:
        >>> round(first_level(2.2, speakers=10), 4)
        0.0087
        >>> first_level(10**0.5, speakers=10)
        0.0009765625
    """
    rest = speakers - critical_sum**2
    level = 0.0 if rest <= 0 else float(special.stdtr(speakers - 1, -critical_sum * sqrt((speakers - 1) / rest)))
    return max(level, min_p_value(speakers))


def paired_t_power(difference: float, std: float, speakers: int, alpha: float = 0.05) -> float:
    """Compute the probability that the one-tailed paired t-test over speakers shows a true difference.

    P(T > t_(1-alpha, S-1)), T noncentral t with S-1 degrees of freedom and noncentrality
    difference sqrt(S) / std (Johnson, Kotz & Balakrishnan, Continuous Univariate Distributions 2,
    ch. 31). It assumes speakers drawn at random, normal differences, and equally large speakers.

    Args:
        difference: True difference, in any unit.
        std: Standard deviation between speakers of the difference, in the same unit, above 0.
        speakers: Number of speakers, 2 or more.
        alpha: Level of the test, between 0 and 1.

    Returns:
        The power, 0..1.

    Raises:
        ValueError: There are fewer than two speakers, or standard deviation or level are out of range.

    Examples:
        >>> round(paired_t_power(difference=0.02, std=0.03, speakers=10), 2)
        0.62
    """
    _check(std, alpha)
    if speakers < 2:
        raise ValueError(f"power over {speakers} speakers: expected 2 or more")
    power = float(TTestPower().power(difference / std, speakers, alpha, alternative="larger"))
    # Far out in its tails scipy's noncentral t is NaN here and there.
    return power if not isnan(power) else float(difference > 0)


def minimum_detectable_difference(std: float, speakers: int, alpha: float = 0.05) -> float | None:
    """Compute the smallest true difference that a corpus shows with 80% power.

    Args:
        std: Standard deviation between speakers of the difference, in any unit, above 0.
        speakers: Number of speakers.
        alpha: Level of the test; for the first to be shown of a family, `first_level`.

    Returns:
        The difference at which `paired_t_power` is `POWER`, in the unit of `std`. None where no
        difference, however large, can be shown: with fewer than six speakers, or where even the
        smallest p of the sign-flip test lies above the level.

    Raises:
        ValueError: Standard deviation or level are out of range.

    Examples:
        >>> round(minimum_detectable_difference(std=0.03, speakers=10), 4)
        0.0256
        >>> minimum_detectable_difference(std=0.03, speakers=10, alpha=0.05 / 60) is None
        True
    """
    _check(std, alpha)
    if speakers < MIN_SPEAKERS or min_p_value(speakers) > alpha:
        return None

    return _detectable_effect(speakers, alpha) * std


@lru_cache(maxsize=256)
def _detectable_effect(speakers: int, alpha: float) -> float:
    """Solve `paired_t_power` for the difference in units of the deviation; most comparisons of a report share it."""

    def excess(effect: float) -> float:
        return paired_t_power(effect, 1.0, speakers, alpha) - POWER

    upper = 1.0
    while excess(upper) < 0:
        upper *= 2
    # TTestPower.solve_power stops at five digits.
    return float(optimize.brentq(excess, 0.0, upper, xtol=1e-12))


def required_speakers(difference: float, std: float, alpha: float = 0.05) -> int:
    """Compute how many speakers it takes to show a true difference with 80% power.

    Args:
        difference: True difference, above 0, in the unit of `std`.
        std: Standard deviation between speakers of the difference, above 0.
        alpha: Level of the test.

    Returns:
        The smallest number of speakers, six or more, for which `paired_t_power` reaches `POWER` and
        the smallest sign-flip p reaches the level.

    Raises:
        ValueError: A value is out of range, or more than ten million speakers are needed.

    Examples:
        >>> required_speakers(difference=0.01, std=0.03)
        58
    """
    _check(std, alpha)
    if difference <= 0:
        raise ValueError(f"speakers for a difference of {difference}: expected a difference above 0")

    def shows(speakers: int) -> bool:
        return min_p_value(speakers) <= alpha and paired_t_power(difference, std, speakers, alpha) >= POWER

    upper = MIN_SPEAKERS
    while not shows(upper):
        upper *= 2
        if upper > _MAX_SPEAKERS:
            raise ValueError(
                f"a difference of {difference} at a standard deviation of {std} needs over {_MAX_SPEAKERS} speakers"
            )
    return bisect_left(range(upper), True, lo=max(MIN_SPEAKERS, upper // 2), key=shows)


def _check(std: float, alpha: float) -> None:
    if not std > 0:
        raise ValueError(f"standard deviation between speakers {std}: expected a number above 0")
    if not 0 < alpha < 1:
        raise ValueError(f"level {alpha}: expected a number between 0 and 1")


@dataclass(frozen=True)
class PowerAnalysis:
    """Power of a comparison, given how much speakers differ in it.

    Attributes:
        between_speaker_std: Standard deviation between speakers of the UA difference, 0..1; None with
            one speaker.
        speakers: Number of test speakers.
        first_level: Level of the first comparison of the family to be shown, by joint sign flips; None outside of
            a family.
    """

    between_speaker_std: float | None
    speakers: int
    first_level: float | None = None

    def minimum_difference(self, level: float = ALPHA) -> float | None:
        """Compute the smallest true UA difference that is shown with 80% power.

        Args:
            level: `ALPHA` for this comparison alone; `first_level` for the first of the family to be shown.

        Returns:
            The difference, 0..1; None where none can be shown, however large, or where speakers do not deviate.
        """
        if not self.between_speaker_std:
            return None
        return minimum_detectable_difference(self.between_speaker_std, self.speakers, level)

    def required_speakers(self, difference: float) -> int | None:
        """Compute how many speakers show a true UA difference with 80% power, this comparison alone.

        Args:
            difference: UA difference, above 0 and up to 1.

        Returns:
            Their number; None where speakers do not deviate.
        """
        return required_speakers(difference, self.between_speaker_std, ALPHA) if self.between_speaker_std else None
