import math
import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from ser.errors import ComparisonError
from tests.support.scored_trials import World, configuration, scored_variants, study_table, trial, with_more
from tracking.analysis.comparison.comparison import compare
from tracking.analysis.comparison.family import compare_variants
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.statistics.proportions import holm_adjust

WORLD = World()


def pair(world=WORLD, baseline_world=None, **changes):
    return (
        scored_variants(trial(world, configuration("component"), 0.72))[0],
        scored_variants(trial(baseline_world or world, configuration("none", **changes), 0.6))[0],
    )


def ztest_p(difference, variance):
    return 0.5 * math.erfc(difference / math.sqrt(variance) / math.sqrt(2))


def sign_flip_p(contributions):
    """Share of all assignments of signs whose sum reaches the observed one, one by one."""
    sums = [math.fsum(np.multiply(signs, contributions)) for signs in product((1, -1), repeat=len(contributions))]
    return np.mean([total >= math.fsum(contributions) - 1e-12 for total in sums])


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("world", [World(6), World(4, 21, lacking={"Ses01F": 2}), World(2, 30)])
def test_every_number_equals_its_formula(world, seeds):
    a, b = (
        scored_variants(*(trial(world, configuration(name, seed=seed), accuracy) for seed in range(seeds)))[0]
        for name, accuracy in (("component", 0.72), ("none", 0.6))
    )
    result = compare(a, b)
    actual, n = a.predictions.actual, len(a.predictions.actual)
    correct = [(variant.predictions.predicted == actual).mean(axis=0) for variant in (a, b)]
    sizes = np.bincount(actual)
    recalls = np.array([[hits[actual == k].mean() for k in range(4)] for hits in correct])
    uas, was = recalls.mean(axis=1), np.array([hits.mean() for hits in correct])
    gains = correct[0] - correct[1]
    for test, weights, clusters in (
        (result.ua_speakers, 1 / (4 * sizes[actual]), a.predictions.speakers),
        (result.wa_speakers, np.full(n, 1 / n), a.predictions.speakers),
        (result.ua_sessions, 1 / (4 * sizes[actual]), a.predictions.sessions),
        (result.wa_sessions, np.full(n, 1 / n), a.predictions.sessions),
    ):
        contributions = [(gains * weights)[np.array(clusters) == name].sum() for name in sorted(set(clusters))]
        assert test.clusters == len(contributions)
        assert test.difference == pytest.approx(sum(contributions))
        assert test.p == pytest.approx(sign_flip_p(contributions))
    assert result.ua_speakers.difference == pytest.approx(uas[0] - uas[1])
    for ztest, shares in ((result.z_wa, was), (result.z_ua, uas)):
        pooled = shares.mean()
        assert ztest.p == pytest.approx(ztest_p(shares[0] - shares[1], pooled * (1 - pooled) * 2 / n))
    variance = (recalls * (1 - recalls) / sizes).sum() / 16
    assert result.z_ua_recalls.p == pytest.approx(ztest_p(uas[0] - uas[1], variance))
    angles = [2 * np.arcsin(np.sqrt(shares)) for shares in (uas, was)]
    assert (result.effects.h_ua, result.effects.h_wa) == pytest.approx([h[0] - h[1] for h in angles])
    only_a, only_b = int((gains == 1).sum()), int((gains == -1).sum())
    outcomes = sum(math.comb(only_a + only_b, k) for k in range(only_a, only_a + only_b + 1))
    expected = outcomes / 2 ** (only_a + only_b) if seeds == 1 else None
    assert result.mcnemar_p == (expected and pytest.approx(expected))


def test_effects_and_power_rest_on_the_speakers_differences():
    a, b = pair()
    result = compare(a, b)
    hits = (a.predictions.predicted[0] == a.predictions.actual) * 1.0 - (
        b.predictions.predicted[0] == b.predictions.actual
    )
    # All speakers say each of the four classes six times, so a speaker's UA difference is its mean.
    gains = hits.reshape(10, 24).mean(axis=1)
    std = gains.std(ddof=1)
    assert result.effects.improved_speakers == (gains > 0).sum()
    # Hedges' correction for nine degrees of freedom, from his table.
    assert result.effects.hedges_g == pytest.approx(0.9139 * gains.mean() / std, rel=1e-3)
    assert result.power.between_speaker_std == pytest.approx(std)
    # Ten speakers show .8533 standard deviations with a power of .8.
    assert result.power.minimum_difference() == pytest.approx(0.8528 * std, rel=1e-3)
    assert result.power.required_speakers(0.5 * std) == 27


def test_the_first_of_a_family_has_to_be_larger_to_be_shown():
    for comparison in analyse(study_table()).comparisons.comparisons:
        level = comparison.power.first_level
        assert (level is None) == (comparison.joint is None)
        if level is not None:
            # Six comparisons that share speakers and baselines: stricter than alone, laxer than a sixth of it.
            assert 0.05 / 6 < level < 0.05
            assert comparison.power.minimum_difference(level) > comparison.power.minimum_difference()


def test_the_difference_has_a_deviation_between_seeds():
    variant = [trial(WORLD, configuration("component", seed=seed), 0.7) for seed in (1, 2, 3)]
    plain = [trial(WORLD, configuration("none", seed=seed), 0.6) for seed in (1, 2, 3)]
    result = compare(scored_variants(*variant)[0], scored_variants(*plain)[0])
    single = [
        compare(scored_variants(left)[0], scored_variants(right)[0]).ua_speakers.difference
        for left, right in zip(variant, plain, strict=True)
    ]
    assert result.effects.seeds.mean == pytest.approx(result.ua_speakers.difference)
    assert result.effects.seeds.std == pytest.approx(np.std(single, ddof=1))
    assert compare(*pair()).effects.seeds.std is None


def test_power_is_undefined_if_speakers_do_not_deviate():
    (variant,) = scored_variants(trial(WORLD, configuration("component")))
    result = compare(variant, variant)
    assert result.effects.hedges_g is None
    assert result.effects.improved_speakers == 0
    assert result.power.minimum_difference() is None
    assert result.power.required_speakers(0.01) is None


def test_a_corpus_without_sessions_has_no_test_over_sessions():
    assert compare(*pair(World(sessions=False))).ua_sessions is None


def test_seeds_are_averaged_and_never_more_utterances():
    variant = [trial(WORLD, configuration("component", seed=seed), 0.7) for seed in (1, 2)]
    plain = [trial(WORLD, configuration("none", seed=seed), 0.6) for seed in (1, 2)]
    a, b = scored_variants(*variant)[0], scored_variants(*plain)[0]
    result = compare(a, b)
    assert result.utterances == 240
    assert result.mcnemar_p is None
    single = [
        compare(scored_variants(left)[0], scored_variants(right)[0]) for left, right in zip(variant, plain, strict=True)
    ]
    assert result.ua_speakers.difference == pytest.approx(
        np.mean([comparison.ua_speakers.difference for comparison in single])
    )


def test_a_copied_seed_changes_no_p_value():
    first, second = trial(WORLD, configuration("component"), 0.7), trial(WORLD, configuration("none"), 0.6)

    def copied(original):
        seed = original.folds[0].configuration.model_copy(update={"seed": 2})
        folds = tuple(fold.model_copy(update={"configuration": seed}) for fold in original.folds)
        return original.model_copy(update={"folds": folds, "trial_id": original.trial_id[::-1]})

    once = compare(scored_variants(first)[0], scored_variants(second)[0])
    twice = compare(scored_variants(first, copied(first))[0], scored_variants(second, copied(second))[0])
    assert twice.ua_speakers.p == once.ua_speakers.p
    assert twice.z_wa is not None
    assert once.z_wa is not None
    assert twice.z_wa.p == pytest.approx(once.z_wa.p, rel=1e-12)


@pytest.mark.parametrize(
    ("baseline_world", "message"),
    [
        (World(digest="f" * 32), "corpus digests"),
        (World(emotions=("neutral", "happiness", "sadness", "fear")), "classes"),
        (World(speakers=8), "numbers of folds"),
        (World(names=tuple(f"S{n}" for n in range(10))), "different folds"),
        (World(per_speaker=20), "test utterances"),
        (World(lacking={"Ses01F": 0}), "speakers or emotions"),
    ],
)
def test_different_test_conditions_are_refused(baseline_world, message):
    with pytest.raises(ComparisonError, match=message):
        compare(*pair(baseline_world=baseline_world))


def test_different_validation_speakers_and_seeds_are_refused():
    a, b = pair()
    shifted = tuple(
        fold.model_copy(update={"validation_speakers": fold.training_speakers[:1]}) for fold in b.predictions.scheme
    )
    with pytest.raises(ComparisonError, match="validation_speakers"):
        compare(a, replace(b, predictions=replace(b.predictions, scheme=shifted)))
    with pytest.raises(ComparisonError, match="seeds: 1 against 2"):
        compare(*pair(seed=2))


@pytest.mark.parametrize(
    ("newer", "message"),
    [
        ({"results_version": 2}, "results version 1, .* against results version 2"),
        ({"torch": "2.14.0"}, "torch 2.13.0, cpu against .* torch 2.14.0"),
        ({"device_type": "cuda"}, "cpu against .* cuda"),
    ],
)
def test_different_versions_and_devices_are_refused(newer, message):
    variant, old = trial(WORLD, configuration("component"), 0.72), trial(WORLD, configuration(), 0.6, **newer)
    outcome = compare_variants(scored_variants(variant, old))
    assert outcome.comparisons == ()
    assert re.search(f"different versions or devices: .*{message}", outcome.skipped[0].reason)
    comparable = trial(WORLD, configuration(), 0.6)
    (comparison,) = compare_variants(scored_variants(variant, old, comparable)).comparisons
    baselines = {variant.label: variant.provenance for variant in scored_variants(variant, old, comparable)}
    assert baselines[comparison.baseline] == baselines[comparison.variant]


def test_incomplete_variants_are_never_compared():
    plain = trial(WORLD, configuration("none"))
    partial = trial(WORLD, configuration("component"), folds=range(9))
    outcome = compare_variants(scored_variants(plain, partial))
    assert outcome.comparisons == ()
    assert "incomplete (seed 1: 9 of 10 folds, missing Ses05M)" in outcome.skipped[0].reason
    assert (outcome.family.planned, outcome.family.tested, outcome.family.missing) == (1, 0, 1)


def test_the_holm_family_includes_skipped_comparisons():
    table = study_table()
    complete = analyse(table).comparisons
    assert complete.family.planned == len(complete.comparisons) == 14
    assert [comparison.holm_p for comparison in complete.comparisons] == holm_adjust(
        [comparison.ua_speakers.p for comparison in complete.comparisons]
    )
    partial = trial(WORLD, configuration("quantum", labels="utterance"), folds=[0])
    plain = trial(WORLD, configuration("none", labels="utterance"))
    more = analyse(with_more(table, partial, plain)).comparisons
    assert more.family.planned == 15
    assert len(more.comparisons) == 14
    raw = [comparison.ua_speakers.p for comparison in more.comparisons]
    assert [comparison.holm_p for comparison in more.comparisons] == holm_adjust([*raw, None])[:14]
