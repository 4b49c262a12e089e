from dataclasses import replace

import numpy as np
import pytest

from ser.errors import ComparisonError
from tests.support.scored_trials import (
    World,
    configuration,
    grouped,
    scored_variants,
    started_later,
    study_table,
    table_of,
    trial,
    with_more,
)
from tracking.analysis.comparison.caveats import UNCONFIRMED_OVER_SESSIONS, comparison_caveats
from tracking.analysis.comparison.comparison import Verdict, compare
from tracking.analysis.comparison.family import compare_variants
from tracking.analysis.comparison.interpretation import CONDITIONAL_ON_TRAINING, describe_family
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.comparison.request import ComparisonRequest
from tracking.analysis.report.headline import headline
from tracking.analysis.report.terminal import summary_verdict
from tracking.analysis.statistics.corrected_t import corrected_t_p
from tracking.analysis.statistics.joint_sign_flips import joint_sign_flips
from tracking.analysis.variants.naming import FIXED
from tracking.analysis.variants.scores import score, score_variant

WORLD = World()


def by_variant(outcome):
    return {comparison.variant: comparison for comparison in outcome.comparisons}


def with_accuracies(variant, shares):
    """Give each speaker of a variant that share of correct utterances."""
    pooled = variant.predictions
    predicted = (pooled.actual + 1) % pooled.classes
    for index, share in enumerate(shares):
        utterances = np.flatnonzero(pooled.speaker_index == index)
        hits = utterances[: round(share * len(utterances))]
        predicted[hits] = pooled.actual[hits]
    changed = replace(pooled, predicted=predicted[None])
    return replace(variant, predictions=changed, scores=score(changed))


def compare_gains(gains, margin=0.02):
    """Compare two variants of ten speakers with 400 utterances each that differ by the given gains."""
    world = World(per_speaker=400)
    trials = trial(world, configuration("none")), trial(world, configuration("quantum"))
    shares = np.full(10, 0.5), 0.5 + np.asarray(gains)
    pair = [with_accuracies(variant, share) for variant, share in zip(scored_variants(*trials), shares, strict=True)]
    (made,) = compare_variants(pair, ComparisonRequest(margin=margin)).comparisons
    assert made.by_speaker.contributions * 10 == pytest.approx(np.asarray(gains))
    return made


@pytest.fixture(scope="module")
def swept():
    """All attentions with two label strategies, two scopes where there are scopes."""
    return analyse(study_table())


def test_45_points_among_51_comparisons_of_ten_speakers_are_better():
    trials = [
        trial(WORLD, configuration("quantum", learning_rate=0.001 * (1 + index)), 0.45, recipe=f"recipe{index}")
        for index in range(50)
    ]
    strong = trial(WORLD, configuration("component"), 0.9, recipe="recommended")
    plain = trial(WORLD, configuration("none"), 0.45, recipe="recommended")
    outcome = compare_variants(scored_variants(plain, strong, *trials), ComparisonRequest("none · phonemes"))
    assert (outcome.family.planned, outcome.family.tested, outcome.family.represented) == (51, 51, 0)
    (best,) = (made for label, made in by_variant(outcome).items() if label.startswith("component"))
    assert 0.40 < best.ua_speakers.difference < 0.55
    assert best.joint.better_p <= 2 / 1024
    assert best.verdict is Verdict.BETTER
    # Holm cannot show more than this, however large the difference.
    assert best.holm_p >= 51 / 1024 * 0.999


def test_p_values_are_those_of_the_joint_test_of_the_family(swept):
    tested = [made for made in swept.comparisons.comparisons if made.joint is not None]
    rows = np.stack([made.by_speaker.contributions for made in tested])
    assert [made.joint.better_p for made in tested] == joint_sign_flips(rows).p_values.tolist()
    assert [made.joint.worse_p for made in tested] == joint_sign_flips(-rows).p_values.tolist()
    weights = np.stack([made.by_speaker.weights for made in tested])
    assert weights.sum(axis=1) == pytest.approx(1)
    both = joint_sign_flips(np.concatenate([0.02 * weights + rows, 0.02 * weights - rows])).p_values
    assert [made.joint.within_p for made in tested] == np.maximum(both[:6], both[6:]).tolist()
    for made in tested:
        assert made.by_speaker.contributions.sum() == pytest.approx(made.ua_speakers.difference)


def test_single_points_of_a_sweep_leave_the_family(swept):
    comparisons = by_variant(swept.comparisons)
    points = {variant.label for variant in swept.variants if variant.kind == FIXED and "scope" in variant.label}
    assert len(points) == 8
    for label, made in comparisons.items():
        assert (made.verdict is Verdict.REPRESENTED) == (label in points)
        assert (made.joint is None) == (label in points)
        assert made.holm_p is not None
    family = swept.comparisons.family
    assert (family.planned, family.tested, family.represented, family.missing) == (14, 6, 8, 0)
    assert "without a verdict: 8 comparisons of single points" in describe_family(family)[0]


def test_points_are_in_the_family_where_no_choice_is_compared():
    plain, *swept = [
        trial(WORLD, configuration("none")),
        *(trial(WORLD, configuration("local", scope=s)) for s in (5, 9)),
    ]
    fixed = [score_variant(variant) for variant in grouped([plain, *swept])]
    assert compare_variants(fixed).family.represented == 0
    # The baseline is a point of the sweep: the question is about points.
    variants = scored_variants(plain, *swept)
    outcome = compare_variants(variants, ComparisonRequest("scope=5"))
    (made,) = (made for label, made in by_variant(outcome).items() if label.startswith("local · scope 9"))
    assert made.joint is not None
    assert outcome.family.represented == 0


def test_points_of_unlike_seeds_keep_their_verdicts():
    trials = [
        trial(WORLD, configuration(name, seed=seed), share)
        for name, share in (("none", 0.4), ("quantum", 0.9))
        for seed in (1, 2, 3)
    ]
    before = analyse(table_of(*trials))
    point = trial(WORLD, configuration("quantum", quantum_states="unit", seed=1), 0.8)
    after = analyse(table_of(*trials, started_later(point, 1)))
    assert by_variant(before.comparisons)["quantum · phonemes"].verdict is Verdict.BETTER
    assert by_variant(after.comparisons)["quantum · phonemes"].verdict is Verdict.BETTER
    assert "quantum · phonemes" in {variant.label for variant in after.reportable}
    reasons = {skipped.variant: skipped.reason for skipped in after.comparisons.skipped}
    assert "not all trained with the same seeds" in reasons["quantum · selected per fold · phonemes"]
    assert summary_verdict(after).startswith("Verdict: quantum · phonemes is better than none")
    assert "quantum · phonemes (UA " in headline(after)
    assert "significantly better" in headline(after)


def test_comparisons_that_are_missing_are_counted_and_said():
    plain = trial(WORLD, configuration("none", labels="utterance"))
    partial = trial(WORLD, configuration("quantum", labels="utterance"), folds=[0])
    outcome = analyse(with_more(study_table(), plain, partial)).comparisons
    assert (outcome.family.planned, outcome.family.tested, outcome.family.missing) == (15, 6, 1)
    assert "Missing: 1 planned comparison" in describe_family(outcome.family)[0]
    before = by_variant(analyse(study_table()).comparisons)
    assert {label: made.joint for label, made in by_variant(outcome).items()} == {
        label: made.joint for label, made in before.items()
    }


def test_comparisons_of_unlike_speakers_are_tested_over_their_own():
    other = World(speakers=8, digest="f" * 32, names=tuple(f"S{number}" for number in range(8)))
    trials = [
        trial(world, configuration(name), share)
        for world in (WORLD, other)
        for name, share in (("none", 0.5), ("quantum", 0.75))
    ]
    outcome = compare_variants(scored_variants(*trials))
    assert sorted(len(made.by_speaker.speakers) for made in outcome.comparisons) == [8, 10]
    assert (outcome.family.speakers, outcome.family.same_speakers) == (18, False)
    assert "do not all have the same speakers" in describe_family(outcome.family)[0]
    rows = np.zeros((2, 18))
    for row, made in zip(rows, outcome.comparisons, strict=True):
        start = 0 if len(made.by_speaker.speakers) == 8 else 8
        row[start : start + len(made.by_speaker.speakers)] = made.by_speaker.contributions
    # 18 speakers are sampled, in another order of speakers than here.
    expected = joint_sign_flips(rows).p_values
    assert [made.joint.better_p for made in outcome.comparisons] == pytest.approx(expected.tolist(), abs=0.003)
    assert "do not all have" not in describe_family(compare_variants(scored_variants(*trials[:2])).family)[0]


def test_fewer_than_six_speakers_make_no_claim_and_join_no_family():
    small = World(speakers=4, per_speaker=100, digest="f" * 32)
    trials = [
        trial(world, configuration(name), share)
        for world in (WORLD, small)
        for name, share in (("none", 0.4), ("component", 0.9))
    ]
    outcome = compare_variants(scored_variants(*trials))
    verdicts = {made.ua_speakers.clusters: made for made in outcome.comparisons}
    assert verdicts[4].verdict is Verdict.NO_CLAIM
    assert verdicts[4].holm_p is None
    assert verdicts[4].joint is None
    assert verdicts[4].ua_speakers.interval is not None
    assert verdicts[10].verdict is Verdict.BETTER
    assert outcome.family.tested == 1


@pytest.mark.parametrize(
    ("gains", "verdict", "text"),
    [
        (0.2 + 0.02 * np.arange(10), Verdict.BETTER, "better"),
        (-0.2 - 0.02 * np.arange(10), Verdict.WORSE, "worse"),
        (np.tile([0.01, -0.01], 5), Verdict.WITHIN_MARGIN, "shown to be within 2 points"),
        (np.tile([0.3, -0.3], 5), Verdict.NO_DIFFERENCE, "no difference shown"),
    ],
)
def test_verdicts_follow_the_joint_test(gains, verdict, text):
    made = compare_gains(gains)
    assert (made.verdict, made.verdict_text) == (verdict, text)


def test_a_wider_margin_shows_what_a_narrow_one_does_not():
    gains = np.round(np.random.default_rng(2).normal(0, 0.03, 10), 2)
    narrow, wide = compare_gains(gains, margin=0.01), compare_gains(gains, margin=0.05)
    assert narrow.verdict is Verdict.NO_DIFFERENCE
    assert wide.verdict_text == "shown to be within 5 points"
    assert narrow.joint.within_p > wide.joint.within_p
    assert narrow.joint.better_p == wide.joint.better_p


@pytest.mark.parametrize("margin", [0.0, -0.01, 1.0, float("nan")])
def test_a_margin_that_is_no_margin_is_refused(margin):
    with pytest.raises(ComparisonError, match=r"--margin .*: expected points above 0 and below 100"):
        ComparisonRequest(margin=margin)


def test_a_better_variant_is_marked_if_sessions_do_not_confirm_it():
    assert comparison_caveats(compare_gains(np.full(10, 0.1))) == ()
    # The last session loses a little: two of 32 assignments of signs reach the sum.
    lopsided = compare_gains([*np.full(8, 0.1), 0.05, -0.06])
    assert lopsided.verdict is Verdict.BETTER
    assert lopsided.ua_sessions.p == 2 / 32
    assert comparison_caveats(lopsided) == (UNCONFIRMED_OVER_SESSIONS,)
    # Sessions of one speaker share no dialogs.
    alone = replace(lopsided, ua_sessions=replace(lopsided.ua_sessions, clusters=10))
    assert comparison_caveats(alone) == ()


def test_the_corrected_t_is_over_folds_and_speakers():
    a, b = scored_variants(trial(WORLD, configuration("component"), 0.72), trial(WORLD, configuration("none"), 0.6))
    made = compare(a, b)
    # Each fold tests one speaker and trains on eight.
    assert made.corrected_t_p == pytest.approx(corrected_t_p(made.by_speaker.contributions, 1 / 8), rel=1e-9)


def test_the_guide_says_what_the_verdict_is_conditional_on():
    assert "conditional on these training sets" in CONDITIONAL_ON_TRAINING
    assert "several seeds with unlike splits" in CONDITIONAL_ON_TRAINING
