from dataclasses import replace
from itertools import pairwise

import pytest

from tests.support.scored_trials import World, configuration, grouped, scored_trial, started_later, trial
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.report.tables.provenance import pruned_table
from tracking.analysis.results_table import PrunedTrial, ResultsTable, without_pruned
from tracking.analysis.variants.grouping import group_variants, trials_without_folds
from tracking.analysis.variants.naming import variant_label

WORLD = World()


def labels(*trials):
    return [variant.label for variant in grouped(trials)]


def test_labels_name_attention_scope_and_target():
    assert variant_label(configuration("component", scope=9)) == "component · scope 9 · phonemes"
    assert variant_label(configuration("quantum", labels="phonemes_x2")) == "quantum · phonemes_x2"
    assert (
        variant_label(configuration("local", scope=5, criterion="cross_entropy")) == "local · scope 5 · cross_entropy"
    )
    assert variant_label(configuration("none", criterion="joint")) == "none · joint phonemes"


def test_seeds_of_one_configuration_are_one_variant():
    (variant,) = grouped([trial(WORLD, configuration(seed=seed)) for seed in (3, 1, 2)])
    assert variant.seeds == (1, 2, 3)
    assert variant.complete


def test_a_trial_that_occurs_twice_counts_once():
    first = trial(WORLD, configuration(), study="one")
    reused = first.model_copy(update={"study": "two", "reused_from": "run"})
    (variant,) = grouped([first, reused])
    assert len(variant.trials) == 1
    assert variant.trials[0].study == "one"


def test_equal_labels_get_the_settings_that_differ():
    trials = [trial(WORLD, configuration(normalisation=name)) for name in ("zscore_speaker", "zscore_training")]
    assert labels(trials[0], started_later(trials[1], 1)) == [
        "none · phonemes",
        "none · phonemes · normalisation zscore_training",
    ]


PROVENANCES = ({"results_version": 2}, {"torch": "2.14.0"}, {"device_type": "cuda"})


@pytest.mark.parametrize("newer", PROVENANCES)
def test_versions_and_devices_separate_variants(newer):
    old = [trial(WORLD, configuration(seed=seed)) for seed in (1, 2)]
    new = trial(WORLD, configuration(seed=1), **newer)
    for trials in ([*old, new], [new, *old]):
        variants = grouped(trials)
        assert sorted(variant.seeds for variant in variants) == [(1,), (1, 2)]
        assert len({variant.label for variant in variants}) == 2


def test_a_point_pruned_by_another_version_may_be_compared():
    old, new = (scored_trial(trial(WORLD, configuration(), results_version=version)) for version in (1, 2))
    assert without_pruned((new,), [PrunedTrial(name="none", reason="r", trial=old)])[0] == (new,)


def test_recipes_separate_variants():
    trials = [
        started_later(trial(WORLD, configuration(), recipe="quick"), 1),
        trial(WORLD, configuration(stack=1), recipe="paper"),
    ]
    variants = grouped(trials)
    assert [variant.recipe for variant in variants] == ["paper", "quick"]
    assert [variant.label for variant in variants] == [
        "none · phonemes",
        "none · phonemes · recipe quick",
    ]


def test_a_later_study_renames_nothing():
    first = trial(WORLD, configuration(), recipe="quick")
    later = [
        started_later(trial(WORLD, configuration(**changes), recipe=recipe), hours)
        for hours, (recipe, changes) in enumerate(
            (("paper", {"stack": 1}), ("quick", {"learning_rate": 0.1}), ("paper", {"stack": 2})), 1
        )
    ]
    names = []
    for count in range(len(later) + 1):
        variants = grouped([*later[:count], first])
        names.append({variant.trials[0].trial_id: variant.label for variant in variants})
        assert len(set(names[-1].values())) == count + 1
    assert names[0] == {first.trial_id: "none · phonemes"}
    assert all(before.items() <= after.items() for before, after in pairwise(names))


def test_settings_are_told_apart_within_a_recipe():
    first = trial(WORLD, configuration(), recipe="quick")
    other_recipe = started_later(trial(WORLD, configuration(stack=1), recipe="paper"), 1)
    faster = started_later(trial(WORLD, configuration(learning_rate=0.1), recipe="quick"), 2)
    assert sorted(labels(first, other_recipe, faster)) == [
        "none · phonemes",
        "none · phonemes · recipe paper",
        "none · phonemes · recipe quick · learning_rate 0.1",
    ]


def test_order_is_fixed_whatever_the_order_of_the_trials():
    trials = [
        trial(WORLD, configuration(name, scope=scope)) for name in ("quantum", "none", "local") for scope in (9, 3)
    ]
    assert labels(*trials) == labels(*reversed(trials))
    assert labels(*trials)[:3] == ["none · phonemes", "local · scope 3 · phonemes", "local · scope 9 · phonemes"]


def test_missing_folds_are_named():
    partial = trial(WORLD, configuration(), folds=[0, 2, 3, 4, 5, 6, 7, 8, 9])
    (variant,) = grouped([partial])
    assert not variant.complete
    assert variant.incomplete == "seed 1: 9 of 10 folds, missing Ses01M"


def test_complete_seeds_are_scored_where_there_are_any():
    trials = [trial(WORLD, configuration(seed=1), folds=range(9)), trial(WORLD, configuration(seed=2))]
    (variant,) = grouped(trials)
    assert variant.scored_seeds == (2,)
    assert not variant.complete


def test_trials_without_folds_are_no_variants():
    without_folds = scored_trial(trial(WORLD, configuration(), folds=[]))
    assert group_variants([without_folds]) == []
    assert trials_without_folds([without_folds]) == (without_folds,)


def test_a_point_pruned_with_one_seed_is_no_variant_with_another():
    world = World()
    unlucky, lucky, other_scope, other_recipe = (
        scored_trial(trial(world, configuration("local", seed=seed, scope=scope), recipe=recipe))
        for seed, scope, recipe in ((1, 9, "extended"), (2, 9, "extended"), (2, 5, "extended"), (2, 9, "paper"))
    )
    incomplete = replace(unlucky, folds=unlucky.folds[:4])
    comparable, pruned = without_pruned(
        (lucky, other_scope, other_recipe), [PrunedTrial(name="local", reason="it is worse", trial=incomplete)]
    )
    assert comparable == (other_scope, other_recipe)
    assert [(excluded.trial, excluded.reason) for excluded in pruned] == [
        (incomplete, "it is worse"),
        (lucky, "its repetition with seed 1 was pruned: it is worse"),
    ]
    table = ResultsTable(trials=comparable, pruned=pruned)
    assert {variant.configuration for variant in group_variants(table.trials)} == {
        other_scope.folds[0].configuration,
        other_recipe.folds[0].configuration,
    }
    assert [[cell.text for cell in row][2:] for row in pruned_table(analyse(table)).rows] == [
        ["4 of 10", "it is worse"],
        ["10 of 10", "its repetition with seed 1 was pruned: it is worse"],
    ]


def test_a_pruned_trial_without_folds_excludes_nothing():
    complete = scored_trial(trial(World(), configuration()))
    without_folds = replace(complete, folds=())
    pruned = PrunedTrial(name="none", reason="r", trial=without_folds)
    comparable, _ = without_pruned((complete, without_folds), [pruned])
    assert comparable == (complete, without_folds)
