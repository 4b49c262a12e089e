from itertools import product
from math import fsum, inf, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracking.analysis.statistics.joint_sign_flips import joint_sign_flips
from tracking.analysis.statistics.power import first_level
from tracking.analysis.statistics.sign_flip import SAMPLED_FLIPS, sign_flip


def studentised(values):
    """Sum over the root of the squared deviations, as method pages write it."""
    mean = fsum(values) / len(values)
    deviation = sqrt(fsum((value - mean) ** 2 for value in values))
    total = fsum(values)
    if deviation <= 1e-9 * fsum(map(abs, values)):
        return 0.0 if abs(total) < 1e-12 else inf * np.sign(total)
    return total / deviation


def enumerated(contributions):
    """Step-down max-T with plain loops over all assignments of signs."""
    rows, speakers = contributions.tolist(), contributions.shape[1]
    observed = [studentised(row) for row in rows]
    order = sorted(range(len(rows)), key=lambda index: -observed[index])
    p_values, largest_p = [0.0] * len(rows), 0.0
    for rank, index in enumerate(order):
        reached = 0
        for signs in product((1, -1), repeat=speakers):
            flipped = (
                studentised([sign * value for sign, value in zip(signs, rows[other], strict=True)])
                for other in order[rank:]
            )
            threshold = observed[index]
            reached += max(flipped) >= (threshold if abs(threshold) == inf else threshold - 1e-7)
        largest_p = max(largest_p, reached / 2**speakers)
        p_values[index] = largest_p
    return p_values


@pytest.mark.parametrize("speakers", range(2, 9))
@pytest.mark.parametrize("comparisons", [1, 2, 5])
def test_joint_flips_equal_plain_enumeration(speakers, comparisons):
    rng = np.random.default_rng([speakers, comparisons])
    # A shared baseline and whole hits, so that comparisons depend on each other and sums are tied.
    hits = rng.integers(0, 12, (comparisons + 1, speakers)) + rng.integers(0, 4, (comparisons + 1, 1))
    contributions = (hits[1:] - hits[0]) / (12 * speakers)
    expected = enumerated(contributions)
    assert joint_sign_flips(contributions).p_values.tolist() == pytest.approx(expected, abs=1e-12)


def test_speakers_that_all_agree_reach_the_smallest_p():
    contributions = np.vstack([np.full(8, 0.02), np.random.default_rng(2).normal(0, 0.01, (4, 8))])
    assert joint_sign_flips(contributions).p_values.tolist() == pytest.approx(enumerated(contributions), abs=1e-12)
    assert joint_sign_flips(contributions).p_values[0] == 2**-8


@given(st.permutations(range(7)), st.sampled_from([6, 10, 20]))
@settings(max_examples=25, deadline=None)
def test_the_order_of_comparisons_changes_no_p(order, speakers):
    rng = np.random.default_rng(5)
    contributions = rng.integers(-6, 9, (7, speakers)) / (24 * speakers)
    contributions[3] = contributions[1]
    p_values = joint_sign_flips(contributions).p_values
    assert joint_sign_flips(contributions[list(order)]).p_values.tolist() == p_values[list(order)].tolist()


@pytest.mark.parametrize("speakers", [7, 10, 21])
def test_a_family_of_one_is_the_plain_sign_flip_test(speakers):
    contributions = np.random.default_rng(speakers).normal(0.002, 0.01, speakers)
    assert joint_sign_flips(contributions[None]).p_values.tolist() == [sign_flip(contributions).p]


def test_the_smallest_p_does_not_grow_with_the_family():
    rng = np.random.default_rng(1)
    for speakers, smallest in ((6, 2**-6), (10, 2**-10), (16, 2**-16), (24, 1 / (SAMPLED_FLIPS + 1))):
        family = rng.normal(0, 0.003, (200, speakers))
        family[17] = 0.045 + rng.normal(0, 0.0005, speakers)
        joint = joint_sign_flips(family)
        assert joint.p_values[17] == smallest
        assert joint.p_values.min() == smallest


def test_a_speaker_that_a_comparison_lacks_changes_nothing_for_it():
    contributions = np.random.default_rng(9).normal(0.001, 0.01, (1, 9))
    wider = np.hstack([contributions, np.zeros((1, 3))])
    assert joint_sign_flips(wider).p_values.tolist() == joint_sign_flips(contributions).p_values.tolist()


def test_equal_variants_have_a_p_of_1():
    # Hits that cancel on paper, but not in the last digit.
    dust = np.array([0.1 + 0.2 - 0.3, 0.0, 0.3 - 0.2 - 0.1, 0.0, 0.0, 0.0])
    assert np.any(dust)
    assert joint_sign_flips(np.vstack([dust, np.zeros(6)])).p_values.tolist() == [1.0, 1.0]


def test_exceeding_the_critical_sum_is_what_makes_the_first_significant():
    rng = np.random.default_rng(3)
    verdicts = set()
    for _ in range(60):
        family = rng.normal(0.004, 0.01, (5, 8))
        joint = joint_sign_flips(family)
        largest = max(family.sum(axis=1) / np.linalg.norm(family, axis=1))
        assert (joint.p_values.min() <= 0.05) == (largest > joint.critical_sum + 1e-9)
        verdicts.add(bool(joint.p_values.min() <= 0.05))
    assert verdicts == {True, False}


def test_the_level_of_the_first_lies_between_the_plain_and_bonferronis():
    rng = np.random.default_rng(4)
    independent = joint_sign_flips(rng.normal(0, 0.01, (20, 12)))
    assert 0.05 / 20 * 0.8 < first_level(independent.critical_sum, 12) < 0.05 / 10
    alone = joint_sign_flips(rng.normal(0, 0.01, (1, 12)))
    assert first_level(alone.critical_sum, 12) == pytest.approx(0.05, abs=0.01)


def test_families_of_nothing_and_speakers_of_nothing():
    assert joint_sign_flips(np.zeros((0, 10))).p_values.tolist() == []
    with pytest.raises(ValueError, match="no speakers"):
        joint_sign_flips(np.zeros((3, 0)))


def test_equal_variants_are_rarely_called_better_or_worse():
    rng = np.random.default_rng(6)
    families, better, worse = 400, 0, 0
    for _ in range(families):
        scores = rng.normal(0, 0.003, (31, 10)) * rng.uniform(0.5, 2, 10)
        contributions = scores[1:] - scores[0]
        better += joint_sign_flips(contributions).p_values.min() <= 0.05
        worse += joint_sign_flips(-contributions).p_values.min() <= 0.05
    # Three Monte-Carlo standard errors of a share of .05 among 400 are .033.
    assert 0.017 <= better / families <= 0.083
    assert 0.017 <= worse / families <= 0.083
