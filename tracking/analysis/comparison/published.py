"""What the paper's own figures show: its z-tests from Table 3's percentages and numbers of utterances alone.

Paired tests would need the predictions, which are not published; so a claim that fails here is 'not
reproduced', not false.
"""

from dataclasses import dataclass
from functools import cache
from itertools import product
from math import ceil, floor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser.config import AttentionName, FrozenModel, LabelStrategy
from tracking.analysis.statistics.proportions import Interval, holm_adjust, proportions_ztest, uar_ztest

HOLDS, NOT_REPRODUCED, UNDECIDABLE = "holds", "not reproduced", "undecidable"

_FILE = Path(__file__).with_name("published.json")
_HALF_UNIT = 0.05
"""Half of the last digit printed, percentage points: a percentage may be off by so much."""


class _Claim(FrozenModel):
    attention: AttentionName
    baseline: AttentionName
    labels: LabelStrategy
    level: float


class PublishedScores(FrozenModel):
    """The figures of the publication, as they stand in it.

    Attributes:
        source: Where they come from.
        corpora: Test utterances by class name, by corpus.
        scores: One row a variant: attention, labels, and percentages by 'corpus score'.
        claims: What is said to be better than what, and at which level.
    """

    source: str
    corpora: dict[str, dict[str, int]]
    scores: tuple[dict[str, str | float], ...]
    claims: tuple[_Claim, ...]

    def columns(self) -> tuple[str, ...]:
        """Names of the columns of percentages, such as 'IEMOCAP UA'."""
        return tuple(name for name in self.scores[0] if name not in ("attention", "labels"))

    def percent(self, attention: str, labels: str, column: str) -> float:
        """One percentage of the table."""
        (row,) = (row for row in self.scores if (row["attention"], row["labels"]) == (attention, labels))
        return float(row[column])


@dataclass(frozen=True)
class PublishedTest:
    """One claim on one column of the table.

    Attributes:
        variant: Attention that is said to be better.
        baseline: Attention that it is compared with.
        corpus: Name of the corpus.
        score: 'UA' or 'WA'.
        utterances: Test utterances.
        variant_percent: Published score of the variant.
        baseline_percent: Published score of the baseline.
        p: One-tailed pooled z-test of the two percentages.
        rounding: Smallest and largest p of any two scores that round to these percentages.
        integer_counts: The same where both are whole numbers of utterances; None for UA, which is not one.
        recalls_p: One-tailed z-test from the recalls' variances, all recalls of a variant taken as equal
            to its UA; None for WA.
        holm_p: `p` after Holm's adjustment over all claims.
        level: Level at which the difference is claimed.
        verdict: 'holds', 'not reproduced' or 'undecidable', by the paper's own test.
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
    integer_counts: Interval | None
    recalls_p: float | None
    holm_p: float
    level: float
    verdict: str


@dataclass(frozen=True)
class PublishedClaim:
    """A claim over all columns of the table.

    Attributes:
        text: The claim.
        verdict: 'not reproduced' where one of its tests is; 'holds' where all hold; else 'undecidable'.
        reason: How its tests came out.
    """

    text: str
    verdict: str
    reason: str


@cache
def published_scores() -> PublishedScores:
    """The paper's Table 3, with the class sizes of its Tables 1 and 2."""
    return PublishedScores.model_validate_json(_FILE.read_text(encoding="utf-8"))


def published_tests() -> tuple[PublishedTest, ...]:
    """Tests every claim on every column.

    Returns:
        Tests, claim by claim, in the order of the table's columns.
    """
    table = published_scores()
    cases = [(claim, column) for claim in table.claims for column in table.columns()]
    pairs = [
        (table.percent(claim.attention, claim.labels, column), table.percent(claim.baseline, claim.labels, column))
        for claim, column in cases
    ]
    sizes = [sum(table.corpora[column.rsplit(" ", 1)[0]].values()) for _, column in cases]
    values = [_pooled_p(a / 100, b / 100, n) for (a, b), n in zip(pairs, sizes, strict=True)]
    tests = []
    for (claim, column), (a, b), n, p, adjusted in zip(cases, pairs, sizes, values, holm_adjust(values), strict=True):
        corpus, score = column.rsplit(" ", 1)
        rounding = _rounding_range(a, b, n)
        integer_counts = _integer_count_range(a, b, n) if score == "WA" else None
        class_counts = np.array(list(table.corpora[corpus].values()))
        tests.append(
            PublishedTest(
                variant=claim.attention,
                baseline=claim.baseline,
                corpus=corpus,
                score=score,
                utterances=n,
                variant_percent=a,
                baseline_percent=b,
                p=p,
                rounding=rounding,
                integer_counts=integer_counts,
                recalls_p=_recalls_p(a / 100, b / 100, class_counts) if score == "UA" else None,
                holm_p=_require_defined(adjusted),
                level=claim.level,
                verdict=verdict_of(integer_counts or rounding, claim.level),
            )
        )
    return tuple(tests)


def published_claims() -> tuple[PublishedClaim, ...]:
    """Judges every claim over all of its columns."""
    tests = published_tests()
    claims = []
    for claim in published_scores().claims:
        own = [test for test in tests if test.variant == claim.attention]
        verdicts = [test.verdict for test in own]
        claims.append(
            PublishedClaim(
                f"{claim.attention} > {claim.baseline} at p < {claim.level:.2f}".replace("0.", "."),
                next((one for one in (NOT_REPRODUCED, UNDECIDABLE) if one in verdicts), HOLDS),
                "; ".join(f"{test.corpus} {test.score}: {test.verdict}" for test in own),
            )
        )
    return tuple(claims)


def verdict_of(allowed: Interval, level: float) -> str:
    """Judges a claim 'p < level' from the range of p that the printed figures allow.

    Args:
        allowed: Smallest and largest p.
        level: The claimed level.

    Returns:
        'holds' where all of the range lies below the level, 'not reproduced' where none of it does, else 'undecidable'.

    Examples:
        >>> verdict_of(Interval(0.076, 0.121), 0.10)
        'undecidable'
    """
    if allowed.high < level:
        return HOLDS
    return NOT_REPRODUCED if allowed.low >= level else UNDECIDABLE


def _pooled_p(a: float, b: float, n: int) -> float:
    test = proportions_ztest(a, b, n, n)
    return _require_defined(None if test is None else test.p)


def _recalls_p(a: float, b: float, class_counts: NDArray[np.int64]) -> float:
    test = uar_ztest(np.full(len(class_counts), a), np.full(len(class_counts), b), class_counts)
    return _require_defined(None if test is None else test.p)


def _require_defined(p: float | None) -> float:
    if p is None:
        raise ValueError("a published percentage of 0 or 100 has no z-test")
    return p


def _rounding_range(a: float, b: float, n: int) -> Interval:
    # p falls with a and rises with b, so the corners of the box of roundings hold its extremes.
    corners = product((a - _HALF_UNIT, a + _HALF_UNIT), (b - _HALF_UNIT, b + _HALF_UNIT))
    values = [_pooled_p(one / 100, other / 100, n) for one, other in corners]
    return Interval(min(values), max(values))


def _integer_count_range(a: float, b: float, n: int) -> Interval:
    corners = product(_integer_count_shares(a, n), _integer_count_shares(b, n))
    values = [_pooled_p(one, other, n) for one, other in corners]
    return Interval(min(values), max(values))


def _integer_count_shares(percent: float, n: int) -> tuple[float, float]:
    """The smallest and the largest number of utterances, as shares of n, whose percentage is printed so."""
    return ceil(n * (percent - _HALF_UNIT) / 100) / n, floor(n * (percent + _HALF_UNIT) / 100) / n
