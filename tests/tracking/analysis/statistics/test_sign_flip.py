from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tracking.analysis.statistics.sign_flip import (
    SAMPLED_FLIPS,
    sign_flip,
    sign_flip_each,
    ua_contributions,
    ua_interval,
    wa_contributions,
)


def enumerated_p(contributions):
    """The share of all assignments of signs that reach the observed sum, by exact fractions."""
    from fractions import Fraction

    exact = [Fraction(part) for part in contributions]
    observed = sum(exact)
    sums = [
        sum(sign * part for sign, part in zip(signs, exact, strict=True))
        for signs in product((1, -1), repeat=len(exact))
    ]
    return sum(total >= observed for total in sums) / len(sums)


@given(st.lists(st.integers(-60, 60), min_size=1, max_size=9))
@settings(max_examples=80, deadline=None)
def test_sign_flip_equals_plain_enumeration_also_with_ties(numerators):
    assert sign_flip(np.array(numerators, dtype=float)).p == enumerated_p(numerators)


@given(st.lists(st.integers(-30, 30), min_size=2, max_size=9))
@settings(max_examples=60, deadline=None)
def test_sign_flip_counts_ties_that_rounding_would_hide(numerators):
    # Thirds and tenths have no exact binary form, so equal sums differ in their last digits.
    assert sign_flip(np.array(numerators) / 30 / 7).p == enumerated_p(numerators)


@given(st.lists(st.floats(-0.2, 0.2), min_size=2, max_size=10))
@settings(max_examples=40, deadline=None)
def test_sign_flip_equals_scipys_permutation_test_of_one_sample(contributions):
    values = np.array(contributions)
    reference = stats.permutation_test(
        (values,), np.sum, permutation_type="samples", alternative="greater", n_resamples=np.inf
    )
    # scipy's own tolerance for ties is relative to the statistic; ties of tiny contributions are skipped.
    if np.abs(values).min() > 1e-6:
        assert sign_flip(values).p == pytest.approx(reference.pvalue, abs=1e-12)


def test_the_observed_assignment_counts():
    rng = np.random.default_rng(1)
    for speakers in (6, 10, 16):
        contributions = np.abs(rng.normal(size=speakers)) / 3
        assert sign_flip(contributions).p == 1 / 2**speakers


def test_no_difference_gives_a_p_of_1():
    result = sign_flip(np.zeros(10))
    assert result.p == 1.0
    assert result.interval is not None
    assert (result.interval.low, result.interval.high) == (0.0, 0.0)


def test_a_tie_of_rounding_alone_gives_a_p_of_1():
    assert sign_flip(np.array([0.1 * 3 - 0.3])).p == 1.0
    assert sign_flip(np.full(8, 0.1 * 3 - 0.3)).p == 1.0


@pytest.mark.parametrize("speakers", [8, 20])
def test_tests_of_many_rows_equal_those_of_each_row(speakers):
    contributions = np.random.default_rng(5).integers(-3, 5, (7, speakers)) / 70
    assert sign_flip_each(contributions) == [sign_flip(row) for row in contributions]


def test_many_speakers_are_sampled_with_a_seed():
    contributions = np.random.default_rng(3).normal(0.02, 0.05, 25)
    first, second = sign_flip(contributions), sign_flip(contributions)
    assert first == second
    assert first.p * (SAMPLED_FLIPS + 1) == pytest.approx(round(first.p * (SAMPLED_FLIPS + 1)))
    normal = stats.norm.sf(contributions.sum() / np.sqrt(np.sum(contributions**2)))
    assert first.p == pytest.approx(normal, abs=0.01)
    assert sign_flip(np.full(40, 0.01)).p == 1 / (SAMPLED_FLIPS + 1)


def test_interval_is_the_t_interval_of_the_speakers_sum():
    contributions = np.array([0.01, -0.004, 0.02, 0.003, 0.0, 0.011, 0.007])
    result = sign_flip(contributions)
    mean = stats.t.interval(0.95, 6, loc=contributions.mean(), scale=stats.sem(contributions))
    assert result.interval is not None
    assert result.interval.low == pytest.approx(7 * mean[0], rel=1e-12)
    assert result.interval.high == pytest.approx(7 * mean[1], rel=1e-12)


def test_five_speakers_are_too_few_and_one_has_no_interval():
    assert not sign_flip(np.full(5, 0.1)).has_enough_speakers
    assert sign_flip(np.full(6, 0.1)).has_enough_speakers
    assert sign_flip(np.array([0.1])).interval is None


def test_contributions_sum_to_the_difference_of_ua_and_wa():
    rng = np.random.default_rng(0)
    actual = rng.integers(0, 4, 300)
    speakers = rng.integers(0, 7, 300)
    a, b = rng.random(300) < 0.7, rng.random(300) < 0.6
    difference = a.astype(float) - b.astype(float)
    ua = [np.mean([right[actual == k].mean() for k in range(4)]) for right in (a, b)]
    assert ua_contributions(difference, actual, speakers, 4).sum() == pytest.approx(ua[0] - ua[1], rel=1e-12)
    assert wa_contributions(difference, speakers).sum() == pytest.approx(a.mean() - b.mean(), rel=1e-12)


def test_ua_contributions_leave_out_an_absent_class():
    actual = np.array([0, 0, 2, 2])
    assert ua_contributions(np.ones(4), actual, np.array([0, 1, 0, 1]), 3).tolist() == [0.5, 0.5]


def simulate(rng, speaker_std, speakers=10, per_speaker=80):
    """Hits of two equal variants whose speaker-by-variant effects have the given deviation."""
    hard = rng.normal(0.68, 0.05, speakers)
    actual = np.tile(np.arange(per_speaker) % 4, speakers)
    units = np.repeat(np.arange(speakers), per_speaker)
    hits = [
        (rng.random(len(units)) < np.clip(hard + rng.normal(0, speaker_std, speakers), 0, 1)[units]).astype(float)
        for _ in range(2)
    ]
    return hits, actual, units


def test_sign_flip_keeps_its_level_under_speaker_effects():
    rng = np.random.default_rng(20)
    rounds, rejected, covered = 600, 0, 0
    for _ in range(rounds):
        (a, b), actual, units = simulate(rng, 0.046)
        result = sign_flip(ua_contributions(a - b, actual, units, 4))
        rejected += result.p <= 0.05
        covered += result.interval.low <= 0 <= result.interval.high
    # Monte-Carlo error: 3 deviations of a share of .05 among 600 are .027.
    assert 0.025 <= rejected / rounds <= 0.077
    assert 0.92 <= covered / rounds <= 0.98


def test_interval_of_one_variants_ua_covers_the_truth():
    rng = np.random.default_rng(21)
    rounds, covered = 500, 0
    for _ in range(rounds):
        (hits, _), actual, units = simulate(rng, 0.03)
        interval = ua_interval(hits, actual, units, 4)
        covered += interval.low <= 0.68 <= interval.high
    assert 0.92 <= covered / rounds <= 0.98


def test_interval_of_ua_is_close_to_the_jackknife_over_speakers():
    rng = np.random.default_rng(4)
    actual, units = rng.integers(0, 4, 900), rng.integers(0, 12, 900)
    hits = (rng.random(900) < 0.4 + 0.03 * units).astype(float)

    def ua(keep):
        return np.mean([hits[keep & (actual == k)].mean() for k in range(4)])

    left_out = np.array([ua(units != speaker) for speaker in range(12)])
    error = np.sqrt(11 / 12 * np.sum((left_out - left_out.mean()) ** 2))
    interval = ua_interval(hits, actual, units, 4)
    half = (interval.high - interval.low) / 2
    assert half == pytest.approx(stats.t.ppf(0.975, 11) * error, rel=0.08)
    assert (interval.high + interval.low) / 2 == pytest.approx(ua(np.ones(900, bool)), rel=1e-12)
