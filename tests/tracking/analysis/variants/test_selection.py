from dataclasses import replace

import numpy as np

from ser.feature_settings import LogMelSettings
from ser.results import Evaluation
from tests.support.scored_trials import World, configuration, grouped, scored_trial, trial
from tracking.analysis.variants.scores import score_variant
from tracking.analysis.variants.selection import select_by_validation, selected_per_fold

WORLD = World()
SCOPES = (3, 5, 9)


def family(**changes):
    return [trial(WORLD, configuration("component", scope=scope, **changes), 0.6) for scope in SCOPES]


def change_evaluations(result, name, change):
    """Change one evaluation of every fold of a trial."""
    folds = [fold.model_copy(update={name: change(getattr(fold, name))}) for fold in result.folds]
    return result.model_copy(update={"folds": tuple(folds)})


def shuffled(evaluation: Evaluation) -> Evaluation:
    rng = np.random.default_rng(len(evaluation.utterances))
    return evaluation.model_copy(update={"predicted": tuple(rng.permutation(evaluation.predicted).tolist())})


def test_every_fold_takes_the_best_validation_ua():
    variants = grouped(family())
    (selected,) = selected_per_fold(variants)
    for index in range(10):
        ua = {variant.label: variant.folds[1][index].validation_ua for variant in variants}
        assert ua[selected.chosen[1, index]] == max(ua.values())
    assert len(set(selected.chosen.values())) > 1


def test_permuting_test_predictions_never_changes_a_choice():
    (before,) = selected_per_fold(grouped(family()))
    (after,) = selected_per_fold(grouped([change_evaluations(result, "test", shuffled) for result in family()]))
    assert after.chosen == before.chosen


def test_permuting_validation_predictions_does_change_choices():
    (before,) = selected_per_fold(grouped(family()))
    (after,) = selected_per_fold(grouped([change_evaluations(result, "validation", shuffled) for result in family()]))
    assert after.chosen != before.chosen


def test_the_chosen_test_predictions_are_pooled():
    variants = grouped(family())
    (selected,) = selected_per_fold(variants)
    by_label = {variant.label: variant for variant in variants}
    confusion = sum(by_label[selected.chosen[1, index]].folds[1][index].confusion for index in range(10))
    assert np.array_equal(score_variant(selected).scores.confusion, confusion)


def test_ties_go_to_the_lower_loss_then_to_the_first():
    fold = scored_trial(trial(WORLD, configuration())).folds[0]

    def with_loss(loss):
        return replace(fold, validation_loss=loss)

    assert select_by_validation({"a": with_loss(0.5), "b": with_loss(0.4)}) == "b"
    assert select_by_validation({"a": with_loss(0.4), "b": with_loss(0.4)}) == "a"
    assert select_by_validation({"a": with_loss(None), "b": with_loss(9.0)}) == "b"


def test_every_seed_has_its_own_choice():
    trials = [result for seed in (1, 2) for result in family(seed=seed)]
    (selected,) = selected_per_fold(grouped(trials))
    assert selected.seeds == (1, 2)
    assert len(selected.chosen) == 20


def test_one_point_is_no_family_and_families_do_not_mix():
    trials = [
        *family(),
        *family(labels="words"),
        trial(WORLD, configuration("quantum")),
        trial(WORLD, configuration("component", scope=3, criterion="cross_entropy")),
    ]
    selected = selected_per_fold(grouped(trials))
    assert [variant.label for variant in selected] == [
        "component · selected per fold · words",
        "component · selected per fold · phonemes",
    ]


def test_a_choice_is_never_among_results_of_two_versions():
    older = trial(WORLD, configuration("component", scope=11), 0.6, results_version=2)
    (selected,) = selected_per_fold(grouped([*family(), older]))
    assert len(selected.configurations) == len(SCOPES)


def test_a_missing_fold_of_a_member_makes_the_choice_partial():
    trials = [*family()[:2], trial(WORLD, configuration("component", scope=9), folds=range(4))]
    (selected,) = selected_per_fold(grouped(trials))
    assert not selected.complete
    assert "component · scope 9 · phonemes" in selected.incomplete


def test_choosing_among_equal_trials_gains_nothing_on_average():
    gains, gains_by_mean = [], []
    for round_ in range(12):
        trials = [
            trial(WORLD, configuration("component", scope=scope), 0.6, speaker_deviation=0.0, random_seed=round_)
            for scope in range(1, 24, 2)
        ]
        variants = grouped(trials)
        (selected,) = selected_per_fold(variants)
        uas = [score_variant(variant).scores.ua.mean for variant in variants]
        gains.append(score_variant(selected).scores.ua.mean - np.mean(uas))
        gains_by_mean.append(max(uas) - np.mean(uas))
    # 12 rounds of 240 utterances: the standard error of the mean gain is about .009.
    assert abs(np.mean(gains)) < 0.02
    assert np.mean(gains_by_mean) > 0.03


def test_choices_on_front_ends_of_one_name_have_two_labels():
    narrow, wide = LogMelSettings(), LogMelSettings(mel_bands=80)
    trials = [trial for features in (narrow, wide) for trial in family(features=features)]
    assert {variant.label for variant in selected_per_fold(grouped(trials))} == {
        "component · selected per fold · phonemes",
        "component · selected per fold · phonemes · mel_bands 80",
    }
