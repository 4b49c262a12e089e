"""Tests, intervals, effect sizes and power against values from textbooks, tables and calculations by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from tracking.analysis.statistics import power
from tracking.analysis.statistics.effect_sizes import cohens_h, count_improved_speakers, hedges_g
from tracking.analysis.statistics.power import (
    between_speaker_std,
    min_p_value,
    minimum_detectable_difference,
    paired_t_power,
    required_speakers,
)
from tracking.analysis.statistics.proportions import (
    holm_adjust,
    mcnemar_one_sided,
    proportions_ztest,
    uar_ztest,
    wilson_interval,
)
from tracking.analysis.statistics.sign_flip import sign_flip, ua_interval

IEMOCAP = np.array([1099, 947, 608, 289])
AIBO = np.array([611, 1508, 5377, 215, 546])


@pytest.mark.parametrize(
    ("a", "b", "n_a", "n_b", "z", "p"),
    [
        # Pooled .55, variance .55 * .45 * 2 / 100.
        (0.6, 0.5, 100, 100, 1.4213, 0.0776),
        # Pooled 98 / 180, variance .5444 * .4556 * (1 / 80 + 1 / 100).
        (0.6, 0.5, 80, 100, 1.3386, 0.0903),
        (0.5, 0.6, 100, 80, -1.3386, 0.9097),
        (0.7, 0.7, 10, 20, 0.0, 0.5),
        (1.0, 0.0, 10, 10, math.sqrt(20), 3.872e-6),
    ],
)
def test_pooled_z_test(a, b, n_a, n_b, z, p):
    test = proportions_ztest(a, b, n_a, n_b)
    assert test is not None
    assert test.z == pytest.approx(z, abs=5e-5)
    assert test.p == pytest.approx(p, rel=1e-3)


def test_two_proportions_of_all_or_nothing_have_no_test():
    assert proportions_ztest(1.0, 1.0, 10, 10) is None
    assert proportions_ztest(0.0, 0.0, 10, 10) is None


@pytest.mark.parametrize(("a", "b", "n"), [(63.5, 0.6, 100), (0.6, -0.1, 100), (0.6, 0.5, 0)])
def test_two_proportions_refuse_percentages_and_no_utterances(a, b, n):
    with pytest.raises(ValueError, match="0 to 1 of at least one"):
        proportions_ztest(a, b, 100, n)


@pytest.mark.parametrize(
    ("variant", "baseline", "counts", "p"),
    [
        (0.670, 0.651, IEMOCAP, 0.089),
        (0.429, 0.414, AIBO, 0.128),
        (0.654, 0.651, IEMOCAP, 0.416),
        (0.424, 0.414, AIBO, 0.225),
    ],
)
def test_z_from_recalls_at_the_papers_class_sizes(variant, baseline, counts, p):
    test = uar_ztest(np.full(len(counts), variant), np.full(len(counts), baseline), counts)
    assert test is not None
    assert test.p == pytest.approx(p, abs=0.0006)


def test_z_from_recalls_equals_the_formula_term_by_term():
    a, b, counts = np.array([0.9, 0.4, 0.6]), np.array([0.8, 0.5, 0.5]), np.array([30, 50, 20])
    variance = sum((x * (1 - x) + y * (1 - y)) / (n * 9) for x, y, n in zip(a, b, counts, strict=True))
    z = (a.mean() - b.mean()) / math.sqrt(variance)
    test = uar_ztest(a, b, counts)
    assert test is not None
    assert test.z == pytest.approx(z, rel=1e-12)
    assert test.p == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)), rel=1e-9)


def test_z_from_recalls_leaves_out_a_class_without_utterances():
    present = uar_ztest(np.array([0.9, 0.4]), np.array([0.8, 0.5]), np.array([30, 50]))
    absent = uar_ztest(np.array([0.9, np.nan, 0.4]), np.array([0.8, np.nan, 0.5]), np.array([30, 0, 50]))
    assert present == absent
    with pytest.raises(ValueError, match="no utterances"):
        uar_ztest(np.ones(1), np.ones(1), np.zeros(1, int))


def test_z_from_recalls_is_undefined_without_variance():
    assert uar_ztest(np.ones(3), np.ones(3), np.array([5, 5, 5])) is None


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [
        (5, 0, 1 / 32),
        # Of 11 disagreements: (C(11, 9) + C(11, 10) + 1) / 2^11.
        (9, 2, 67 / 2048),
        (2, 9, 2036 / 2048),
        (0, 7, 1.0),
        (0, 0, 1.0),
    ],
)
def test_mcnemar_counts_binomial_outcomes(only_a, only_b, p):
    assert mcnemar_one_sided(only_a, only_b) == pytest.approx(p, rel=1e-12)


def test_holm_on_four_hypotheses():
    # .005 * 4, .01 * 3, .03 * 2, and .04 * 1, which may not fall below the one before.
    assert holm_adjust([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02], rel=1e-12)
    assert holm_adjust([0.6, 0.5]) == [1.0, 1.0]
    assert holm_adjust([0.2, 0.2]) == [0.4, 0.4]
    assert holm_adjust([]) == []


def test_holm_counts_comparisons_that_have_no_value_yet():
    assert holm_adjust([0.01, None, 0.03]) == [pytest.approx(0.03), None, pytest.approx(0.06)]


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_of_newcombes_table(hits, n, low, high):
    # Newcombe, Statistics in Medicine 17, 1998, table I, the score method without continuity correction.
    interval = wilson_interval(hits / n, n)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)
    mirrored = wilson_interval(1 - hits / n, n)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_needs_utterances():
    with pytest.raises(ValueError, match="no utterances"):
        wilson_interval(0.5, 0)


def test_ua_interval_over_speakers_who_speak_unequally():
    # Utterances and correct ones by speaker and class; recalls .75 and .5.
    counts, correct = [[4, 1], [2, 1], [1, 1], [1, 1]], [[3, 1], [1, 0], [1, 1], [1, 0]]
    cells = [(s, k, i < correct[s][k]) for s in range(4) for k in range(2) for i in range(counts[s][k])]
    speakers, actual, hits = (np.array(column) for column in zip(*cells, strict=True))
    interval = ua_interval(hits.astype(float), actual, speakers, classes=2)
    assert interval is not None
    # Residuals 4/64, -6/64, 5/64, -3/64; t with 3 degrees of freedom 3.182; the upper end is cut.
    half_width = 3.182446 * math.sqrt(4 / 3 * (16 + 36 + 25 + 9)) / 64
    assert (interval.low, interval.high) == (pytest.approx(0.625 - half_width, abs=1e-6), 1.0)
    assert ua_interval(np.ones(4), np.array([0, 0, 1, 1]), np.zeros(4, int), classes=2) is None


def test_cohens_h_at_angles_known_exactly():
    assert cohens_h(1.0, 0.0) == pytest.approx(math.pi)
    assert cohens_h(0.75, 0.25) == pytest.approx(math.pi / 3)
    assert cohens_h(0.25, 0.5) == pytest.approx(-math.pi / 6)
    with pytest.raises(ValueError, match="0 to 1"):
        cohens_h(63.5, 64.7)


@pytest.mark.parametrize(
    ("contributions", "g"),
    [
        # J(2) = 1 / sqrt(pi), J(3) = sqrt(pi / 6); J(9) = .9139 in Hedges' table.
        ([1, 2, 3], 2 / math.sqrt(math.pi)),
        ([1, 1, 3, 3], math.sqrt(math.pi / 2)),
        ([-1, -1, -3, -3], -math.sqrt(math.pi / 2)),
        ([0] * 5 + [2] * 5, 0.9139 * math.sqrt(0.9)),
    ],
)
def test_hedges_g_with_its_correction(contributions, g):
    assert hedges_g(np.array(contributions) / 1000) == pytest.approx(g, rel=5e-5)


def test_correction_makes_hedges_g_unbiased():
    # The mean of d over samples of 6 from N(0.5, 1), by integrating t's noncentral density, times the correction.
    n, effect = 6, 0.5
    density = stats.nct(n - 1, effect * math.sqrt(n))
    mean_d = integrate.quad(lambda t: t / math.sqrt(n) * density.pdf(t), -60, 200, limit=400)[0]
    sample = np.array([0.1, 0.4, 0.2, 0.9, 0.3, 0.6])
    correction = hedges_g(sample) / (sample.mean() / sample.std(ddof=1))
    assert mean_d * correction == pytest.approx(effect, abs=1e-4)


def test_hedges_g_needs_a_standard_deviation():
    assert hedges_g(np.array([0.2, 0.3])) is None
    assert hedges_g(np.array([0.1, 0.1, 0.1])) is None
    assert hedges_g(np.zeros(4)) is None
    with pytest.raises(ValueError, match="no speakers"):
        hedges_g(np.array([]))


def test_a_speaker_whose_hits_and_misses_cancel_did_not_improve():
    assert count_improved_speakers(np.array([0.1 + 0.2 - 0.3, 0.01, -0.01])) == 1


@pytest.mark.parametrize(
    ("effect", "speakers", "power"), [(0.5, 27, 0.8118), (0.5, 45, 0.9512), (0.2, 156, 0.8002), (0.8, 12, 0.8290)]
)
def test_power_of_the_paired_t_test_as_g_power_prints_it(effect, speakers, power):
    assert paired_t_power(effect * 0.03, 0.03, speakers) == pytest.approx(power, abs=5e-5)


@pytest.mark.parametrize("effect", [-0.3, 0.0, 0.4, 1.5])
def test_power_is_the_probability_that_t_exceeds_its_quantile(effect):
    # T = (Z + effect sqrt(S)) / sqrt(V / (S - 1)), Z normal, V chi-squared: integrated over V.
    speakers, alpha = 8, 0.01
    critical, chi2 = stats.t.isf(alpha, speakers - 1), stats.chi2(speakers - 1)
    expected = integrate.quad(
        lambda v: chi2.pdf(v) * stats.norm.sf(critical * math.sqrt(v / 7) - effect * math.sqrt(speakers)), 0, 80
    )[0]
    assert paired_t_power(effect, 1.0, speakers, alpha) == pytest.approx(expected, abs=1e-8)


def test_power_far_out_in_its_tails_is_0_or_1():
    assert {round(paired_t_power(ncp / 3, 1.0, 9), 6) for ncp in range(30, 300)} == {1.0}
    assert {round(paired_t_power(-ncp / 3, 1.0, 9), 6) for ncp in range(30, 300)} == {0.0}
    assert required_speakers(18.0, 1.0) == 6


@given(st.integers(6, 80), st.floats(0.02, 0.2))
@settings(max_examples=40)
def test_minimum_detectable_difference_has_80_percent_power(speakers, alpha):
    difference = minimum_detectable_difference(0.03, speakers, alpha)
    assert difference is not None
    assert paired_t_power(difference, 0.03, speakers, alpha) == pytest.approx(0.8, abs=1e-9)


def test_equal_speakers_and_levels_are_solved_once(monkeypatch):
    first = minimum_detectable_difference(0.03, 9, 0.031)
    monkeypatch.setattr(power, "paired_t_power", lambda *_: pytest.fail("solved again"))
    assert minimum_detectable_difference(0.06, 9, 0.031) == pytest.approx(2 * first, rel=1e-15)


@given(st.floats(0.05, 2.0), st.floats(0.01, 0.2))
@settings(max_examples=40)
def test_required_speakers_are_the_fewest_with_that_power(effect, alpha):
    speakers = required_speakers(effect, 1.0, alpha)
    assert paired_t_power(effect, 1.0, speakers, alpha) >= 0.8
    assert min_p_value(speakers) <= alpha
    assert speakers == 6 or paired_t_power(effect, 1.0, speakers - 1, alpha) < 0.8 or min_p_value(speakers - 1) > alpha


def test_a_family_too_large_for_the_speakers_can_show_nothing():
    assert minimum_detectable_difference(0.03, 5) is None
    assert minimum_detectable_difference(0.03, 6, alpha=1 / 64) is not None
    assert minimum_detectable_difference(0.03, 10, alpha=0.05 / 51) is not None
    assert minimum_detectable_difference(0.03, 10, alpha=0.05 / 52) is None
    assert required_speakers(0.5, 0.03, alpha=0.05 / 52) == 11


@pytest.mark.parametrize("speakers", [3, 8, 16, 40])
def test_min_p_value_is_reached_where_every_speaker_gains(speakers):
    assert sign_flip(np.arange(1.0, speakers + 1)).p == min_p_value(speakers)


def test_between_speaker_std_gives_the_width_of_the_t_interval():
    contributions = np.array([0.011, -0.004, 0.007, 0.002, 0.009, 0.001, 0.003])
    interval = sign_flip(contributions).interval
    std = between_speaker_std(contributions)
    assert std is not None
    assert interval is not None
    half_width = stats.t.ppf(0.975, 6) * std / np.sqrt(7)
    assert interval.high - interval.low == pytest.approx(2 * half_width, abs=1e-12)
    assert between_speaker_std(np.array([0.1])) is None


def test_the_sign_flip_test_has_the_stated_power():
    rng = np.random.default_rng(11)
    difference = minimum_detectable_difference(0.03, 10)
    samples = rng.normal(difference, 0.03, (1500, 10)) / 10
    shown = np.mean([sign_flip(contributions).p <= 0.05 for contributions in samples])
    # Binomial standard error .010; the sign-flip test loses about a point to its steps.
    assert 0.75 < shown < 0.83


@pytest.mark.parametrize(
    "call",
    [
        lambda: paired_t_power(0.1, 0.0, 10),
        lambda: paired_t_power(0.1, 0.1, 1),
        lambda: minimum_detectable_difference(0.1, 10, alpha=0.0),
        lambda: required_speakers(0.0, 0.1),
        lambda: required_speakers(1e-9, 1.0),
    ],
)
def test_inputs_without_a_power_are_refused(call):
    with pytest.raises(ValueError, match=r"expected|needs"):
        call()
