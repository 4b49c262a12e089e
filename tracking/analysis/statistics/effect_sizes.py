"""Effect sizes: how large a difference is, apart from how sure it is; every function is pure."""

from math import asin, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

_RELATIVE_ROUNDING = 1e-12


def cohens_h(a: float, b: float) -> float:
    """Cohen's h of two proportions, for WA, or for UA in the place of a proportion.

    h = 2 arcsin sqrt(a) - 2 arcsin sqrt(b) (Cohen, Statistical Power Analysis for the Behavioral
    Sciences, 2nd ed. 1988, ch. 6). The same h is equally hard to show wherever on the scale the
    two lie, which the same number of points is not; .2 is called small, .5 medium, .8 large. It
    assumes nothing: it describes.

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
    return 2 * asin(sqrt(a)) - 2 * asin(sqrt(b))


def hedges_g(parts: NDArray[np.float64]) -> float | None:
    """The mean of the speakers' differences in units of their deviation, free of small-sample bias.

    g = J(S-1) mean(d) / sd(d), sd with S-1, J(m) = Gamma(m/2) / (sqrt(m/2) Gamma((m-1)/2)): Cohen's d
    of paired observations (1988, ch. 2) with the correction of Hedges (Journal of Educational
    Statistics 6, 1981). It says how alike the speakers are about the difference: at 1 about five of
    six speakers gain. J is unbiased for speakers drawn from a normal distribution.

    Args:
        parts: Difference of the two variants in each speaker, in any unit, shape `(speaker,)`.

    Returns:
        g; None with fewer than three speakers, for whom the correction is not defined, or where all
        speakers differ by the same.

    Raises:
        ValueError: There is no speaker.

    Examples:
        >>> round(standardised_difference(np.array([0.01, 0.02, 0.01, 0.03, 0.02, 0.01])), 2)
        1.72
    """
    if len(parts) == 0:
        raise ValueError("standardised difference of no speakers")
    freedom = len(parts) - 1
    if freedom < 2:
        return None
    deviation = float(parts.std(ddof=1))
    if deviation <= _RELATIVE_ROUNDING * float(np.abs(parts).max()):
        return None
    correction = np.exp(special.gammaln(freedom / 2) - special.gammaln((freedom - 1) / 2)) / sqrt(freedom / 2)
    return float(correction * parts.mean() / deviation)


def count_improved_speakers(parts: NDArray[np.float64]) -> int:
    """How many speakers the variant suits better than the baseline; a speaker without any difference is none of them.

    Args:
        parts: Difference of the two variants in each speaker, shape `(speaker,)`.

    Returns:
        Their number.

    Examples:
        >>> units_above_zero(np.array([0.01, 0.0, -0.02]))
        1
    """
    # A sum of hits and misses that cancel on paper may be off in its last digit.
    return int(np.count_nonzero(parts > _RELATIVE_ROUNDING))
