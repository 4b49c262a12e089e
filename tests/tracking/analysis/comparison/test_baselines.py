"""Which baseline a variant is compared with."""

from tests.support.scored_trials import World, configuration, scored_variants, study_table, trial
from tracking.analysis.comparison.baselines import CTC_EFFECT
from tracking.analysis.comparison.family import compare_variants
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.variants.naming import ATTENTION_SETTINGS, settings_without

WORLD = World()


def test_a_missing_baseline_is_listed_with_its_reason():
    outcome = compare_variants(scored_variants(trial(WORLD, configuration("quantum"))))
    assert outcome.comparisons == ()
    assert outcome.skipped[0].variant == "quantum · phonemes"
    assert "no run of none · phonemes with the same settings (recipe quick)" in outcome.skipped[0].reason


def test_baselines_share_every_setting_but_attention():
    trials = [
        trial(WORLD, configuration("component", **changes))
        for changes in ({}, {"labels": "words"}, {"stack": 1}, {"criterion": "cross_entropy"})
    ]
    trials += [
        trial(WORLD, configuration("none", **changes))
        for changes in ({}, {"labels": "words"}, {"stack": 1}, {"criterion": "cross_entropy"})
    ]
    variants = scored_variants(*trials, select=False)
    settings = {variant.label: settings_without(variant.configuration, ATTENTION_SETTINGS) for variant in variants}
    pairs = [
        (comparison.variant, comparison.baseline)
        for comparison in compare_variants(variants).comparisons
        if comparison.question == "attention"
    ]
    assert len(pairs) == len(dict(pairs)) == 4
    assert all(name.startswith("component · ") and other.startswith("none · ") for name, other in pairs)
    assert all(settings[name] == settings[other] for name, other in pairs)


def test_ctc_is_compared_with_the_sequence_to_label_model():
    trials = [trial(WORLD, configuration("none", labels=name)) for name in ("words", "phonemes")]
    trials += [trial(WORLD, configuration("none", criterion=name)) for name in ("cross_entropy", "joint")]
    outcome = compare_variants(scored_variants(*trials, select=False))
    assert {(comparison.variant, comparison.baseline, comparison.question) for comparison in outcome.comparisons} == {
        ("none · words", "none · cross_entropy", CTC_EFFECT),
        ("none · phonemes", "none · cross_entropy", CTC_EFFECT),
    }
    assert outcome.family.tested == 2


def test_a_baseline_may_come_from_another_recipe():
    trials = [trial(WORLD, configuration("none"), recipe="quick"), trial(WORLD, configuration("local"), recipe="mine")]
    (comparison,) = compare_variants(scored_variants(*trials)).comparisons
    assert comparison.baseline == "none · phonemes"


def test_selected_per_fold_has_the_baseline_of_its_members():
    outcome = analyse(study_table()).comparisons
    selected = {
        comparison.variant: comparison.baseline
        for comparison in outcome.comparisons
        if "selected" in comparison.variant
    }
    assert selected == {
        f"{attention} · selected per fold · {labels}": f"none · {labels}"
        for attention in ("local", "component")
        for labels in ("words", "phonemes")
    }


def test_selected_per_fold_may_have_a_selected_baseline():
    trials = [
        trial(WORLD, configuration(attention, stack=stack)) for attention in ("none", "quantum") for stack in (1, 2, 3)
    ]
    variants = scored_variants(*trials)
    comparisons = {comparison.variant: comparison.baseline for comparison in compare_variants(variants).comparisons}
    assert comparisons.pop("quantum · selected per fold · phonemes") == "none · selected per fold · phonemes"
    stacks = {variant.label: variant.configuration.stack for variant in variants}
    assert len(comparisons) == 3
    assert all(stacks[name] == stacks[baseline] for name, baseline in comparisons.items())
