import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from statsmodels.stats.proportion import proportion_effectsize

from tracking.analysis.statistics.effect_sizes import cohens_h, count_improved_speakers, hedges_g


@given(st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_cohens_h_equals_statsmodels(a, b):
    assert cohens_h(a, b) == pytest.approx(proportion_effectsize(a, b), abs=1e-9)


def test_cohens_h_refuses_percentages():
    with pytest.raises(ValueError, match="0 to 1"):
        cohens_h(63.5, 64.7)


@given(st.lists(st.integers(-50, 50), min_size=3, max_size=20).filter(lambda parts: len(set(parts)) > 1))
@settings(max_examples=80, deadline=None)
def test_standardised_difference_is_the_t_statistic_over_root_n_corrected(parts):
    values = np.array(parts) / 1000
    m = len(parts) - 1
    correction = math.gamma(m / 2) / (math.sqrt(m / 2) * math.gamma((m - 1) / 2))
    t = stats.ttest_1samp(values, 0).statistic
    assert hedges_g(values) == pytest.approx(correction * t / math.sqrt(len(parts)), abs=1e-9)


def test_the_correction_makes_the_standardised_difference_unbiased():
    # The mean of d over samples of 6 from N(0.5, 1), by integrating t's noncentral density, times the correction.
    n, effect = 6, 0.5
    density = stats.nct(n - 1, effect * math.sqrt(n))
    mean_d = integrate.quad(lambda t: t / math.sqrt(n) * density.pdf(t), -60, 200, limit=400)[0]
    sample = np.array([0.1, 0.4, 0.2, 0.9, 0.3, 0.6])
    correction = hedges_g(sample) / (sample.mean() / sample.std(ddof=1))
    assert mean_d * correction == pytest.approx(effect, abs=1e-4)


def test_a_standardised_difference_needs_a_deviation():
    assert hedges_g(np.array([0.2])) is None
    assert hedges_g(np.array([0.1, 0.1, 0.1])) is None
    assert hedges_g(np.zeros(4)) is None
    with pytest.raises(ValueError, match="no speakers"):
        hedges_g(np.array([]))


def test_a_speaker_whose_hits_and_misses_cancel_gained_nothing():
    assert count_improved_speakers(np.array([0.1 + 0.2 - 0.3, 0.01, -0.01])) == 1
