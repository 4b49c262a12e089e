"""Claims of the paper, tested by its own z-test from the percentages and numbers of utterances in its Table 3.

Paired tests would need the predictions, which are not published; so a claim that fails here is 'not
reproduced', not false.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import product
from math import ceil, floor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ser.config import AttentionName, LabelStrategy
from ser.frozen_model import FrozenModel
from tracking.analysis.statistics.proportions import Interval, ZTest, holm_adjust, proportions_ztest, uar_ztest


class ClaimVerdict(StrEnum):
    """Verdict on a published claim."""

    HOLDS = "holds"
    NOT_REPRODUCED = "not reproduced"
    UNDECIDABLE = "undecidable"


_FILE = Path(__file__).with_name("published.json")
_HALF_UNIT = 0.05
"""Half of the last digit printed, percentage points: the largest rounding error of a percentage."""


class _Claim(FrozenModel):
    attention: AttentionName
    baseline: AttentionName
    labels: LabelStrategy
    level: float
    relative_gains: dict[str, float] = Field(default_factory=dict)


class PublishedScores(FrozenModel):
    """Figures of the publication, as printed.

    Attributes:
        source: The publication and its tables.
        corpora: Test utterances by class name, by corpus.
        scores: One row per variant: attention, labels, and percentages by 'corpus score'.
        claims: Which attention is claimed to be better than which, and at which level; in percent of the baseline
            where the text says by how much.
    """

    source: str
    corpora: dict[str, dict[str, int]]
    scores: tuple[dict[str, str | float], ...]
    claims: tuple[_Claim, ...]

    def columns(self) -> tuple[str, ...]:
        """List the columns of percentages, such as 'IEMOCAP UA'."""
        return tuple(name for name in self.scores[0] if name not in ("attention", "labels"))

    def percent(self, attention: str, labels: str, column: str) -> float:
        """Return one percentage of the table."""
        (row,) = (row for row in self.scores if (row["attention"], row["labels"]) == (attention, labels))
        return float(row[column])


@dataclass(frozen=True)
class PublishedTest:
    """One claim on one column of the table; the field names are columns of `ser report published --csv`.

    Attributes:
        variant: Attention that is claimed to be better.
        baseline: Attention that it is compared with.
        corpus: Name of the corpus.
        score: 'UA' or 'WA'.
        utterances: Number of test utterances.
        variant_percent: Published score of the variant.
        baseline_percent: Published score of the baseline.
        p: One-tailed pooled z-test of the two percentages.
        rounding: Smallest and largest p of any two scores that round to these percentages.
        whole: The same where both are whole numbers of utterances; None for UA, which is not one.
        recalls_p: One-tailed z-test from the recalls' variances, all recalls of a variant taken as equal
            to its UA; None for WA.
        holm_p: `p` after Holm's adjustment over all claims.
        level: Level at which the difference is claimed.
        verdict: Verdict by the paper's own test.
        relative_gain: Gain in percent of the baseline, as the text states it; None where it does not.
        relative: Smallest and largest p of any two scores that round to these percentages and to that gain.
    """

    variant: str
    baseline: str
    corpus: str
    score: str
    utterances: int
    variant_percent: float
    baseline_percent: float
    p: float
    rounding: Interval
    whole: Interval | None
    recalls_p: float | None
    holm_p: float
    level: float
    verdict: ClaimVerdict
    relative_gain: float | None
    relative: Interval | None


@dataclass(frozen=True)
class PublishedClaim:
    """Claim over all columns of the table.

    Attributes:
        text: The claim.
        verdict: 'not reproduced' where one of its tests is; 'holds' where all hold; else 'undecidable'.
        reason: Verdict on each column.
    """

    text: str
    verdict: ClaimVerdict
    reason: str


@cache
def published_scores() -> PublishedScores:
    """Read the paper's Table 3, with the class sizes of its Tables 1 and 2."""
    return PublishedScores.model_validate_json(_FILE.read_text(encoding="utf-8"))


def published_tests() -> tuple[PublishedTest, ...]:
    """Test every claim on every column.

    Returns:
        Tests, claim by claim, in the order of the table's columns.
    """
    table = published_scores()
    cases = [(claim, column) for claim in table.claims for column in table.columns()]
    p_values = []
    for claim, column in cases:
        a, b = _percentages(claim, column)
        p_values.append(_pooled_p(a / 100, b / 100, _test_utterances(column)))
    adjusted = [p for p in holm_adjust(p_values) if p is not None]
    return tuple(
        _published_test(claim, column, p, holm_p)
        for (claim, column), p, holm_p in zip(cases, p_values, adjusted, strict=True)
    )


def published_claims() -> tuple[PublishedClaim, ...]:
    """Judge every claim over all of its columns."""
    tests = published_tests()
    claims = []
    for claim in published_scores().claims:
        claim_tests = [test for test in tests if test.variant == claim.attention]
        verdicts = {test.verdict for test in claim_tests}
        against = [
            verdict for verdict in (ClaimVerdict.NOT_REPRODUCED, ClaimVerdict.UNDECIDABLE) if verdict in verdicts
        ]
        claims.append(
            PublishedClaim(
                f"{claim.attention} > {claim.baseline} at p < {claim.level:.2f}".replace("0.", "."),
                against[0] if against else ClaimVerdict.HOLDS,
                "; ".join(f"{test.corpus} {test.score}: {test.verdict}" for test in claim_tests),
            )
        )
    return tuple(claims)


def judge_claim(p_range: Interval, level: float) -> ClaimVerdict:
    """Judge a claim 'p < level' from the range of p that the printed figures allow.

    Returns:
        'holds' where all of the range lies below the level, 'not reproduced' where none of it does, else 'undecidable'.

    Examples:
        >>> judge_claim(Interval(0.076, 0.121), 0.10).value
        'undecidable'
    """
    if p_range.high < level:
        return ClaimVerdict.HOLDS
    return ClaimVerdict.NOT_REPRODUCED if p_range.low >= level else ClaimVerdict.UNDECIDABLE


def _published_test(claim: _Claim, column: str, p: float, holm_p: float) -> PublishedTest:
    corpus, score = column.rsplit(" ", 1)
    a, b = _percentages(claim, column)
    n = _test_utterances(column)
    class_counts = np.array(list(published_scores().corpora[corpus].values()))
    rounding = _rounding_range(a, b, n)
    whole = _whole_range(a, b, n) if score == "WA" else None
    gain = claim.relative_gains.get(column)
    return PublishedTest(
        variant=claim.attention,
        baseline=claim.baseline,
        corpus=corpus,
        score=score,
        utterances=n,
        variant_percent=a,
        baseline_percent=b,
        p=p,
        rounding=rounding,
        whole=whole,
        recalls_p=_recalls_p(a / 100, b / 100, class_counts) if score == "UA" else None,
        holm_p=holm_p,
        level=claim.level,
        verdict=judge_claim(whole or rounding, claim.level),
        relative_gain=gain,
        relative=None if gain is None else _relative_range(a, b, n, gain),
    )


def _percentages(claim: _Claim, column: str) -> tuple[float, float]:
    """Return the published percentages of variant and baseline."""
    table = published_scores()
    return (
        table.percent(claim.attention, claim.labels, column),
        table.percent(claim.baseline, claim.labels, column),
    )


def _test_utterances(column: str) -> int:
    return sum(published_scores().corpora[column.rsplit(" ", 1)[0]].values())


def _pooled_p(a: float, b: float, n: int) -> float:
    return _defined_p(proportions_ztest(a, b, n, n))


def _recalls_p(a: float, b: float, class_counts: NDArray[np.int64]) -> float:
    return _defined_p(uar_ztest(np.full(len(class_counts), a), np.full(len(class_counts), b), class_counts))


def _defined_p(test: ZTest | None) -> float:
    if test is None:
        raise ValueError("a published percentage of 0 or 100 has no z-test")
    return test.p


def _rounding_range(a: float, b: float, n: int) -> Interval:
    # p falls with a and rises with b, so the corners of the box of roundings hold its extremes.
    corners = product((a - _HALF_UNIT, a + _HALF_UNIT), (b - _HALF_UNIT, b + _HALF_UNIT))
    p_values = [_pooled_p(corner_a / 100, corner_b / 100, n) for corner_a, corner_b in corners]
    return Interval(min(p_values), max(p_values))


def _relative_range(a: float, b: float, n: int, gain: float) -> Interval:
    # As p also falls along a line of one gain, the corners of the box cut by two such lines hold its extremes.
    lines = [1 + (gain + end) / 100 for end in (-_HALF_UNIT, _HALF_UNIT)]
    ends_a, ends_b = ((score - _HALF_UNIT, score + _HALF_UNIT) for score in (a, b))
    corners = list(product(ends_a, ends_b))
    corners += [(line * end_b, end_b) for line, end_b in product(lines, ends_b)]
    corners += [(end_a, end_a / line) for line, end_a in product(lines, ends_a)]
    tolerance = 1e-9
    p_values = [
        _pooled_p(corner_a / 100, corner_b / 100, n)
        for corner_a, corner_b in corners
        if abs(corner_a - a) <= _HALF_UNIT + tolerance
        and abs(corner_b - b) <= _HALF_UNIT + tolerance
        and lines[0] - tolerance <= corner_a / corner_b <= lines[1] + tolerance
    ]
    return Interval(min(p_values), max(p_values))


def _whole_range(a: float, b: float, n: int) -> Interval:
    corners = product(_whole_shares(a, n), _whole_shares(b, n))
    p_values = [_pooled_p(share_a, share_b, n) for share_a, share_b in corners]
    return Interval(min(p_values), max(p_values))


def _whole_shares(percent: float, n: int) -> tuple[float, float]:
    """Return the smallest and the largest number of utterances, as shares of n, whose percentage is printed so."""
    return ceil(n * (percent - _HALF_UNIT) / 100) / n, floor(n * (percent + _HALF_UNIT) / 100) / n
