"""Effect sizes: how large a difference is, as opposed to how certain it is."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special
from statsmodels.stats import proportion

_RELATIVE_ROUNDING = 1e-12


def cohens_h(a: float, b: float) -> float:
    """Compute Cohen's h of two proportions, for WA, or for UA taken as a proportion.

    h = 2 arcsin sqrt(a) - 2 arcsin sqrt(b) (Cohen, Statistical Power Analysis for the Behavioral
    Sciences, 2nd ed. 1988, ch. 6). Equal h are equally hard to detect anywhere on the scale, which
    equal numbers of points are not; .2 is called small, .5 medium, .8 large. It assumes nothing.

    Args:
        a: Proportion of the variant, 0..1.
        b: Proportion of the baseline, 0..1.

    Returns:
        h, from -pi to pi; above 0 where the variant is better.

    Raises:
        ValueError: A proportion is not in 0..1.

    Examples:
        >>> round(cohens_h(0.690, 0.669), 3)
        0.045
    """
    if not (0 <= a <= 1 and 0 <= b <= 1):
        raise ValueError(f"proportions {a} and {b}: expected 0 to 1")
    return float(proportion.proportion_effectsize(a, b))


def hedges_g(contributions: NDArray[np.float64]) -> float | None:
    """Compute Hedges' g: the mean of the speakers' differences in units of their standard deviation, unbiased.

    g = J(S-1) mean(d) / sd(d), sd with S-1, J(m) = Gamma(m/2) / (sqrt(m/2) Gamma((m-1)/2)): Cohen's d
    of paired observations (1988, ch. 2) with the correction of Hedges (Journal of Educational
    Statistics 6, 1981). It says how consistent the speakers are: at 1 about five of six speakers gain.
    J is unbiased for speakers drawn from a normal distribution.

    Args:
        contributions: Contribution of each speaker to the difference of the two variants, in any
            unit, shape `(speaker,)`.

    Returns:
        g; None with fewer than three speakers, for whom the correction is undefined, or where all
        speakers contribute equally.

    Raises:
        ValueError: There is no speaker.

    Examples:
        >>> round(hedges_g(np.array([0.01, 0.02, 0.01, 0.03, 0.02, 0.01])), 2)
        1.72
    """
    if len(contributions) == 0:
        raise ValueError("Hedges' g of no speakers")
    freedom = len(contributions) - 1
    if freedom < 2:
        return None
    std = float(contributions.std(ddof=1))
    if std <= _RELATIVE_ROUNDING * float(np.abs(contributions).max()):
        return None
    correction = np.exp(special.gammaln(freedom / 2) - special.gammaln((freedom - 1) / 2)) / sqrt(freedom / 2)
    return float(correction * contributions.mean() / std)


def count_improved_speakers(contributions: NDArray[np.float64]) -> int:
    """Count the speakers for whom the variant is better than the baseline; equal scores do not count.

    Args:
        contributions: Contribution of each speaker to the difference of the two variants, shape `(speaker,)`.

    Examples:
        >>> count_improved_speakers(np.array([0.01, 0.0, -0.02]))
        1
    """
    # A sum of hits and misses that cancel on paper may be off in its last digit.
    return int(np.count_nonzero(contributions > _RELATIVE_ROUNDING))
