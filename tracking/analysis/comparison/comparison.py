"""Comparisons of variants on the same test utterances, with every test beside its assumption."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ser.errors import ComparisonError
from ser.metrics import unweighted_accuracy
from tracking.analysis.comparison.baselines import PlannedComparison
from tracking.analysis.comparison.comparability import check_comparable
from tracking.analysis.comparison.request import ComparisonRequest, plan_comparisons, shown_labels
from tracking.analysis.statistics.effect_sizes import cohens_h, count_improved_speakers, hedges_g
from tracking.analysis.statistics.power import between_speaker_std, minimum_detectable_difference, required_speakers
from tracking.analysis.statistics.proportions import ZTest, holm_adjust, mcnemar_one_sided, proportions_ztest, uar_ztest
from tracking.analysis.statistics.sign_flip import (
    MIN_SPEAKERS,
    SignFlipTest,
    sign_flip,
    ua_contributions,
    wa_contributions,
)
from tracking.analysis.variants.predictions import PooledPredictions
from tracking.analysis.variants.scores import MeanAndStd, ScoredVariant

ALPHA = 0.05
"""Level of the verdict, after Holm's adjustment."""

DEFAULT_REQUEST = ComparisonRequest()
"""Every variant against attention `none`, and CTC against the sequence-to-label model."""

BETTER = "better"
NO_DIFFERENCE = "no difference shown"
NOT_BETTER = "not better: the interval lies below 0"
NO_CLAIM = f"no claim: fewer than {MIN_SPEAKERS} speakers"


@dataclass(frozen=True)
class Effects:
    """How large the difference of two variants is.

    Attributes:
        h_ua: Cohen's h of the two UAs.
        h_wa: Cohen's h of the two WAs.
        hedges_g: Mean of the speakers' UA differences in units of their deviation; None where
            they do not deviate, or with fewer than three speakers.
        improved_speakers: Speakers whose UA part is larger with the variant.
        seeds: UA difference of each seed, mean and deviation; the deviation is None with one seed.
    """

    h_ua: float
    h_wa: float
    hedges_g: float | None
    improved_speakers: int
    seeds: MeanAndStd


@dataclass(frozen=True)
class PowerAnalysis:
    """What this comparison could have shown, given how much speakers differ in it.

    Attributes:
        between_speaker_std: Standard deviation between speakers of the UA difference, 0..1; None with one speaker.
        speakers: Test speakers.
        family: Comparisons of the report; 1 where the comparison stands alone.
    """

    between_speaker_std: float | None
    speakers: int
    family_size: int = 1

    def minimum_difference(self, comparisons: int = 1) -> float | None:
        """The smallest true UA difference that is shown with 80% power.

        Args:
            comparisons: 1 for this comparison alone; `family` for the first of the report to be shown,
                which has to pass the level divided by their number.

        Returns:
            The difference, 0..1; None where none can be shown, however large, or where speakers do not deviate.
        """
        if not self.between_speaker_std:
            return None
        return minimum_detectable_difference(self.between_speaker_std, self.speakers, ALPHA / comparisons)

    def required_speakers(self, difference: float) -> int | None:
        """How many speakers would show a true UA difference with 80% power, this comparison alone.

        Args:
            difference: UA difference, above 0 and up to 1.

        Returns:
            Their number; None where speakers do not deviate.
        """
        return required_speakers(difference, self.between_speaker_std, ALPHA) if self.between_speaker_std else None


@dataclass(frozen=True)
class Comparison:
    """A variant against its baseline; H1 of every test: the variant is better.

    Attributes:
        variant: Label of the variant.
        baseline: Label of the baseline.
        question: What the pair asks, such as 'attention'.
        seeds: Seeds that both were trained with.
        utterances: Test utterances.
        ua_speakers: UA: difference (0..1), sign-flip test over speakers and t interval.
        wa_speakers: WA, likewise.
        ua_sessions: UA over sessions; None where the corpus has no sessions.
        wa_sessions: WA over sessions, likewise.
        z_wa: Pooled z-test of WA; None where undefined.
        z_ua: The same test with UA in the place of WA; None where undefined.
        z_ua_recalls: z-test of UA from the recalls' variances; None where undefined.
        mcnemar_p: McNemar's exact test; None with several seeds, which have no single decision an
            utterance.
        effects: How large the difference is.
        power: What could have been shown.
        holm_p: Sign-flip p of UA over speakers after Holm's adjustment over all comparisons of the
            report; None with too few speakers.
        verdict: What may be said, resting on `holm_p` alone.
    """

    variant: str
    baseline: str
    question: str
    seeds: tuple[int, ...]
    utterances: int
    ua_speakers: SignFlipTest
    wa_speakers: SignFlipTest
    ua_sessions: SignFlipTest | None
    wa_sessions: SignFlipTest | None
    z_wa: ZTest | None
    z_ua: ZTest | None
    z_ua_recalls: ZTest | None
    mcnemar_p: float | None
    effects: Effects
    power: PowerAnalysis
    holm_p: float | None = None
    verdict: str = ""


@dataclass(frozen=True)
class SkippedComparison:
    """A comparison that was not made, and why."""

    variant: str
    baseline: str
    reason: str


@dataclass(frozen=True)
class Comparisons:
    """All comparisons of one report.

    Attributes:
        made: Comparisons with their verdicts, in the order of the variants.
        refused: Those that were planned but not made, and variants without a baseline.
        family: Size of Holm's family: every planned pair, made or not.
    """

    comparisons: tuple[Comparison, ...]
    skipped: tuple[SkippedComparison, ...]
    family_size: int


def compare(a: ScoredVariant, b: ScoredVariant, question: str = "") -> Comparison:
    """Compares a variant with any baseline.

    Seeds are averaged within an utterance first: they are never more utterances.

    Args:
        a: The variant.
        b: The baseline.
        question: What the pair asks.

    Returns:
        The comparison; Holm's adjustment and the verdict need the whole family (see `compare_all`).

    Raises:
        ComparisonError: They were not tested alike (see `require_alike`).
    """
    check_comparable(a, b)
    left, right = a.predictions, b.predictions
    n, difference, actual = len(left.utterances), left.correct - right.correct, left.actual
    parts = ua_contributions(difference, actual, left.speaker_index, left.classes)
    sessions = left.session_index
    return Comparison(
        a.label,
        b.label,
        question,
        a.seeds,
        n,
        ua_speakers=sign_flip(parts),
        wa_speakers=sign_flip(wa_contributions(difference, left.speaker_index)),
        ua_sessions=None
        if sessions is None
        else sign_flip(ua_contributions(difference, actual, sessions, left.classes)),
        wa_sessions=None if sessions is None else sign_flip(wa_contributions(difference, sessions)),
        z_wa=proportions_ztest(a.scores.wa.mean, b.scores.wa.mean, n, n),
        z_ua=proportions_ztest(a.scores.ua.mean, b.scores.ua.mean, n, n),
        z_ua_recalls=uar_ztest(a.scores.recalls, b.scores.recalls, left.class_counts),
        mcnemar_p=_mcnemar(left, right),
        effects=Effects(
            cohens_h(a.scores.ua.mean, b.scores.ua.mean),
            cohens_h(a.scores.wa.mean, b.scores.wa.mean),
            hedges_g(parts),
            count_improved_speakers(parts),
            _difference_of_seeds(left, right),
        ),
        power=PowerAnalysis(between_speaker_std(parts), len(parts)),
    )


def _difference_of_seeds(left: PooledPredictions, right: PooledPredictions) -> MeanAndStd:
    pairs = zip(left.confusions, right.confusions, strict=True)
    return MeanAndStd.of(np.array([unweighted_accuracy(a) - unweighted_accuracy(b) for a, b in pairs]))


def _mcnemar(left: PooledPredictions, right: PooledPredictions) -> float | None:
    if len(left.predicted) > 1:
        return None
    hit_a, hit_b = left.predicted[0] == left.actual, right.predicted[0] == right.actual
    return mcnemar_one_sided(int(np.count_nonzero(hit_a & ~hit_b)), int(np.count_nonzero(hit_b & ~hit_a)))


def compare_variants(scored: Sequence[ScoredVariant], question: ComparisonRequest = DEFAULT_REQUEST) -> Comparisons:
    """Makes every comparison of a report and adjusts for their number.

    The family is fixed before anything is filtered: every planned pair counts, also those that
    cannot be made yet because a fold is missing, and those that are not to be shown.

    Args:
        scored: All variants of the report, both kinds.
        question: What is compared with what.

    Returns:
        Comparisons, refusals with their reasons, and the family's size.

    Raises:
        ComparisonError: The question names what is not among the variants.
    """
    pairs, orphans = plan_comparisons(scored, question)
    shown = shown_labels(scored, question)
    outcomes = [_try_compare(pair) for pair in pairs]
    raw = [_raw_p_value(outcome) for outcome in outcomes]
    made = [
        replace(
            outcome,
            holm_p=adjusted,
            verdict=_verdict(outcome, adjusted),
            power=replace(outcome.power, family_size=len(pairs)),
        )
        for outcome, adjusted in zip(outcomes, holm_adjust(raw), strict=True)
        if isinstance(outcome, Comparison) and outcome.variant in shown
    ]
    refused = [outcome for outcome in outcomes if isinstance(outcome, SkippedComparison)]
    refused += [SkippedComparison(label, "", reason) for label, reason in orphans]
    refused += [
        SkippedComparison(one.variant, one.baseline, "not asked for; it counts in Holm's family")
        for one in outcomes
        if isinstance(one, Comparison) and one.variant not in shown
    ]
    return Comparisons(tuple(made), tuple(refused), len(pairs))


def _try_compare(pair: PlannedComparison) -> Comparison | SkippedComparison:
    try:
        return compare(pair.variant, pair.baseline, pair.question)
    except ComparisonError as error:
        variant, baseline = pair.variant.label, pair.baseline.label
        return SkippedComparison(variant, baseline, str(error).removeprefix(f"{variant} against {baseline}: "))


def _raw_p_value(outcome: Comparison | SkippedComparison) -> float | None:
    if isinstance(outcome, SkippedComparison) or not outcome.ua_speakers.has_enough_speakers:
        return None
    return outcome.ua_speakers.p


def _verdict(comparison: Comparison, holm_p: float | None) -> str:
    interval = comparison.ua_speakers.interval
    if holm_p is None:
        return NO_CLAIM
    if holm_p <= ALPHA:
        return BETTER
    if interval is not None and interval.high < 0:
        return NOT_BETTER
    return NO_DIFFERENCE
