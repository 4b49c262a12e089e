"""Interpretation of the tests: which one to believe, and notes on each, shown beside the p-values.

The error rates quoted here are those of `make simulate`; a test compares them with its tables.
"""

from dataclasses import dataclass

from tracking.analysis.comparison.family import Family
from tracking.analysis.statistics.sign_flip import MIN_SPEAKERS

RECOMMENDED_TEST = (
    "Believe the joint sign flips over speakers. Both variants score the same utterances of "
    "a few speakers, and every variant suits some speakers better than others. The z-tests, the field's convention, "
    "and McNemar's test take utterances as independent and mistake that for proof: in simulations of equal variants, "
    "where 5 of 100 should be called better, the z-tests call up to 14 better and McNemar's test up to 19, but the "
    "sign-flip test over speakers 5, and the 95% interval over speakers holds the truth 95 times in 100."
)
"""Advice on p-values, one paragraph."""

CONDITIONAL_ON_TRAINING = (
    "The verdict is conditional on these training sets. It is about other speakers, not about other training data: "
    "folds share training speakers, and a difference that one training run gives to all of its test speakers is not "
    "seen by flipping speakers. Where such a shift has a deviation of 1 point, one of 51 equal variants is called "
    "better in 12% of simulated reports on ten speakers, where it has 2 points in 32%. Several seeds average the luck "
    "of a training run; several seeds with unlike splits of the speakers average that of the training sets, too. The "
    "corrected t allows for what folds have in common, by assumption."
)
"""What the verdict does not cover, one paragraph."""


def describe_family(family: Family) -> list[str]:
    """Describe what the p-values are adjusted for, what stays outside, and how often verdicts err, in paragraphs."""
    sentences = ["No comparison of this report can be tested yet."]
    if family.tested:
        comparisons = "the one comparison" if family.tested == 1 else f"all {family.tested} comparisons"
        sentences = [
            f"The signs of the {family.speakers} speakers are flipped in {comparisons} of this report at once, shown "
            "or not, so that no number of comparisons puts a verdict out of reach."
        ]
    if not family.same_speakers:
        sentences.append(
            "The comparisons do not all have the same speakers: each is tested over its own, and a speaker is flipped "
            "in those that have it."
        )
    if family.represented:
        sentences.append(
            f"Not among them and without a verdict: {_count(family.represented, 'comparison')} of single points of a "
            "sweep, for which 'selected per fold' stands."
        )
    if family.missing:
        sentences.append(
            f"Missing: {_count(family.missing, 'planned comparison')} (see “Not compared”), which will be among them "
            "once made and may raise the other p-values."
        )
    verdicts = (
        "Each kind of verdict errs in at most 5% of reports, as far as its assumption holds: “better” (p joint up to "
        ".05) and “worse” (p worse) where nothing differs, “shown to be within "
        f"{100 * family.margin:g} points” (p within) where the true differences are larger. p joint asks "
        "whether a variant is better; “worse” is the reverse one-tailed test, so it may stand beside a two-sided 95% "
        "interval that just includes 0. An interval that excludes 0 beside “no difference shown” means that the "
        "comparison alone would be significant, but is not as one of several."
    )
    return [" ".join(sentences), verdicts]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


@dataclass(frozen=True)
class TestNote:
    """Note on one test.

    Attributes:
        key: Field of `Comparison` that holds its values.
        columns: Its columns in the table of tests.
        name: Name of the test.
        statistic: Statistic that is computed.
        assumption: Condition under which its p is valid.
        reliability: How far to trust it here.
        source: Publication.
    """

    key: str
    columns: tuple[str, ...]
    name: str
    statistic: str
    assumption: str
    reliability: str
    source: str


_SPEAKERS = (
    "speakers are independent of each other, and without a difference a speaker is as likely to gain as to lose by the "
    "same amount"
)
_UTTERANCES = "all utterances are independent, and the two variants were tested on different ones"

TEST_NOTES = (
    TestNote(
        "joint",
        ("p joint", "p worse"),
        "Joint sign flips over speakers (step-down max-T)",
        "share of all assignments of signs to the speakers, the same in all comparisons, for which the largest "
        "studentised difference of all comparisons reaches the observed one; for the second largest without the first, "
        "and so on",
        f"{_SPEAKERS}, in all comparisons at once",
        "the verdict rests on it; conditional on the training sets",
        "Westfall & Young, Resampling-Based Multiple Testing, 1993",
    ),
    TestNote(
        "joint",
        ("p within",),
        "Equivalence, joint sign flips over speakers",
        "two one-sided tests: the speakers' differences moved up by the margin are above 0, and moved down below 0; "
        "the larger p, adjusted as above for both tests of all comparisons",
        f"{_SPEAKERS}, around a true difference as large as the margin, in all comparisons at once",
        "the verdict 'shown to be within' rests on it; conditional on the training sets",
        "Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987; Westfall & Young, 1993",
    ),
    TestNote(
        "holm_p",
        ("p Holm",),
        "Sign-flip over speakers, Holm",
        "the sign-flip p of each comparison times the number of comparisons not yet decided, smallest first",
        f"{_SPEAKERS}; holds however the comparisons depend on each other",
        "too careful where comparisons share speakers and baselines: with S speakers it cannot be below the number of "
        "comparisons over 2^S",
        "Holm, Scandinavian Journal of Statistics 6, 1979",
    ),
    TestNote(
        "ua_speakers",
        ("p speakers", "p speakers WA"),
        "Sign-flip over speakers",
        "share of all assignments of signs to the speakers' differences whose sum reaches the observed one; "
        "interval: t over speakers",
        _SPEAKERS,
        f"to be believed for one comparison alone; with fewer than {MIN_SPEAKERS} speakers nothing is claimed",
        "Fisher, The Design of Experiments, 1935; Edgington & Onghena, Randomization Tests, 2007",
    ),
    TestNote(
        "ua_sessions",
        ("p sessions",),
        "Sign-flip over sessions",
        "the same over sessions",
        "sessions are independent of each other; speakers of one session need not be",
        "a warning where speakers share dialogs; five sessions give no p below .031, so little can be shown",
        "as above",
    ),
    TestNote(
        "corrected_t_p",
        ("p corrected t",),
        "Corrected t over folds",
        "mean difference of the folds over a standard error that is enlarged by the ratio of test to training speakers",
        "differences of folds are nearly normal and, since folds share training data, correlate by "
        "n_test / (n_test + n_train)",
        "a sensitivity check: the correlation is assumed, not measured; not adjusted for the number of comparisons",
        "Nadeau & Bengio, Machine Learning 52, 2003",
    ),
    TestNote(
        "z_wa",
        ("z WA",),
        "Pooled z-test",
        "difference of two proportions over its standard error with pooled variance",
        _UTTERANCES,
        "the field's convention, shown for comparison with the literature; too careful where variants suit all "
        "speakers alike, too bold where they do not",
        "Fleiss, Levin & Paik, Statistical Methods for Rates and Proportions, 2003, ch. 3",
    ),
    TestNote(
        "z_ua",
        ("z UA",),
        "Pooled z-test with UA",
        "the same with UA instead of the share of correct utterances",
        f"{_UTTERANCES}; and UA, a mean of recalls, varies like one share of all utterances, which it does not where "
        "classes are unequal",
        "for comparison with published figures only",
        "what the literature seems to do",
    ),
    TestNote(
        "z_ua_recalls",
        ("z recalls",),
        "z-test from recalls",
        "difference of two UAs over the standard error that follows from each class's recall and size",
        _UTTERANCES,
        "the z-test that fits UA; as bold as the pooled one where speakers differ",
        "variance of a mean of independent binomial shares",
    ),
    TestNote(
        "mcnemar_p",
        ("McNemar",),
        "McNemar, exact",
        "binomial test of the utterances that only one of the two decided right",
        "all utterances are independent",
        "for reference; the boldest of all where variants suit speakers differently",
        "McNemar, Psychometrika 12, 1947; exact form",
    ),
)
"""Notes, those that decide first."""

ASSUMPTIONS = {column: note.assumption for note in TEST_NOTES for column in note.columns}
"""Assumption of the test in each column of the table of tests."""
