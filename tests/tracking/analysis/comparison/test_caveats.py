import pytest

from tests.support.scored_trials import World, configuration, study_table, table_of, trial
from tracking.analysis.comparison.caveats import report_caveats, variant_caveats
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.results_table import PrunedTrial, ScoredTrial


def variant_keys(world=None, recipe="quick", capped=0, folds=None, **changes):
    one = trial(world or World(), configuration(**changes), recipe=recipe, capped=capped, folds=folds)
    (entry,) = analyse(table_of(one)).variants
    return {badge.key for badge in variant_caveats(entry)}


def report_keys(*trials):
    return {badge.key for badge in report_caveats(analyse(table_of(*trials)))}


@pytest.mark.parametrize(
    ("badge", "holds", "holds_not"),
    [
        ("transductive", {}, {"normalisation": "zscore_training"}),
        ("shared-dialogs", {}, {"world": World(sessions=False)}),
        ("capped", {"capped": 10}, {"capped": 1}),
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
def test_a_variants_badge_stands_where_it_holds_and_only_there(badge, holds, holds_not):
    assert badge in variant_keys(**holds)
    assert badge not in variant_keys(**holds_not)


def test_pruned_trials_are_told_of():
    one, other = trial(World(), configuration()), trial(World(), configuration("quantum"), folds=[0, 1])
    pruned = PrunedTrial(name="quantum", reason="below the median", trial=ScoredTrial.of(other))
    assert "pruned" not in report_keys(one)
    overview = analyse(table_of(one, pruned=(pruned,)))
    assert "pruned" in {badge.key for badge in report_caveats(overview)}
    assert not overview.partial


def test_one_seed_is_marked_and_two_are_not():
    one = trial(World(), configuration(seed=1))
    two = trial(World(), configuration(seed=2))
    assert "one-seed" in report_keys(one)
    assert "one-seed" not in report_keys(one, two)


def test_selected_per_fold_is_marked():
    overview = analyse(study_table())
    marked = {
        entry.label for entry in overview.variants if "selected" in {badge.key for badge in variant_caveats(entry)}
    }
    assert marked == {label for label in (entry.label for entry in overview.variants) if "selected" in label}
    assert marked


def test_corpus_and_fold_badges():
    demo = report_keys(trial(World(), configuration()))
    assert {"synthetic", "overlapping-training"} <= demo
    assert not {"same-sentences", "few-speakers", "mixed-code", "mixed-devices"} & demo
    assert "same-sentences" in report_keys(trial(World(corpus="emodb"), configuration()))
    assert "few-speakers" in report_keys(trial(World(speakers=4), configuration()))


def test_synthetic_speech_is_marked_by_what_the_corpus_says_and_not_by_its_name():
    assert "synthetic" in report_keys(trial(World(corpus="iemocap", synthetic=True), configuration()))
    assert "synthetic" not in report_keys(trial(World(corpus="demo", synthetic=False), configuration()))


def test_few_speakers_counts_speakers_of_folds_to_come():
    assert "few-speakers" not in report_keys(trial(World(), configuration(), folds=[0, 1]))


def test_mixed_versions_and_devices_are_marked():
    one, other = trial(World(), configuration()), trial(World(), configuration("quantum"))
    newer = tuple(fold.model_copy(update={"results_version": 2}) for fold in other.folds)
    elsewhere = tuple(fold.model_copy(update={"environment": {"device": "gpu"}}) for fold in other.folds)
    assert "mixed-code" in report_keys(one, other.model_copy(update={"folds": newer}))
    assert "mixed-devices" in report_keys(one, other.model_copy(update={"folds": elsewhere}))


def test_a_mark_that_all_variants_have_stands_for_the_report_and_others_do_not():
    same = trial(World(), configuration())
    other = trial(World(), configuration("quantum", normalisation="zscore_training"))
    assert "transductive" in report_keys(same)
    assert "transductive" not in report_keys(same, other)
