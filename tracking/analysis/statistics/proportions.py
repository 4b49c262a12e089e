"""Tests and intervals on proportions and recalls.

All tests are one-tailed, H1: 'a is better than b'. The z-tests and McNemar's test assume independent
utterances, which utterances of one speaker are not: they are the field's convention. Tests that rest on
speakers are in `sign_flip`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats
from statsmodels.stats import multitest, proportion


@dataclass(frozen=True)
class ZTest:
    """Z statistic with the probability of one at least as large under H0."""

    z: float
    p: float


@dataclass(frozen=True)
class Interval:
    """Two-sided 95% confidence interval, in the unit of its estimate."""

    low: float
    high: float


def proportions_ztest(a: float, b: float, n_a: int, n_b: int) -> ZTest | None:
    """Test two proportions by the one-tailed z-test with pooled variance, H1: a > b.

    z = (a - b) / sqrt(p (1 - p) (1/n_a + 1/n_b)), p = (n_a a + n_b b) / (n_a + n_b) (Fleiss, Levin &
    Paik, Statistical Methods for Rates and Proportions, 3rd ed. 2003, ch. 3; the paper's test). With WA
    it is the field's usual test; with UA instead of WA it is what the paper seems to have done. It
    assumes that both samples are independent of each other, and their utterances independent.

    Args:
        a: Proportion of the variant, 0..1.
        b: Proportion of the baseline, 0..1.
        n_a: Utterances of the variant.
        n_b: Utterances of the baseline.

    Returns:
        The test, or None where it is undefined: both proportions are 0, or both are 1.

    Raises:
        ValueError: A proportion is not in 0..1, or there are no utterances.

    Examples:
        >>> round(proportions_ztest(0.690, 0.669, 2943, 2943).p, 3)
        0.042
    """
    if not (0 <= a <= 1 and 0 <= b <= 1) or n_a < 1 or n_b < 1:
        raise ValueError(f"proportions {a} of {n_a} and {b} of {n_b}: expected 0 to 1 of at least one utterance")
    if a == b and a in (0.0, 1.0):
        return None
    z, p = proportion.proportions_ztest([n_a * a, n_b * b], [n_a, n_b], alternative="larger")
    return ZTest(float(z), float(p))


def uar_ztest(
    recalls_a: NDArray[np.float64], recalls_b: NDArray[np.float64], class_counts: NDArray[np.int64]
) -> ZTest | None:
    """Test two UAs by the one-tailed z-test from the variances of their recalls, H1: a > b.

    z = (UA_a - UA_b) / sqrt(sum_k [r_ak (1 - r_ak) + r_bk (1 - r_bk)] / (n_k K^2)), which is the
    variance of a mean of independent binomial shares. It assumes that each recall is such a share,
    independent of the others and of the other variant's.

    Args:
        recalls_a: Recalls of the variant, shape `(class,)`, 0..1.
        recalls_b: Recalls of the baseline, shape `(class,)`, 0..1.
        class_counts: Test utterances of each class, shape `(class,)`; classes with 0 are left out.

    Returns:
        The test, or None where it is undefined: every recall of both is 0 or 1.

    Raises:
        ValueError: No class has utterances.

    Examples:
        >>> halves = np.full(2, 0.5)
        >>> round(uar_ztest(halves + 0.1, halves, np.array([100, 100])).z, 3)
        2.02
    """
    present = class_counts > 0
    if not present.any():
        raise ValueError("UA of no utterances")
    a, b, n = recalls_a[present], recalls_b[present], class_counts[present]
    variance = float(np.sum((a * (1 - a) + b * (1 - b)) / n)) / len(n) ** 2
    if variance == 0:
        return None
    z = float(a.mean() - b.mean()) / sqrt(variance)
    return ZTest(z, float(special.ndtr(-z)))


def mcnemar_one_sided(only_a: int, only_b: int) -> float:
    """Test two paired proportions by McNemar's exact test, one-tailed, H1: a is right more often where they disagree.

    p = P(X >= only_a), X ~ Binomial(only_a + only_b, 1/2) (McNemar, Psychometrika 12, 1947, in its
    exact form). It assumes independent utterances.

    Args:
        only_a: Utterances that only the variant classified correctly.
        only_b: Utterances that only the baseline classified correctly.

    Returns:
        The probability; 1 where the two never disagree.

    Examples:
        >>> mcnemar_one_sided(5, 0)
        0.03125
    """
    if only_a + only_b == 0:
        return 1.0
    # statsmodels' mcnemar is two-sided only.
    return float(stats.binomtest(only_a, only_a + only_b, alternative="greater").pvalue)


def holm_adjust(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values by Holm's step-down method, which bounds the family-wise error under any dependence.

    The i-th smallest of m values is multiplied by m - i + 1, made monotone, and cut at 1 (Holm,
    Scandinavian Journal of Statistics 6, 1979). It assumes that each value is a valid p.

    Args:
        p_values: One value per comparison of the family. None stands for a comparison that belongs
            to the family but has no value (yet): it counts in m, as if its value were 1.

    Returns:
        Adjusted values in the given order; None stays None.

    Examples:
        >>> holm_adjust([0.01, 0.04, None])
        [0.03, 0.08, None]
    """
    _, adjusted, _, _ = multitest.multipletests([1.0 if p is None else p for p in p_values], method="holm")
    return [None if p is None else float(value) for p, value in zip(p_values, adjusted, strict=True)]


def wilson_interval(share: float, n: int) -> Interval:
    """Compute Wilson's 95% score interval of one proportion, for a variant's WA.

    Centre (p + z^2/2n) / (1 + z^2/n), half width z sqrt(p (1-p)/n + z^2/4n^2) / (1 + z^2/n) (Wilson,
    Journal of the American Statistical Association 22, 1927). It assumes independent utterances, so it
    is too narrow where speakers differ.

    Args:
        share: Share of correct utterances, 0..1.
        n: Number of utterances.

    Returns:
        The interval, inside 0..1.

    Raises:
        ValueError: There are no utterances.

    Examples:
        >>> interval = wilson_interval(0.5, 100)
        >>> round(interval.low, 3), round(interval.high, 3)
        (0.404, 0.596)
    """
    if n < 1:
        raise ValueError("interval of a share of no utterances")
    low, high = proportion.proportion_confint(share * n, n, method="wilson")
    return Interval(float(low), float(high))
