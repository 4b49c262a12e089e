"""Comparisons of variants on the same test utterances."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

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


class Verdict(StrEnum):
    """Verdict on a comparison."""

    BETTER = "better"
    NO_DIFFERENCE = "no difference shown"
    NOT_BETTER = "not better: the interval lies below 0"
    NO_CLAIM = f"no claim: fewer than {MIN_SPEAKERS} speakers"


@dataclass(frozen=True)
class Effects:
    """Effect sizes of a comparison.

    Attributes:
        h_ua: Cohen's h of the two UAs.
        h_wa: Cohen's h of the two WAs.
        hedges_g: Mean of the speakers' UA differences in units of their standard deviation; None
            where they do not deviate, or with fewer than three speakers.
        improved_speakers: Number of speakers whose UA the variant improves.
        seeds: UA difference of each seed, mean and standard deviation; the latter is None with one seed.
    """

    h_ua: float
    h_wa: float
    hedges_g: float | None
    improved_speakers: int
    seeds: MeanAndStd


@dataclass(frozen=True)
class PowerAnalysis:
    """Power of a comparison, given how much speakers differ in it.

    Attributes:
        between_speaker_std: Standard deviation between speakers of the UA difference, 0..1; None with
            one speaker.
        speakers: Number of test speakers.
        family_size: Comparisons of the report; 1 where the comparison stands alone.
    """

    between_speaker_std: float | None
    speakers: int
    family_size: int = 1

    def minimum_difference(self, comparisons: int = 1) -> float | None:
        """Compute the smallest true UA difference that is shown with 80% power.

        Args:
            comparisons: 1 for this comparison alone; `family_size` for the first of the report to be
                shown, which has to pass the level divided by their number.

        Returns:
            The difference, 0..1; None where none can be shown, however large, or where speakers do not deviate.
        """
        if not self.between_speaker_std:
            return None
        return minimum_detectable_difference(self.between_speaker_std, self.speakers, ALPHA / comparisons)

    def required_speakers(self, difference: float) -> int | None:
        """Compute how many speakers show a true UA difference with 80% power, this comparison alone.

        Args:
            difference: UA difference, above 0 and up to 1.

        Returns:
            Their number; None where speakers do not deviate.
        """
        return required_speakers(difference, self.between_speaker_std, ALPHA) if self.between_speaker_std else None


@dataclass(frozen=True)
class Comparison:
    """Variant against its baseline; H1 of every test: the variant is better.

    Attributes:
        variant: Label of the variant.
        baseline: Label of the baseline.
        question: In what the two differ, such as 'attention'.
        seeds: Seeds that both were trained with.
        utterances: Number of test utterances.
        ua_speakers: UA: difference (0..1), sign-flip test over speakers and t interval.
        wa_speakers: WA, likewise.
        ua_sessions: UA over sessions; None where the corpus has no sessions.
        wa_sessions: WA over sessions, likewise.
        z_wa: Pooled z-test of WA; None where undefined.
        z_ua: The same test with UA instead of WA; None where undefined.
        z_ua_recalls: z-test of UA from the recalls' variances; None where undefined.
        mcnemar_p: McNemar's exact test; None with several seeds, which have no single prediction per
            utterance.
        effects: Effect sizes.
        power: Differences that could have been shown.
        holm_p: Sign-flip p of UA over speakers after Holm's adjustment over all comparisons of the
            report; None with too few speakers.
        verdict: Verdict, from `holm_p` and the interval of `ua_speakers`; no claim before `holm_p` is known.
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
    verdict: Verdict = Verdict.NO_CLAIM


@dataclass(frozen=True)
class SkippedComparison:
    """Comparison that is missing from the report, with the reason."""

    variant: str
    baseline: str
    reason: str


@dataclass(frozen=True)
class Comparisons:
    """Comparisons of one report.

    Attributes:
        comparisons: Comparisons with their verdicts, in the order of the variants.
        skipped: Planned comparisons that are missing, and variants without a baseline.
        family_size: Size of Holm's family: every planned comparison, skipped or not.
    """

    comparisons: tuple[Comparison, ...]
    skipped: tuple[SkippedComparison, ...]
    family_size: int


def compare(a: ScoredVariant, b: ScoredVariant, question: str = "") -> Comparison:
    """Compare a variant with any baseline.

    Seeds are averaged within an utterance first: they are never more utterances.

    Args:
        a: The variant.
        b: The baseline.
        question: In what the two differ.

    Returns:
        The comparison; Holm's adjustment and the verdict need the whole family (see `compare_variants`).

    Raises:
        ComparisonError: They were tested differently (see `check_comparable`).
    """
    check_comparable(a, b)
    left, right = a.predictions, b.predictions
    n, difference, actual = len(left.utterances), left.correct - right.correct, left.actual
    speakers, sessions = left.speaker_index, left.session_index
    contributions = ua_contributions(difference, actual, speakers, left.classes)
    return Comparison(
        a.label,
        b.label,
        question,
        a.seeds,
        n,
        ua_speakers=sign_flip(contributions),
        wa_speakers=sign_flip(wa_contributions(difference, speakers)),
        ua_sessions=None
        if sessions is None
        else sign_flip(ua_contributions(difference, actual, sessions, left.classes)),
        wa_sessions=None if sessions is None else sign_flip(wa_contributions(difference, sessions)),
        z_wa=proportions_ztest(a.scores.wa.mean, b.scores.wa.mean, n, n),
        z_ua=proportions_ztest(a.scores.ua.mean, b.scores.ua.mean, n, n),
        z_ua_recalls=uar_ztest(a.scores.recalls, b.scores.recalls, left.class_counts),
        mcnemar_p=_mcnemar_p(left, right),
        effects=Effects(
            cohens_h(a.scores.ua.mean, b.scores.ua.mean),
            cohens_h(a.scores.wa.mean, b.scores.wa.mean),
            hedges_g(contributions),
            count_improved_speakers(contributions),
            _difference_over_seeds(left, right),
        ),
        power=PowerAnalysis(between_speaker_std(contributions), len(contributions)),
    )


def _difference_over_seeds(left: PooledPredictions, right: PooledPredictions) -> MeanAndStd:
    pairs = zip(left.confusions, right.confusions, strict=True)
    return MeanAndStd.of(np.array([unweighted_accuracy(a) - unweighted_accuracy(b) for a, b in pairs]))


def _mcnemar_p(left: PooledPredictions, right: PooledPredictions) -> float | None:
    if len(left.predicted) > 1:
        return None
    correct_a, correct_b = left.predicted[0] == left.actual, right.predicted[0] == right.actual
    only_a, only_b = np.count_nonzero(correct_a & ~correct_b), np.count_nonzero(correct_b & ~correct_a)
    return mcnemar_one_sided(int(only_a), int(only_b))


def compare_variants(variants: Sequence[ScoredVariant], request: ComparisonRequest = DEFAULT_REQUEST) -> Comparisons:
    """Make every comparison of a report and adjust for their number.

    The family is fixed before anything is filtered: every planned comparison counts, also those that
    have to wait for a fold, and those that are not shown.

    Args:
        variants: All variants of the report, both kinds.
        request: What is compared with what.

    Returns:
        Comparisons, skipped ones with the reason, and the family's size.

    Raises:
        ComparisonError: The request names what is not among the variants.
    """
    planned, unpaired = plan_comparisons(variants, request)
    shown = shown_labels(variants, request)
    outcomes = [_try_compare(comparison) for comparison in planned]
    comparisons: list[Comparison] = []
    skipped: list[SkippedComparison] = []
    hidden: list[SkippedComparison] = []
    for outcome, holm_p in zip(outcomes, holm_adjust(list(map(_raw_p_value, outcomes))), strict=True):
        if isinstance(outcome, SkippedComparison):
            skipped.append(outcome)
        elif outcome.variant in shown:
            power = replace(outcome.power, family_size=len(planned))
            comparisons.append(replace(outcome, holm_p=holm_p, verdict=_judge(outcome, holm_p), power=power))
        else:
            reason = "not requested; it counts in Holm's family"
            hidden.append(SkippedComparison(outcome.variant, outcome.baseline, reason))
    skipped += [SkippedComparison(label, "", reason) for label, reason in unpaired]
    return Comparisons(tuple(comparisons), (*skipped, *hidden), len(planned))


def _try_compare(planned: PlannedComparison) -> Comparison | SkippedComparison:
    try:
        return compare(planned.variant, planned.baseline, planned.question)
    except ComparisonError as error:
        variant, baseline = planned.variant.label, planned.baseline.label
        return SkippedComparison(variant, baseline, str(error).removeprefix(f"{variant} against {baseline}: "))


def _raw_p_value(outcome: Comparison | SkippedComparison) -> float | None:
    if isinstance(outcome, SkippedComparison) or not outcome.ua_speakers.has_enough_speakers:
        return None
    return outcome.ua_speakers.p


def _judge(comparison: Comparison, holm_p: float | None) -> Verdict:
    interval = comparison.ua_speakers.interval
    if holm_p is None:
        return Verdict.NO_CLAIM
    if holm_p <= ALPHA:
        return Verdict.BETTER
    if interval is not None and interval.high < 0:
        return Verdict.NOT_BETTER
    return Verdict.NO_DIFFERENCE
