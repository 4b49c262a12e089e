"""Comparisons of variants on the same test utterances, with every test beside its assumption."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ser.errors import ComparisonError
from tracking.analysis.aggregate import ScoredVariant
from tracking.analysis.evidence import Evidence
from tracking.analysis.paired import LEAST_UNITS, SignFlip, sign_flip, ua_parts, wa_parts
from tracking.analysis.planning import Pair, plan_pairs
from tracking.analysis.statistics import ZTest, holm, mcnemar_exact, recall_variance_z, two_proportion_z

ALPHA = 0.05
"""Level of the verdict, after Holm's adjustment."""

BETTER = "better"
NO_DIFFERENCE = "no difference shown"
NOT_BETTER = "not better: the interval lies below 0"
NO_CLAIM = f"no claim: fewer than {LEAST_UNITS} speakers"


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
        holm_p: Sign-flip p of UA over speakers after Holm's adjustment over all comparisons of the
            report; None with too few speakers.
        verdict: What may be said, resting on `holm_p` alone.
    """

    variant: str
    baseline: str
    question: str
    seeds: tuple[int, ...]
    utterances: int
    ua_speakers: SignFlip
    wa_speakers: SignFlip
    ua_sessions: SignFlip | None
    wa_sessions: SignFlip | None
    z_wa: ZTest | None
    z_ua: ZTest | None
    z_ua_recalls: ZTest | None
    mcnemar_p: float | None
    holm_p: float | None = None
    verdict: str = ""


@dataclass(frozen=True)
class Refusal:
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

    made: tuple[Comparison, ...]
    refused: tuple[Refusal, ...]
    family: int


def require_alike(a: ScoredVariant, b: ScoredVariant) -> None:
    """Refuses to compare what was not tested alike.

    Args:
        a: A variant.
        b: Its baseline.

    Raises:
        ComparisonError: One is incomplete, or they differ in corpus, classes, folds, seeds or test
            utterances; the text says in what.
    """
    pair = f"{a.variant.label} against {b.variant.label}"
    for side in (a, b):
        if not side.variant.complete:
            raise ComparisonError(f"{pair}: {side.variant.label} is incomplete ({side.variant.incomplete})")
    left, right = a.evidence, b.evidence
    for what, of_a, of_b in (
        ("corpus digest", left.corpus.digest, right.corpus.digest),
        ("classes", ", ".join(left.corpus.emotions), ", ".join(right.corpus.emotions)),
        ("seeds", _listed(a.variant.seeds), _listed(b.variant.seeds)),
        ("number of folds", len(left.scheme), len(right.scheme)),
    ):
        if of_a != of_b:
            raise ComparisonError(f"{pair}: unlike {what}: {of_a} against {of_b}")
    for fold, other in zip(left.scheme, right.scheme, strict=True):
        differing = next((name for name, value in fold if value != getattr(other, name)), None)
        if differing is not None:
            values = f"{getattr(fold, differing)} against {getattr(other, differing)}"
            raise ComparisonError(f"{pair}: unlike folds: fold {fold.index} has {differing} {values}")
    _require_same_utterances(pair, left, right)


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))


def _require_same_utterances(pair: str, left: Evidence, right: Evidence) -> None:
    if left.utterances != right.utterances:
        odd = sorted(set(left.utterances) ^ set(right.utterances))
        example = f", such as {odd[0]}" if odd else ""
        raise ComparisonError(
            f"{pair}: unlike test utterances: {len(left.utterances)} against {len(right.utterances)}, "
            f"{len(odd)} in one only{example}"
        )
    if left.speakers != right.speakers or not np.array_equal(left.actual, right.actual):
        raise ComparisonError(f"{pair}: the same test utterances have unlike speakers or emotions")


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
    require_alike(a, b)
    left, right = a.evidence, b.evidence
    n, difference, actual = len(left.utterances), left.hits - right.hits, left.actual
    sessions = left.session_index
    return Comparison(
        a.variant.label,
        b.variant.label,
        question,
        a.variant.seeds,
        n,
        ua_speakers=sign_flip(ua_parts(difference, actual, left.speaker_index, left.classes)),
        wa_speakers=sign_flip(wa_parts(difference, left.speaker_index)),
        ua_sessions=None if sessions is None else sign_flip(ua_parts(difference, actual, sessions, left.classes)),
        wa_sessions=None if sessions is None else sign_flip(wa_parts(difference, sessions)),
        z_wa=two_proportion_z(a.scores.wa.mean, b.scores.wa.mean, n, n),
        z_ua=two_proportion_z(a.scores.ua.mean, b.scores.ua.mean, n, n),
        z_ua_recalls=recall_variance_z(a.scores.recalls, b.scores.recalls, left.class_counts),
        mcnemar_p=_mcnemar(left, right),
    )


def _mcnemar(left: Evidence, right: Evidence) -> float | None:
    if len(left.predicted) > 1:
        return None
    hit_a, hit_b = left.predicted[0] == left.actual, right.predicted[0] == right.actual
    return mcnemar_exact(int(np.count_nonzero(hit_a & ~hit_b)), int(np.count_nonzero(hit_b & ~hit_a)))


def compare_all(scored: Sequence[ScoredVariant]) -> Comparisons:
    """Makes every comparison of a report and adjusts for their number.

    The family is fixed before anything is filtered: every planned pair counts, also those that
    cannot be made yet because a fold is missing.

    Args:
        scored: All variants of the report, both kinds.

    Returns:
        Comparisons, refusals with their reasons, and the family's size.
    """
    pairs, orphans = plan_pairs(scored)
    outcomes = [_attempt(pair) for pair in pairs]
    raw = [_p_of_family(outcome) for outcome in outcomes]
    made = [
        replace(outcome, holm_p=adjusted, verdict=_verdict(outcome, adjusted))
        for outcome, adjusted in zip(outcomes, holm(raw), strict=True)
        if isinstance(outcome, Comparison)
    ]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    refused += [Refusal(label, "", reason) for label, reason in orphans]
    return Comparisons(tuple(made), tuple(refused), len(pairs))


def _attempt(pair: Pair) -> Comparison | Refusal:
    try:
        return compare(pair.variant, pair.baseline, pair.question)
    except ComparisonError as error:
        variant, baseline = pair.variant.variant.label, pair.baseline.variant.label
        return Refusal(variant, baseline, str(error).removeprefix(f"{variant} against {baseline}: "))


def _p_of_family(outcome: Comparison | Refusal) -> float | None:
    if isinstance(outcome, Refusal) or not outcome.ua_speakers.enough:
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
