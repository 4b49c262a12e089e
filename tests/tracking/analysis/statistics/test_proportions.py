import gc
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats import proportion
from statsmodels.stats.multitest import multipletests

from tracking.analysis.statistics.proportions import (
    holm_adjust,
    mcnemar_one_sided,
    proportions_ztest,
    uar_ztest,
    wilson_interval,
)

IEMOCAP = np.array([1099, 947, 608, 289])
AIBO = np.array([611, 1508, 5377, 215, 546])


@given(
    st.integers(1, 5000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
    st.integers(1, 5000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
)
@settings(max_examples=150, deadline=None)
def test_two_proportion_z_equals_statsmodels(a, b):
    (n_a, hits_a), (n_b, hits_b) = a, b
    ours = proportions_ztest(hits_a / n_a, hits_b / n_b, n_a, n_b)
    if hits_a + hits_b in (0, n_a + n_b):
        assert ours is None
        return
    z, p = proportion.proportions_ztest([hits_a, hits_b], [n_a, n_b], alternative="larger")
    assert ours is not None
    assert ours.z == pytest.approx(z, rel=1e-9, abs=1e-9)
    assert ours.p == pytest.approx(p, rel=1e-9, abs=1e-12)


def test_two_proportions_of_all_or_nothing_have_no_test():
    assert proportions_ztest(1.0, 1.0, 10, 10) is None
    assert proportions_ztest(0.0, 0.0, 10, 10) is None
    assert proportions_ztest(1.0, 0.0, 10, 10) is not None


def test_two_proportions_refuse_percentages():
    with pytest.raises(ValueError, match="0 to 1"):
        proportions_ztest(63.5, 64.7, 100, 100)


@pytest.mark.parametrize(
    ("variant", "baseline", "n", "p"),
    [
        (0.670, 0.651, 2943, 0.062),
        (0.690, 0.669, 2943, 0.042),
        (0.429, 0.414, 8257, 0.025),
        (0.654, 0.651, 2943, 0.405),
        (0.680, 0.669, 2943, 0.184),
        (0.424, 0.414, 8257, 0.096),
    ],
)
def test_the_papers_percentages_give_the_published_comparison(variant, baseline, n, p):
    test = proportions_ztest(variant, baseline, n, n)
    assert test is not None
    assert round(test.p, 3) == p or test.p == pytest.approx(p, abs=0.0005)


@pytest.mark.parametrize(
    ("variant", "baseline", "counts", "p"),
    [
        (0.670, 0.651, IEMOCAP, 0.089),
        (0.429, 0.414, AIBO, 0.128),
        (0.654, 0.651, IEMOCAP, 0.416),
        (0.424, 0.414, AIBO, 0.225),
    ],
)
def test_recall_variance_at_equal_recalls_of_the_papers_class_sizes(variant, baseline, counts, p):
    test = uar_ztest(np.full(len(counts), variant), np.full(len(counts), baseline), counts)
    assert test is not None
    assert test.p == pytest.approx(p, abs=0.0006)


def test_recall_variance_equals_the_formula_term_by_term():
    a, b, counts = np.array([0.9, 0.4, 0.6]), np.array([0.8, 0.5, 0.5]), np.array([30, 50, 20])
    variance = sum((x * (1 - x) + y * (1 - y)) / (n * 9) for x, y, n in zip(a, b, counts, strict=True))
    z = (a.mean() - b.mean()) / math.sqrt(variance)
    test = uar_ztest(a, b, counts)
    assert test is not None
    assert test.z == pytest.approx(z, rel=1e-12)
    assert test.p == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)), rel=1e-9)


def test_recall_variance_leaves_out_a_class_without_utterances():
    whole = uar_ztest(np.array([0.9, 0.4]), np.array([0.8, 0.5]), np.array([30, 50]))
    absent = uar_ztest(np.array([0.9, np.nan, 0.4]), np.array([0.8, np.nan, 0.5]), np.array([30, 0, 50]))
    assert whole == absent


def test_recall_variance_is_undefined_without_variance():
    assert uar_ztest(np.ones(3), np.ones(3), np.array([5, 5, 5])) is None


@given(st.integers(0, 400), st.integers(0, 400))
@settings(max_examples=100, deadline=None)
def test_mcnemar_equals_the_binomial_test(only_a, only_b):
    if only_a + only_b == 0:
        assert mcnemar_one_sided(0, 0) == 1.0
        return
    expected = binomtest(only_a, only_a + only_b, 0.5, alternative="greater").pvalue
    assert mcnemar_one_sided(only_a, only_b) == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_holm_equals_statsmodels(p_values):
    with pytest.MonkeyPatch.context() as patch:
        # It collects garbage at every call, which among all that a test process holds takes a second.
        patch.setattr(gc, "collect", lambda *_: 0)
        expected = multipletests(p_values, method="holm")[1]
    assert holm_adjust(p_values) == pytest.approx(list(expected), rel=1e-9)


def test_holm_counts_comparisons_that_have_no_value_yet():
    assert holm_adjust([0.01, None, 0.03]) == [pytest.approx(0.03), None, pytest.approx(0.06)]


def test_holm_over_the_papers_six_leaves_none_below_a_tenth():
    pairs = [(0.670, 0.651, 2943), (0.690, 0.669, 2943), (0.429, 0.414, 8257)]
    pairs += [(0.654, 0.651, 2943), (0.680, 0.669, 2943), (0.424, 0.414, 8257)]
    tests = [proportions_ztest(a, b, n, n) for a, b, n in pairs]
    adjusted = [p for p in holm_adjust([test.p for test in tests if test is not None]) if p is not None]
    assert len(adjusted) == 6
    assert min(adjusted) == pytest.approx(0.153, abs=0.0005)


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
@settings(max_examples=100, deadline=None)
def test_wilson_equals_statsmodels(counts):
    n, hits = counts
    low, high = proportion.proportion_confint(hits, n, alpha=0.05, method="wilson")
    interval = wilson_interval(hits / n, n)
    assert interval.low == pytest.approx(low, abs=1e-9)
    assert interval.high == pytest.approx(high, abs=1e-9)
