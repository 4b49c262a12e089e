"""Interpretation of the tests: which one to believe, and notes on each, shown beside the p-values.

The error rates quoted here are those of `make simulate`; a test compares them with its table.
"""

from dataclasses import dataclass

from tracking.analysis.statistics.sign_flip import MIN_SPEAKERS

RECOMMENDED_TEST = (
    "Believe the sign-flip test over speakers, adjusted by Holm's method. Both variants score the same utterances of "
    "a few speakers, and every variant suits some speakers better than others. The z-tests, the field's convention, "
    "and McNemar's test take utterances as independent and mistake that for proof: in simulations of equal variants, "
    "where 5 of 100 should be called better, the z-tests call up to 14 better and McNemar's test up to 19, but the "
    "sign-flip test over speakers 5, and the 95% interval over speakers holds the truth 95 times in 100."
)
"""Advice on p-values, one paragraph."""


@dataclass(frozen=True)
class TestNote:
    """Note on one test.

    Attributes:
        key: Field of `Comparison` that holds its values.
        name: Name of the test.
        statistic: Statistic that is computed.
        assumption: Condition under which its p is valid.
        reliability: How far to trust it here.
        source: Publication.
    """

    key: str
    name: str
    statistic: str
    assumption: str
    reliability: str
    source: str


TEST_NOTES = (
    TestNote(
        "holm_p",
        "Sign-flip over speakers, Holm",
        "the sign-flip p of each comparison times the number of comparisons not yet decided, smallest first",
        "none beyond the sign-flip test's; holds however the comparisons depend on each other",
        "the verdict rests on it",
        "Holm, Scandinavian Journal of Statistics 6, 1979",
    ),
    TestNote(
        "ua_speakers",
        "Sign-flip over speakers",
        "share of all assignments of signs to the speakers' differences whose sum reaches the observed one; "
        "interval: t over speakers",
        "speakers are independent of each other, and without a difference a speaker is as likely to gain as to lose by "
        "the same amount",
        f"to be believed for one comparison alone; with fewer than {MIN_SPEAKERS} speakers nothing is claimed",
        "Fisher, The Design of Experiments, 1935; Edgington & Onghena, Randomization Tests, 2007",
    ),
    TestNote(
        "ua_sessions",
        "Sign-flip over sessions",
        "the same over sessions",
        "sessions are independent of each other; speakers of one session need not be",
        "careful: five sessions give no p below .031, so little can be shown",
        "as above",
    ),
    TestNote(
        "z_wa",
        "Pooled z-test",
        "difference of two proportions over its standard error with pooled variance",
        "all utterances are independent, and the two variants were tested on different ones",
        "the field's convention, shown for comparison with the literature; too careful where variants suit all "
        "speakers alike, too bold where they do not",
        "Fleiss, Levin & Paik, Statistical Methods for Rates and Proportions, 2003, ch. 3",
    ),
    TestNote(
        "z_ua",
        "Pooled z-test with UA",
        "the same with UA instead of the share of correct utterances",
        "as above, and that UA, a mean of recalls, varies like one share of all utterances, which it does not where "
        "classes are unequal",
        "for comparison with published figures only",
        "what the literature seems to do",
    ),
    TestNote(
        "z_ua_recalls",
        "z-test from recalls",
        "difference of two UAs over the standard error that follows from each class's recall and size",
        "all utterances are independent, and the two variants were tested on different ones",
        "the z-test that fits UA; as bold as the pooled one where speakers differ",
        "variance of a mean of independent binomial shares",
    ),
    TestNote(
        "mcnemar_p",
        "McNemar, exact",
        "binomial test of the utterances that only one of the two decided right",
        "all utterances are independent",
        "for reference; the boldest of all where variants suit speakers differently",
        "McNemar, Psychometrika 12, 1947; exact form",
    ),
)
"""Notes in the order of the report."""
