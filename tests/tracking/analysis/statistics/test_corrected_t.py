import numpy as np
import pytest
from scipy import stats

from tracking.analysis.statistics.corrected_t import corrected_t_p

FOLDS = np.random.default_rng(8).normal(0.002, 0.004, 10)


def test_without_a_test_set_it_is_the_usual_t_test():
    plain = stats.ttest_1samp(10 * FOLDS, 0, alternative="greater").pvalue
    assert corrected_t_p(FOLDS, 1e-15) == pytest.approx(plain, rel=1e-9)


def test_the_correction_is_a_correlation_of_folds():
    # With correlation rho the variance of a mean of J is s2 (1/J + rho/(1-rho)); rho = 1/9 for one test and eight
    # training speakers.
    rho = 1 / 9
    differences = 10 * FOLDS
    t = differences.mean() / np.sqrt(differences.var(ddof=1) * (1 / 10 + rho / (1 - rho)))
    assert corrected_t_p(FOLDS, 1 / 8) == pytest.approx(stats.t.sf(t, 9), rel=1e-12)


def test_it_is_the_more_careful_the_larger_the_test_set():
    gains = np.abs(FOLDS)
    assert corrected_t_p(gains, 1 / 8) < corrected_t_p(gains, 1 / 4) < corrected_t_p(gains, 1) < 0.5
    assert corrected_t_p(-gains, 1 / 8) == pytest.approx(1 - corrected_t_p(gains, 1 / 8), rel=1e-9)


def test_one_fold_and_equal_folds_have_no_test():
    assert corrected_t_p(np.array([0.02]), 0.1) is None
    assert corrected_t_p(np.full(10, 0.002), 0.1) is None
    with pytest.raises(ValueError, match="expected more than 0"):
        corrected_t_p(FOLDS, 0.0)
