import pytest

from tests.support.scored_trials import World, configuration, scored_trial, study_table, table_of, trial
from tracking.analysis.comparison.caveats import report_caveats, variant_caveats
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.results_table import PrunedTrial


def variant_keys(world=None, recipe="quick", capped=0, changed=(), folds=None, **changes):
    options = {"recipe": recipe, "capped": capped, "changed": changed, "folds": folds}
    result = trial(world or World(), configuration(**changes), **options)
    (variant,) = analyse(table_of(result)).variants
    return {caveat.key for caveat in variant_caveats(variant)}


def report_keys(*trials):
    return {caveat.key for caveat in report_caveats(analyse(table_of(*trials)))}


@pytest.mark.parametrize(
    ("key", "applies", "does_not_apply"),
    [
        ("transductive", {}, {"normalisation": "zscore_training"}),
        ("shared-dialogs", {}, {"world": World(sessions=False)}),
        ("capped", {"capped": 10}, {"capped": 1}),
        ("hardly-acts", {"changed": (0.0, 0.019)}, {"changed": (0.0, 0.021)}),
        ("hardly-acts", {"changed": (0.00999,)}, {"changed": (0.03, 0.0, 0.0, 0.01, 0.01)}),
        ("hardly-acts", {"changed": (0.0,)}, {"changed": (0.0, None)}),
        ("likelihood", {"decision": "likelihood"}, {}),
        ("development", {"world": World(corpus="emodb"), "recipe": "recommended"}, {"recipe": "recommended"}),
        (
            "development",
            {"world": World(corpus="emodb"), "recipe": "quick"},
            {"world": World(corpus="emodb"), "recipe": "paper"},
        ),
        ("searched", {"recipe": "extended"}, {"recipe": "recommended"}),
        ("partial", {"folds": [1, 2]}, {}),
    ],
)
def test_a_variant_has_the_caveats_that_apply(key, applies, does_not_apply):
    assert key in variant_keys(**applies)
    assert key not in variant_keys(**does_not_apply)


def test_pruned_trials_are_a_caveat():
    first, second = trial(World(), configuration()), trial(World(), configuration("quantum"), folds=[0, 1])
    pruned = PrunedTrial(name="quantum", reason="below the median", trial=scored_trial(second))
    assert "pruned" not in report_keys(first)
    analysis = analyse(table_of(first, pruned=(pruned,)))
    assert "pruned" in {caveat.key for caveat in report_caveats(analysis)}
    assert not analysis.partial


def test_one_seed_is_a_caveat_and_two_are_not():
    first = trial(World(), configuration(seed=1))
    second = trial(World(), configuration(seed=2))
    assert "one-seed" in report_keys(first)
    assert "one-seed" not in report_keys(first, second)


def test_selected_per_fold_is_a_caveat():
    analysis = analyse(study_table())
    labels = {
        variant.label
        for variant in analysis.variants
        if "selected" in {caveat.key for caveat in variant_caveats(variant)}
    }
    assert labels == {label for label in (variant.label for variant in analysis.variants) if "selected" in label}
    assert labels


def test_corpus_and_fold_caveats():
    keys = report_keys(trial(World(), configuration()))
    assert {"synthetic", "overlapping-training"} <= keys
    assert not {"same-sentences", "few-speakers", "mixed-code", "mixed-devices"} & keys
    assert "same-sentences" in report_keys(trial(World(corpus="emodb"), configuration()))
    assert "few-speakers" in report_keys(trial(World(speakers=4), configuration()))


def test_synthetic_speech_is_a_property_of_the_corpus():
    assert "synthetic" in report_keys(trial(World(corpus="iemocap", synthetic=True), configuration()))
    assert "synthetic" not in report_keys(trial(World(corpus="demo", synthetic=False), configuration()))


def test_few_speakers_counts_speakers_of_missing_folds():
    assert "few-speakers" not in report_keys(trial(World(), configuration(), folds=[0, 1]))


def test_mixed_versions_and_devices_are_caveats():
    first, second = trial(World(), configuration()), trial(World(), configuration("quantum"))
    newer = tuple(fold.model_copy(update={"results_version": 2}) for fold in second.folds)
    other_device = tuple(fold.model_copy(update={"environment": {"device": "gpu"}}) for fold in second.folds)
    assert "mixed-code" in report_keys(first, second.model_copy(update={"folds": newer}))
    assert "mixed-devices" in report_keys(first, second.model_copy(update={"folds": other_device}))


def test_a_caveat_of_all_variants_is_one_of_the_report():
    same = trial(World(), configuration())
    other = trial(World(), configuration("quantum", normalisation="zscore_training"))
    assert "transductive" in report_keys(same)
    assert "transductive" not in report_keys(same, other)
