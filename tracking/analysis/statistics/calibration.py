"""Calibration: does a decision that claims 80% confidence prove right in 80% of cases?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10


@dataclass(frozen=True, eq=False)
class Calibration:
    """Confidence and accuracy of decisions, in bins of equal width.

    Attributes:
        confidences: Mean confidence of each bin that has a decision, 0..1, ascending, shape `(bin,)`.
        accuracies: Share of right decisions in each of these bins, 0..1, shape `(bin,)`.
        counts: Decisions in each of these bins, shape `(bin,)`.
        expected_error: Expected calibration error, 0..1.
    """

    confidences: NDArray[np.float64]
    accuracies: NDArray[np.float64]
    counts: NDArray[np.int64]
    expected_error: float


def calibrate(confidences: NDArray[np.float64], correct: NDArray[np.bool_]) -> Calibration:
    """Compare the confidence of decisions with how often they are right.

    The expected calibration error (ECE) is the mean absolute difference of accuracy and confidence over `BINS` bins of
    equal width, weighted by their decisions (Guo, Pleiss, Sun & Weinberger, ICML 2017, eq. 3).

    Args:
        confidences: Confidence of each of at least one decision, 0..1, shape `(decision,)`.
        correct: Whether it is right, same shape.

    Returns:
        Bins that have a decision, and the error.

    Examples:
        >>> round(calibrate(np.array([0.95, 0.95, 0.55, 0.55]), np.array([True, True, True, False])).expected_error, 3)
        0.05
    """
    # Bins are open below and closed above, as in the paper.
    bins = np.clip(np.ceil(confidences * BINS).astype(np.int64) - 1, 0, BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    filled = counts > 0
    confidence = np.bincount(bins, confidences, BINS)[filled] / counts[filled]
    accuracy = np.bincount(bins, correct, BINS)[filled] / counts[filled]
    error = float(np.abs(accuracy - confidence) @ counts[filled] / counts.sum())
    return Calibration(confidence, accuracy, counts[filled], error)
