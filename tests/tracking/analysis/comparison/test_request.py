from dataclasses import replace

import numpy as np
import pytest

from ser.errors import ComparisonError
from ser.feature_settings import PretrainedSettings
from tests.support.scored_trials import World, configuration, scored_variants, study_table, trial
from tracking.analysis.comparison.family import compare_variants
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.comparison.request import ComparisonRequest, describe_differences
from tracking.analysis.comparison.variant_filter import parse_variant_filter
from tracking.analysis.statistics.proportions import holm_adjust

WORLD = World()
SELECTED = "component · selected per fold · phonemes"


@pytest.fixture(scope="module")
def variants():
    return analyse(study_table()).variants


def compare_with(variants, baseline="", *shown):
    return compare_variants(variants, ComparisonRequest(baseline, shown))


def pairs(outcome):
    return {comparison.variant: comparison.baseline for comparison in outcome.comparisons}


def test_a_label_names_the_baseline_of_all_other_variants(variants):
    outcome = compare_with(variants, "quantum · words")
    assert set(pairs(outcome).values()) == {"quantum · words"}
    assert set(pairs(outcome)) == {variant.label for variant in variants} - {"quantum · words"}
    assert outcome.family.planned == len(variants) - 1
    by_variant = {comparison.variant: comparison for comparison in outcome.comparisons}
    assert by_variant["quantum · phonemes"].question == "labels phonemes against words"
    assert "scope 5/9 against off" in by_variant[SELECTED].question


def test_a_front_end_can_be_the_baseline():
    encoder = PretrainedSettings(name="tiny", checkpoint="0" * 32, layer=2, hidden_size=384, frame_shift_s=0.02)
    settings = {"features": encoder, "stack": 1, "normalisation": "zscore_training"}
    attentions = [{"attention": "none"}, {"attention": "component", "scope": 9}]
    trials = [
        trial(WORLD, configuration(**attention, **changes)) for attention in attentions for changes in ({}, settings)
    ]
    outcome = compare_with(scored_variants(*trials), "features=log_mel")
    assert pairs(outcome) == {
        "none · phonemes · tiny@2": "none · phonemes",
        "component · scope 9 · phonemes · tiny@2": "component · scope 9 · phonemes",
    }
    question = {comparison.question for comparison in outcome.comparisons}
    assert question == {
        "normalisation zscore_training against zscore_speaker, stack 1 against 3, features tiny@2 against log_mel"
    }
    by_default = pairs(compare_with(scored_variants(*trials)))
    assert by_default["component · scope 9 · phonemes · tiny@2"] == "none · phonemes · tiny@2"


def test_a_label_strategy_can_be_the_baseline(variants):
    outcome = compare_with(variants, "labels=words")
    assert pairs(outcome) == {
        "none · phonemes": "none · words",
        "local · scope 5 · phonemes": "local · scope 5 · words",
        "local · scope 9 · phonemes": "local · scope 9 · words",
        "local · selected per fold · phonemes": "local · selected per fold · words",
        "component · scope 5 · phonemes": "component · scope 5 · words",
        "component · scope 9 · phonemes": "component · scope 9 · words",
        SELECTED: "component · selected per fold · words",
        "quantum · phonemes": "quantum · words",
    }
    assert {comparison.question for comparison in outcome.comparisons} == {"labels phonemes against words"}


def test_a_setting_that_has_no_effect_on_one_side_does_not_count(variants):
    outcome = compare_with(variants, "attention=component scope=5")
    assert pairs(outcome)["component · scope 9 · phonemes"] == "component · scope 5 · phonemes"
    # None has no scope that could differ, local has another scope.
    assert pairs(outcome)["none · phonemes"] == "component · scope 5 · phonemes"
    assert pairs(outcome)["local · scope 9 · phonemes"] == "component · scope 5 · phonemes"
    # The choice among scopes differs from a fixed scope in nothing but the scope.
    assert pairs(compare_with(variants, "scope=5"))[SELECTED] == "component · scope 5 · phonemes"
    assert "none · phonemes" not in pairs(compare_with(variants, "scope=5"))


def test_attention_none_by_name_gives_the_default_pairs(variants):
    assert pairs(compare_with(variants, "attention=none")) == pairs(compare_with(variants))


def test_a_choice_is_no_counterpart_of_one_of_its_points():
    trials = [
        trial(WORLD, configuration(attention, stack=stack)) for attention in ("none", "quantum") for stack in (1, 2, 3)
    ]
    outcome = compare_with(scored_variants(*trials), "attention=none choice=selected")
    assert pairs(outcome) == {"quantum · selected per fold · phonemes": "none · selected per fold · phonemes"}


def test_several_equal_baselines_are_refused(variants):
    outcome = compare_with(variants, "attention=component")
    reasons = {comparison.variant: comparison.reason for comparison in outcome.skipped}
    assert (
        "component · scope 5 · phonemes, component · scope 9 · phonemes match equally well"
        in reasons["none · phonemes"]
    )
    assert pairs(outcome)["local · scope 9 · words"] == "component · scope 9 · words"
    assert pairs(compare_with(variants, "attention=component choice=selected"))["none · phonemes"] == SELECTED


def test_a_recipe_as_baseline_is_compared_attention_by_attention():
    trials = [
        trial(WORLD, configuration(attention, labels=labels, stack=stack), recipe=recipe)
        for attention in ("none", "quantum")
        for labels in ("words", "phonemes")
        for recipe, stack in (("paper", 1), ("recommended", 3))
    ]
    variants = scored_variants(*trials)
    recipes = {variant.label: variant.recipe for variant in variants}
    outcome = compare_with(variants, "recipe=paper")
    assert len(outcome.comparisons) == 4
    for comparison in outcome.comparisons:
        assert recipes[comparison.variant] == "recommended"
        assert recipes[comparison.baseline] == "paper"
        names = [name.partition(" · recipe")[0] for name in (comparison.variant, comparison.baseline)]
        assert names[0] == names[1]
        assert comparison.question == "stack 3 against 1, recipe recommended against paper"


def test_any_setting_can_be_the_baseline():
    trials = [trial(WORLD, configuration("quantum", learning_rate=rate)) for rate in (1e-3, 2e-3)]
    variants = scored_variants(*trials)
    outcome = compare_with(variants, "learning_rate=1e-3")
    (fixed,) = (comparison for comparison in outcome.comparisons if "selected" not in comparison.variant)
    rates = {variant.label: variant.configuration.learning_rate for variant in variants}
    assert rates[fixed.variant] == 2e-3
    assert fixed.question == "learning_rate 0.002 against 0.001"
    trials = [trial(WORLD, configuration("quantum", ema_decay=decay)) for decay in (None, 0.98)]
    (fixed,) = (
        comparison
        for comparison in compare_with(scored_variants(*trials), "ema_decay=off").comparisons
        if "selected" not in comparison.variant
    )
    assert fixed.question == "ema_decay 0.98 against off"


def test_other_settings_must_be_equal():
    trials = [
        trial(WORLD, configuration("none", labels="words", stack=1)),
        trial(WORLD, configuration("none", labels="phonemes", stack=2)),
    ]
    outcome = compare_with(scored_variants(*trials), "labels=words")
    assert outcome.comparisons == ()
    assert "no variant with labels=words has otherwise the same settings" in outcome.skipped[0].reason


def test_showing_fewer_variants_changes_no_adjusted_p(variants):
    complete, partial = (
        compare_with(variants, "labels=words"),
        compare_with(variants, "labels=words", "attention=quantum", SELECTED),
    )
    assert {comparison.variant for comparison in partial.comparisons} == {"quantum · phonemes", SELECTED}
    assert partial.family == complete.family
    assert {(comparison.variant, comparison.holm_p, comparison.joint) for comparison in partial.comparisons} < {
        (comparison.variant, comparison.holm_p, comparison.joint) for comparison in complete.comparisons
    }
    hidden = [comparison for comparison in partial.skipped if "not requested" in comparison.reason]
    assert len(hidden) == len(complete.comparisons) - 2
    assert [comparison.holm_p for comparison in complete.comparisons] == holm_adjust(
        [comparison.ua_speakers.p for comparison in complete.comparisons]
    )


def test_pairing_does_not_depend_on_scores(variants):
    rng = np.random.default_rng(2)
    blind = []
    for variant in variants:
        mixed = replace(variant.predictions, predicted=rng.permuted(variant.predictions.predicted, axis=1))
        blind.append(replace(variant, predictions=mixed))
    for baseline in ("", "labels=words", "attention=component choice=selected", "none · words"):
        assert pairs(compare_with(blind, baseline)) == pairs(compare_with(variants, baseline))


def test_an_analysis_follows_the_request_and_notes_it():
    analysis = analyse(study_table(), ComparisonRequest("labels=words", ("attention=quantum",)))
    assert pairs(analysis.comparisons) == {"quantum · phonemes": "quantum · words"}
    assert analysis.table.notes[-1].startswith("Requested: attention=quantum against labels=words, ")
    assert analyse(study_table()).table.notes == study_table().notes


def test_an_incomplete_baseline_is_named_and_never_compared():
    trials = [trial(WORLD, configuration("none", labels="words"), folds=range(7)), trial(WORLD, configuration("none"))]
    outcome = compare_with(scored_variants(*trials), "labels=words")
    assert outcome.comparisons == ()
    assert outcome.family.planned == outcome.family.missing == 1
    assert "none · words is incomplete (seed 1: 7 of 10 folds" in outcome.skipped[0].reason


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("quantun · words", "did you mean 'quantum · words'"),
        ("lables=words", "did you mean 'labels'"),
        ("labels=word", "did you mean 'words'"),
        ("labels=words labels=phonemes", "given twice"),
        ("attention=none scope=5", "no variant has all of these values"),
        ("", "unknown variant ''"),
    ],
)
def test_a_filter_that_no_variant_matches_is_refused(variants, text, message):
    with pytest.raises(ComparisonError, match=message):
        parse_variant_filter("--baseline", text, variants)


def test_differences_name_recipe_and_kind_of_choice(variants):
    by_label = {variant.label: variant for variant in variants}
    text = describe_differences(by_label[SELECTED], by_label["component · scope 5 · phonemes"])
    assert text == "scope 5/9 against 5, choice selected against fixed"
