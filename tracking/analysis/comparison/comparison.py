"""Comparison of two variants on the same test utterances."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ser.metrics import unweighted_accuracy
from tracking.analysis.comparison.comparability import check_comparable
from tracking.analysis.statistics.corrected_t import corrected_t_p
from tracking.analysis.statistics.effect_sizes import cohens_h, count_improved_speakers, hedges_g
from tracking.analysis.statistics.power import ALPHA, PowerAnalysis, between_speaker_std
from tracking.analysis.statistics.proportions import ZTest, mcnemar_one_sided, proportions_ztest, uar_ztest
from tracking.analysis.statistics.sign_flip import (
    MIN_SPEAKERS,
    SignFlipTest,
    sign_flip_each,
    ua_contributions,
    wa_contributions,
)
from tracking.analysis.variants.classical import ScoredClassifier, predictions_with_seeds
from tracking.analysis.variants.predictions import PooledPredictions
from tracking.analysis.variants.scores import MeanAndStd

_SignFlips = tuple[SignFlipTest, SignFlipTest]
"""Tests of UA and of WA."""


class Verdict(StrEnum):
    """Verdict on a comparison."""

    BETTER = "better"
    WORSE = "worse"
    WITHIN_MARGIN = "shown to be within the margin"
    NO_DIFFERENCE = "no difference shown"
    REPRESENTED = "no verdict: see 'selected per fold'"
    NO_CLAIM = f"no claim: fewer than {MIN_SPEAKERS} speakers"


@dataclass(frozen=True, eq=False)
class SpeakerDifferences:
    """UA difference of two variants, divided among the speakers.

    Attributes:
        speakers: Test speakers, sorted.
        contributions: Contribution of each speaker; they sum to the difference, 0..1, shape `(speaker,)`.
        weights: Contribution of each speaker if the variant had every utterance right and the baseline none; they sum
            to 1, shape `(speaker,)`.
    """

    speakers: tuple[str, ...]
    contributions: NDArray[np.float64]
    weights: NDArray[np.float64]


@dataclass(frozen=True)
class JointTest:
    """p-values of a comparison's UA by joint sign flips over speakers, adjusted for all comparisons of the family.

    Attributes:
        better_p: H1: the variant is better.
        worse_p: H1: the variant is worse.
        within_p: H1: the true difference is smaller than the margin; the larger p of two one-sided tests.
        margin: Margin of equivalence, UA, 0..1.
    """

    better_p: float
    worse_p: float
    within_p: float
    margin: float


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
class Comparison:
    """Variant against its baseline; H1 of every test: the variant is better.

    Attributes:
        variant: Label of the variant.
        baseline: Label of the baseline.
        question: In what the two differ, such as 'attention'.
        seeds: Seeds that both were trained with; those of the network beside a classical baseline.
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
        corrected_t_p: UA by Nadeau and Bengio's corrected t over folds; None with one fold, or where they do not
            deviate.
        effects: Effect sizes.
        power: Differences that could have been shown.
        by_speaker: UA difference of each speaker, for the joint test.
        holm_p: Sign-flip p of UA over speakers after Holm's adjustment over all comparisons of the
            report; None with too few speakers.
        joint: Joint sign-flip test; None with too few speakers, for a single point of a sweep that 'selected per
            fold' stands for, or before the family is known.
        verdict: Verdict, from `joint`.
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
    corrected_t_p: float | None
    effects: Effects
    power: PowerAnalysis
    by_speaker: SpeakerDifferences = field(compare=False, repr=False)
    holm_p: float | None = None
    joint: JointTest | None = None
    verdict: Verdict = Verdict.NO_CLAIM

    @property
    def joint_p(self) -> float | None:
        """The p that decides whether the variant is better; None where there is no joint test."""
        return None if self.joint is None else self.joint.better_p

    @property
    def verdict_text(self) -> str:
        """The verdict in words, with the margin in points."""
        if self.verdict is Verdict.WITHIN_MARGIN and self.joint is not None:
            return f"shown to be within {100 * self.joint.margin:g} points"
        return self.verdict.value

    @property
    def unconfirmed_over_sessions(self) -> bool:
        """True for a better variant that is not shown to be better over sessions, whose speakers share dialogs."""
        sessions = self.ua_sessions
        if sessions is None or sessions.clusters == self.ua_speakers.clusters:
            return False
        return self.verdict is Verdict.BETTER and sessions.p > ALPHA


def compare(a: ScoredClassifier, b: ScoredClassifier, question: str = "") -> Comparison:
    """Compare a variant or classical baseline with any other one.

    Seeds are averaged within an utterance first: they are never more utterances. A classical baseline decides the same
    beside each seed of a network.

    Returns:
        The comparison; adjusted p-values and the verdict need the whole family (see `compare_variants`).

    Raises:
        ComparisonError: They were tested differently (see `check_comparable`).
    """
    check_comparable(a, b)
    return compare_comparable([a], b, question)[0]


def compare_comparable(
    variants: Sequence[ScoredClassifier], baseline: ScoredClassifier, question: str = ""
) -> list[Comparison]:
    """Compare variants with a baseline that was tested alike, all at once: many times faster than one by one.

    Args:
        variants: The variants, each of which has passed `check_comparable` with the baseline, with the same sessions.
        baseline: The baseline.
        question: In what they differ.

    Returns:
        A comparison of each variant, as `compare` makes it.
    """
    pairs = [
        (predictions_with_seeds(variant, baseline.seeds), predictions_with_seeds(baseline, variant.seeds))
        for variant in variants
    ]
    if not pairs:
        return []
    # All have the same utterances, speakers and sessions, so that their contributions form a matrix.
    test_set, differences = pairs[0][0], [left.correct - right.correct for left, right in pairs]
    over_speakers = _sign_flips(differences, test_set, test_set.speaker_index)
    sessions = test_set.session_index
    over_sessions: Sequence[_SignFlips | tuple[None, None]] = [(None, None)] * len(pairs)
    if sessions is not None:
        over_sessions = _sign_flips(differences, test_set, sessions)
    return [
        _comparison((variant, baseline), question, pair, tests_over_speakers, tests_over_sessions)
        for variant, pair, tests_over_speakers, tests_over_sessions in zip(
            variants, pairs, over_speakers, over_sessions, strict=True
        )
    ]


def _sign_flips(
    differences: Sequence[NDArray[np.float64]], test_set: PooledPredictions, clusters: NDArray[np.int64]
) -> list[_SignFlips]:
    """Test UA and WA of each difference of correct decisions, shape `(utterance,)`, over speakers or sessions."""
    actual, classes = test_set.actual, test_set.classes
    ua = sign_flip_each(np.stack([ua_contributions(values, actual, clusters, classes) for values in differences]))
    wa = sign_flip_each(np.stack([wa_contributions(values, clusters) for values in differences]))
    return list(zip(ua, wa, strict=True))


def _comparison(
    classifiers: tuple[ScoredClassifier, ScoredClassifier],
    question: str,
    predictions: tuple[PooledPredictions, PooledPredictions],
    over_speakers: _SignFlips,
    over_sessions: _SignFlips | tuple[None, None],
) -> Comparison:
    """Add to the sign flips of UA and WA all else that a comparison holds."""
    (a, b), (left, right) = classifiers, predictions
    n, difference = len(left.utterances), left.correct - right.correct
    actual, speakers = left.actual, left.speaker_index
    contributions = ua_contributions(difference, actual, speakers, left.classes)
    return Comparison(
        a.label,
        b.label,
        question,
        a.seeds or b.seeds,
        n,
        ua_speakers=over_speakers[0],
        wa_speakers=over_speakers[1],
        ua_sessions=over_sessions[0],
        wa_sessions=over_sessions[1],
        z_wa=proportions_ztest(a.scores.wa.mean, b.scores.wa.mean, n, n),
        z_ua=proportions_ztest(a.scores.ua.mean, b.scores.ua.mean, n, n),
        z_ua_recalls=uar_ztest(a.scores.recalls, b.scores.recalls, left.class_counts),
        mcnemar_p=_mcnemar_p(left, right),
        corrected_t_p=_corrected_t_p(left, difference),
        effects=Effects(
            cohens_h(a.scores.ua.mean, b.scores.ua.mean),
            cohens_h(a.scores.wa.mean, b.scores.wa.mean),
            hedges_g(contributions),
            count_improved_speakers(contributions),
            _difference_over_seeds(left, right),
        ),
        power=PowerAnalysis(between_speaker_std(contributions), len(contributions)),
        by_speaker=SpeakerDifferences(
            left.speaker_names,
            contributions,
            ua_contributions(np.ones(n), actual, speakers, left.classes),
        ),
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


def _corrected_t_p(predictions: PooledPredictions, difference: NDArray[np.float64]) -> float | None:
    """Test over folds; sizes of test and training sets are counted in speakers."""
    _, folds = np.unique(predictions.folds, return_inverse=True)
    test = sum(len(fold.test_speakers) for fold in predictions.scheme)
    training = sum(len(fold.training_speakers) for fold in predictions.scheme)
    contributions = ua_contributions(difference, predictions.actual, folds, predictions.classes)
    return corrected_t_p(contributions, test / training) if training else None
