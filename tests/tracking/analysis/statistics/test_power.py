import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestPower

from tracking.analysis.statistics.power import (
    between_speaker_std,
    min_p_value,
    minimum_detectable_difference,
    paired_t_power,
    required_speakers,
)
from tracking.analysis.statistics.sign_flip import sign_flip


@given(st.floats(-0.5, 2.0), st.integers(2, 60), st.floats(0.001, 0.2))
@settings(max_examples=100, deadline=None)
def test_power_equals_statsmodels_and_scipy(effect, units, alpha):
    ours = paired_t_power(effect * 0.03, 0.03, units, alpha)
    assert ours == pytest.approx(TTestPower().power(effect, units, alpha, alternative="larger"), abs=1e-9)
    critical = stats.t.isf(alpha, units - 1)
    assert ours == pytest.approx(stats.nct.sf(critical, units - 1, effect * np.sqrt(units)), abs=1e-9)


@given(st.integers(6, 80), st.floats(0.02, 0.2), st.floats(0.3, 0.95))
@settings(max_examples=60, deadline=None)
def test_the_detectable_difference_is_detected_with_just_that_power(units, alpha, power):
    found = minimum_detectable_difference(0.03, units, alpha, power)
    assert found is not None
    assert paired_t_power(found, 0.03, units, alpha) == pytest.approx(power, abs=1e-9)


@given(st.floats(0.05, 2.0), st.floats(0.01, 0.2))
@settings(max_examples=60, deadline=None)
def test_the_speakers_needed_are_the_fewest_that_do(effect, alpha):
    needed = required_speakers(effect, 1.0, alpha)
    assert paired_t_power(effect, 1.0, needed, alpha) >= 0.8
    assert min_p_value(needed) <= alpha
    assert needed == 6 or paired_t_power(effect, 1.0, needed - 1, alpha) < 0.8 or min_p_value(needed - 1) > alpha


def test_a_family_too_large_for_the_speakers_can_show_nothing():
    assert minimum_detectable_difference(0.03, 5) is None
    assert minimum_detectable_difference(0.03, 6, alpha=1 / 64) is not None
    assert minimum_detectable_difference(0.03, 10, alpha=0.05 / 51) is not None
    assert minimum_detectable_difference(0.03, 10, alpha=0.05 / 52) is None
    assert required_speakers(0.5, 0.03, alpha=0.05 / 52) == 11


@pytest.mark.parametrize("units", [3, 8, 16])
def test_the_least_p_is_what_the_test_gives_where_every_speaker_gains(units):
    assert sign_flip(np.arange(1.0, units + 1)).p == min_p_value(units)


def test_drawn_assignments_give_no_p_below_one_in_their_number():
    assert sign_flip(np.arange(1.0, 41)).p == min_p_value(40)


def test_the_deviation_gives_the_half_width_of_the_t_interval():
    parts = np.array([0.011, -0.004, 0.007, 0.002, 0.009, 0.001, 0.003])
    interval = sign_flip(parts).interval
    deviation = between_speaker_std(parts)
    assert deviation is not None
    assert interval is not None
    half = stats.t.ppf(0.975, 6) * deviation / np.sqrt(7)
    assert interval.high - interval.low == pytest.approx(2 * half, abs=1e-12)
    assert between_speaker_std(np.array([0.1])) is None


def test_the_sign_flip_test_has_the_power_that_is_said_of_it():
    rng = np.random.default_rng(11)
    difference = minimum_detectable_difference(0.03, 10)
    rounds = 1500
    drawn = rng.normal(difference, 0.03, (rounds, 10)) / 10
    shown = np.mean([sign_flip(parts).p <= 0.05 for parts in drawn])
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
def test_what_has_no_power_is_refused(call):
    with pytest.raises(ValueError, match=r"expected|needs"):
        call()
