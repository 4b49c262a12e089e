import math

import numpy as np
import pytest

from tracking.analysis.comparison.published import (
    ClaimVerdict,
    judge_claim,
    published_claims,
    published_scores,
    published_tests,
)
from tracking.analysis.statistics.proportions import Interval

TESTS = published_tests()
CASES = {(test.variant, f"{test.corpus} {test.score}"): test for test in TESTS}

# Variant, column, p, range of p under rounding, p from the recalls' variances, verdict.
EXPECTED = [
    ("component", "IEMOCAP UA", ".062", (".053", ".072"), ".089", ClaimVerdict.NOT_REPRODUCED),
    ("component", "IEMOCAP WA", ".042", (".035", ".050"), None, ClaimVerdict.HOLDS),
    ("component", "FAU-Aibo UA", ".025", (".019", ".034"), ".128", ClaimVerdict.HOLDS),
    ("quantum", "IEMOCAP UA", ".405", (".374", ".436"), ".416", ClaimVerdict.NOT_REPRODUCED),
    ("quantum", "IEMOCAP WA", ".184", (".163", ".206"), None, ClaimVerdict.NOT_REPRODUCED),
    ("quantum", "FAU-Aibo UA", ".096", (".076", ".121"), ".225", ClaimVerdict.UNDECIDABLE),
]


def three(value):
    return f"{value:.3f}".lstrip("0")


@pytest.mark.parametrize(("variant", "column", "p", "rounding", "recalls_p", "verdict"), EXPECTED)
def test_every_claim_has_the_expected_figures(variant, column, p, rounding, recalls_p, verdict):
    test = CASES[variant, column]
    assert three(test.p) == p
    assert (three(test.rounding.low), three(test.rounding.high)) == rounding
    assert (None if test.recalls_p is None else three(test.recalls_p)) == recalls_p
    assert test.verdict == verdict


def pooled_p(a, b, n):
    """One-tailed p of two shares of n, by the formula."""
    pooled = (a + b) / 2
    return 0.5 * math.erfc((a - b) / math.sqrt(pooled * (1 - pooled) * 2 / n) / math.sqrt(2))


def test_holm_over_the_papers_six_leaves_none_below_a_tenth():
    assert len(TESTS) == 6
    smallest = min(TESTS, key=lambda test: test.p)
    assert three(smallest.p) == ".025"
    assert smallest.holm_p == pytest.approx(6 * smallest.p)
    assert three(min(test.holm_p for test in TESTS)) == ".153"
    assert all(test.holm_p >= test.level for test in TESTS)


def test_rounding_ranges_hold_every_pair_of_scores_printed_so():
    for test in TESTS:
        n, steps = test.utterances, np.linspace(-0.05, 0.05, 11)
        p = [
            pooled_p((test.variant_percent + i) / 100, (test.baseline_percent + j) / 100, n)
            for i in steps
            for j in steps
        ]
        assert (test.rounding.low, test.rounding.high) == pytest.approx((min(p), max(p)), abs=1e-9)


def test_whole_counts_of_utterances_narrow_the_range_of_wa():
    for test in TESTS:
        if test.score == "UA":
            assert test.whole is None
            continue
        n = test.utterances
        hits = [
            [k for k in range(n + 1) if f"{100 * k / n:.1f}" == str(printed)]
            for printed in (test.variant_percent, test.baseline_percent)
        ]
        p = [pooled_p(a / n, b / n, n) for a in hits[0] for b in hits[1]]
        assert test.whole is not None
        assert (test.whole.low, test.whole.high) == pytest.approx((min(p), max(p)), abs=1e-9)


def test_relative_gains_narrow_the_range_to_scores_that_print_them():
    assert [test.relative_gain for test in TESTS] == [3.0, 3.1, 3.6, None, None, None]
    for test in TESTS[:3]:
        steps = np.linspace(-0.05, 0.05, 201)
        a, b = np.meshgrid(test.variant_percent + steps, test.baseline_percent + steps)
        printed_so = np.abs(100 * (a / b - 1) - test.relative_gain) <= 0.05
        pairs = zip(a[printed_so], b[printed_so], strict=True)
        p = [pooled_p(one / 100, other / 100, test.utterances) for one, other in pairs]
        assert (test.relative.low, test.relative.high) == pytest.approx((min(p), max(p)), abs=1e-4)
        assert test.rounding.low <= test.relative.low <= min(p)
        assert max(p) <= test.relative.high <= test.rounding.high
    assert (three(TESTS[0].relative.low), three(TESTS[0].relative.high)) == (".054", ".060")


def test_claims_over_all_columns():
    component, quantum = published_claims()
    assert component.text == "component > none at p < .05"
    assert quantum.text == "quantum > none at p < .10"
    assert component.verdict == quantum.verdict == ClaimVerdict.NOT_REPRODUCED
    assert quantum.reason.endswith("FAU-Aibo UA: undecidable")


def test_a_verdict_needs_the_whole_range_on_one_side():
    assert judge_claim(Interval(0.01, 0.049), 0.05) == ClaimVerdict.HOLDS
    assert judge_claim(Interval(0.01, 0.05), 0.05) == ClaimVerdict.UNDECIDABLE
    assert judge_claim(Interval(0.05, 0.06), 0.05) == ClaimVerdict.NOT_REPRODUCED


def test_the_class_sizes_sum_to_the_papers_test_sets():
    sizes = {name: sum(counts.values()) for name, counts in published_scores().corpora.items()}
    assert sizes == {"IEMOCAP": 2943, "FAU-Aibo": 8257}
