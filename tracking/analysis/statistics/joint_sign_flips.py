"""Joint sign flips over speakers for a family of comparisons: p-values adjusted for their number.

All comparisons of a report rest on the same few speakers, and most of them on the same baseline. Flipping
the signs of a speaker in all comparisons at once keeps their dependence, which methods that know single
p-values alone have to guard against: with S speakers Holm's smallest adjusted p is m 2^-S in a family of m,
here it is 2^-S whatever the size of the family.
"""

from dataclasses import dataclass
from math import floor, sqrt

import numpy as np
from numpy.typing import NDArray

from tracking.analysis.statistics.sign_flip import (
    ENUMERATED_CLUSTERS,
    RELATIVE_TOLERANCE,
    SAMPLED_FLIPS,
    sign_assignments,
    without_rounding,
)

_BLOCK_VALUES = 2**16
"""Statistics computed at once: they fit in a processor's cache."""


@dataclass(frozen=True, eq=False)
class JointSignFlips:
    """Joint sign-flip test of a family, one-tailed.

    Attributes:
        p_values: p of each comparison, adjusted for the whole family, shape `(comparison,)`.
        critical_sum: Standardised sum that the first comparison to be shown has to exceed: the point of the
            distribution of the largest sum above which the level's share of all flips lies.
    """

    p_values: NDArray[np.float64]
    critical_sum: float


def joint_sign_flips(contributions: NDArray[np.float64], alpha: float = 0.05) -> JointSignFlips:
    """Test a family by joint sign flips, step-down max-T, one-tailed, H1: the sum of the contributions is above 0.

    The statistic of comparison j is its studentised difference T_j = sum_s d_js / sqrt(sum_s (d_js - mean d_j)^2).
    A flip changes no d_js^2, so that T = u / sqrt(1 - u^2/S) rises with the standardised sum
    u_j = sum_s d_js / sqrt(sum_s d_js^2), which is computed instead: it stays finite where all speakers agree, and
    has the same variance, 1, over the flips of any number of speakers. The comparison with the largest u is tested
    against the largest u of all under the same flips of speakers, the next against the largest of all but the first,
    and so on; no p is below that of a larger u (Westfall & Young, Resampling-Based Multiple Testing, 1993,
    ch. 4). Up to 16 speakers all 2^S flips are enumerated, beyond that 100,000 seeded ones and the observed one count.
    It bounds the family's error whichever hypotheses hold, if under them the signs of a speaker's
    differences are exchangeable in all comparisons at once; speakers are independent.

    Args:
        contributions: Contribution of each speaker to each difference (0..1), shape `(comparison, speaker)`; 0 where
            a comparison does not have a speaker, which changes nothing for it.
        alpha: Level of `critical_sum`.

    Returns:
        Adjusted p-values in the given order, and the critical sum (the largest possible one, sqrt(S), for a family
        without comparisons).

    Raises:
        ValueError: There is no speaker.

    Examples:
        >>> joint_sign_flips(np.array([[0.01, 0.02, 0.01, 0.03, 0.02, 0.01], [0.01, 0, 0, 0, 0, 0]])).p_values.tolist()
        [0.015625, 0.5]
    """
    comparisons, speakers = contributions.shape
    if speakers == 0:
        raise ValueError("joint sign flips of no speakers")
    if comparisons == 0:
        return JointSignFlips(np.zeros(0), sqrt(speakers))
    standardised = _standardise(contributions)
    order = np.argsort(standardised.sum(axis=1), kind="stable")
    # Sums that are equal on paper differ in their last digits, and the observed ones must count themselves.
    tolerance = RELATIVE_TOLERANCE * sqrt(speakers)
    reached, largest = _count_reached(standardised[order], tolerance)
    enumerated = speakers <= ENUMERATED_CLUSTERS
    flips = 2**speakers if enumerated else SAMPLED_FLIPS + 1
    steps = (reached if enumerated else reached + 1) / flips
    p_values = np.empty(comparisons)
    p_values[order] = np.maximum.accumulate(steps[::-1])[::-1]
    beyond = floor(alpha * flips) - (not enumerated)
    critical_sum = np.partition(largest, len(largest) - 1 - beyond)[len(largest) - 1 - beyond]
    return JointSignFlips(p_values, float(critical_sum))


def _standardise(contributions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide each comparison's contributions by the root of their sum of squares; 0 where there is no difference."""
    exact = without_rounding(contributions)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    return np.asarray(np.divide(exact, lengths, out=np.zeros_like(exact), where=lengths > 0), dtype=np.float64)


def _count_reached(
    standardised: NDArray[np.float64], tolerance: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Count the flips whose largest sum reaches the observed one, for comparisons in ascending order of their sums.

    Args:
        standardised: Standardised contributions, shape `(comparison, speaker)`.
        tolerance: Sums that differ by less are equal.

    Returns:
        Flips whose largest sum over a comparison and all before it reaches that comparison's sum, shape
        `(comparison,)`; and the largest sum of all comparisons, shape `(flip,)`.
    """
    thresholds = standardised.sum(axis=1, keepdims=True) - tolerance
    signs = sign_assignments(standardised.shape[1])
    block = max(1, _BLOCK_VALUES // len(standardised))
    reached, largest = np.zeros(len(standardised), dtype=np.int64), []
    for start in range(0, len(signs), block):
        sums = standardised @ signs[start : start + block].T
        np.maximum.accumulate(sums, axis=0, out=sums)
        reached += np.count_nonzero(sums >= thresholds, axis=1)
        largest.append(sums[-1].copy())
    return reached, np.concatenate(largest)
