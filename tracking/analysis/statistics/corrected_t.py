"""Corrected t-test over folds, which allows for training sets that overlap."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

_RELATIVE_ROUNDING = 1e-12


def corrected_t_p(contributions: NDArray[np.float64], test_to_training: float) -> float | None:
    """Test by Nadeau and Bengio's corrected t over folds, one-tailed, H1: the folds' mean difference is above 0.

    t = mean(x) / sqrt((1/J + n_test/n_train) var(x)), J-1 degrees of freedom, x_f = J d_f the difference as fold f
    alone would have it, var with J-1 (Nadeau & Bengio, Machine Learning 52, 2003).
    The usual variance of a mean, var/J, takes the folds as independent; their models share training data, and the
    second term stands for that: a correlation of n_test / (n_test + n_train) between folds is assumed, not measured.
    Differences of folds are taken as nearly normal.

    Args:
        contributions: Contribution of each fold to the difference, shape `(fold,)`; they sum to it.
        test_to_training: Size of a test set over the size of a training set, above 0.

    Returns:
        p; None with one fold, or where all folds contribute equally.

    Raises:
        ValueError: There is no fold, or the ratio is not above 0.

    Examples:
        >>> round(corrected_t_p(np.array([0.01, 0.02, 0.01, 0.03, 0.02, 0.01]), test_to_training=1 / 4), 4)
        0.0125
    """
    folds = len(contributions)
    if folds == 0 or not test_to_training > 0:
        raise ValueError(f"corrected t of {folds} folds with n_test/n_train = {test_to_training}: expected more than 0")
    if folds == 1:
        return None
    differences = folds * contributions
    std = float(differences.std(ddof=1))
    if std <= _RELATIVE_ROUNDING * float(np.abs(differences).max()):
        return None
    t = float(differences.mean()) / (std * sqrt(1 / folds + test_to_training))
    return float(special.stdtr(folds - 1, -t))
