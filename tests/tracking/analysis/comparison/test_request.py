from dataclasses import replace

import numpy as np
import pytest

from ser.errors import ComparisonError
from tests.support.scored_trials import World, configuration, grouped, study_table, trial
from tracking.analysis.comparison.comparison import compare_variants
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.comparison.request import ComparisonRequest, describe_differences
from tracking.analysis.comparison.variant_filter import parse_variant_filter
from tracking.analysis.statistics.proportions import holm_adjust
from tracking.analysis.variants.scores import score_variant
from tracking.analysis.variants.selection import selected_per_fold

WORLD = World()
SELECTED = "component · selected per fold · phonemes"


def scored(*trials):
    fixed = grouped(trials)
    return [score_variant(variant) for variant in [*fixed, *selected_per_fold(fixed)]]


@pytest.fixture(scope="module")
def entries():
    return analyse(study_table()).variants


def asked(entries, baseline="", *variants):
    return compare_variants(entries, ComparisonRequest(baseline, variants))


def pairs(outcome):
    return {one.variant: one.baseline for one in outcome.comparisons}


def test_one_variant_by_its_label_is_the_baseline_of_all_others(entries):
    outcome = asked(entries, "quantum · words")
    assert set(pairs(outcome).values()) == {"quantum · words"}
    assert set(pairs(outcome)) == {entry.label for entry in entries} - {"quantum · words"}
    assert outcome.family_size == len(entries) - 1
    by_variant = {one.variant: one for one in outcome.comparisons}
    assert by_variant["quantum · phonemes"].question == "labels phonemes against words"
    assert "scope 5/9 against off" in by_variant[SELECTED].question


def test_a_label_strategy_as_baseline_is_compared_with_all_else_equal(entries):
    outcome = asked(entries, "labels=words")
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
    assert {one.question for one in outcome.comparisons} == {"labels phonemes against words"}


def test_a_setting_that_has_no_effect_on_one_side_does_not_count(entries):
    outcome = asked(entries, "attention=component scope=5")
    assert pairs(outcome)["component · scope 9 · phonemes"] == "component · scope 5 · phonemes"
    # None has no scope that could differ, local has another one.
    assert pairs(outcome)["none · phonemes"] == "component · scope 5 · phonemes"
    assert pairs(outcome)["local · scope 9 · phonemes"] == "component · scope 5 · phonemes"
    # The choice among scopes differs from a fixed scope in nothing but the scope.
    assert pairs(asked(entries, "scope=5"))[SELECTED] == "component · scope 5 · phonemes"
    assert "none · phonemes" not in pairs(asked(entries, "scope=5"))


def test_attention_none_by_name_gives_the_usual_pairs(entries):
    assert pairs(asked(entries, "attention=none")) == pairs(asked(entries))


def test_a_choice_is_no_counterpart_of_one_of_its_points():
    trials = [
        trial(WORLD, configuration(attention, stack=stack)) for attention in ("none", "quantum") for stack in (1, 2, 3)
    ]
    outcome = asked(scored(*trials), "attention=none choice=selected")
    assert pairs(outcome) == {"quantum · selected per fold · phonemes": "none · selected per fold · phonemes"}


def test_several_equal_baselines_are_refused_with_what_to_name(entries):
    outcome = asked(entries, "attention=component")
    refused = {one.variant: one.reason for one in outcome.skipped}
    assert (
        "component · scope 5 · phonemes, component · scope 9 · phonemes match equally well"
        in refused["none · phonemes"]
    )
    assert pairs(outcome)["local · scope 9 · words"] == "component · scope 9 · words"
    assert pairs(asked(entries, "attention=component choice=selected"))["none · phonemes"] == SELECTED


def test_a_recipe_as_baseline_is_compared_attention_by_attention():
    trials = [
        trial(WORLD, configuration(attention, labels=labels, stack=stack), recipe=recipe)
        for attention in ("none", "quantum")
        for labels in ("words", "phonemes")
        for recipe, stack in (("paper", 1), ("recommended", 3))
    ]
    outcome = asked(scored(*trials), "recipe=paper")
    assert len(outcome.comparisons) == 4
    for one in outcome.comparisons:
        assert "recommended" in one.variant
        assert one.baseline == one.variant.replace("recommended", "paper")
        assert one.question == "stack 3 against 1, recipe recommended against paper"


def test_any_setting_can_be_the_baseline():
    trials = [trial(WORLD, configuration("quantum", learning_rate=rate)) for rate in (1e-3, 2e-3)]
    outcome = asked(scored(*trials), "learning_rate=1e-3")
    (fixed,) = (one for one in outcome.comparisons if "selected" not in one.variant)
    assert (fixed.variant, fixed.question) == (
        "quantum · phonemes · learning_rate 0.002",
        "learning_rate 0.002 against 0.001",
    )
    trials = [trial(WORLD, configuration("quantum", ema_decay=decay)) for decay in (None, 0.98)]
    (fixed,) = (one for one in asked(scored(*trials), "ema_decay=off").comparisons if "selected" not in one.variant)
    assert fixed.question == "ema_decay 0.98 against off"


def test_other_settings_must_be_equal():
    trials = [
        trial(WORLD, configuration("none", labels="words", stack=1)),
        trial(WORLD, configuration("none", labels="phonemes", stack=2)),
    ]
    outcome = asked(scored(*trials), "labels=words")
    assert outcome.comparisons == ()
    assert "no variant with labels=words has otherwise the same settings" in outcome.skipped[0].reason


def test_showing_fewer_variants_changes_no_adjusted_p(entries):
    whole, part = asked(entries, "labels=words"), asked(entries, "labels=words", "attention=quantum", SELECTED)
    assert {one.variant for one in part.comparisons} == {"quantum · phonemes", SELECTED}
    assert part.family_size == whole.family_size
    assert {(one.variant, one.holm_p) for one in part.comparisons} < {
        (one.variant, one.holm_p) for one in whole.comparisons
    }
    hidden = [one for one in part.skipped if "not requested" in one.reason]
    assert len(hidden) == len(whole.comparisons) - 2
    assert [one.holm_p for one in whole.comparisons] == holm_adjust([one.ua_speakers.p for one in whole.comparisons])


def test_no_score_has_a_part_in_what_is_compared_with_what(entries):
    rng = np.random.default_rng(2)
    blind = []
    for entry in entries:
        mixed = replace(entry.predictions, predicted=rng.permuted(entry.predictions.predicted, axis=1))
        blind.append(replace(entry, predictions=mixed))
    for baseline in ("", "labels=words", "attention=component choice=selected", "none · words"):
        assert pairs(asked(blind, baseline)) == pairs(asked(entries, baseline))


def test_an_overview_answers_the_question_and_notes_it():
    overview = analyse(study_table(), ComparisonRequest("labels=words", ("attention=quantum",)))
    assert pairs(overview.comparisons) == {"quantum · phonemes": "quantum · words"}
    assert overview.table.notes[-1].startswith("Requested: attention=quantum against labels=words;")
    assert analyse(study_table()).table.notes == study_table().notes


def test_an_incomplete_baseline_is_named_and_never_compared():
    trials = [trial(WORLD, configuration("none", labels="words"), folds=range(7)), trial(WORLD, configuration("none"))]
    outcome = asked(scored(*trials), "labels=words")
    assert outcome.comparisons == ()
    assert outcome.family_size == 1
    assert "none · words is incomplete (seed 1: 7 of 10 folds" in outcome.skipped[0].reason


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("quantun · words", "did you mean 'quantum · words'"),
        ("lables=words", "did you mean 'labels'"),
        ("labels=word", "did you mean 'words'"),
        ("labels=words labels=phonemes", "given twice"),
        ("attention=none scope=5", "no variant has all of these values"),
        ("", "unknown variant ''"),
    ],
)
def test_what_names_no_variant_is_refused(entries, text, words):
    with pytest.raises(ComparisonError, match=words):
        parse_variant_filter("--baseline", text, entries)


def test_differences_name_recipe_and_kind_of_choice(entries):
    by_label = {entry.label: entry for entry in entries}
    text = describe_differences(by_label[SELECTED], by_label["component · scope 5 · phonemes"])
    assert text == "scope 5/9 against 5, choice selected against fixed"
