import numpy as np
import pytest

from ser.errors import ComparisonError
from tests.support.scored_trials import World, baseline, configuration, grouped, trial
from tracking.analysis.variants.predictions import pool_baseline_predictions, pool_predictions
from tracking.analysis.variants.scores import fold_table, score, score_variant, variant_table
from tracking.analysis.variants.selection import selected_per_fold

WORLD = World()


def variant_of(*trials):
    (variant,) = grouped(trials)
    return variant


def plain_ua(evaluations, classes):
    """UA from lists of decisions, by plain loops."""
    pairs = [(t, p) for one in evaluations for t, p in zip(one.actual, one.predicted, strict=True)]
    recalls = []
    for k in range(classes):
        decided = [p for t, p in pairs if t == k]
        if decided:
            recalls.append(sum(p == k for p in decided) / len(decided))
    return sum(recalls) / len(recalls)


def test_headline_pools_folds_and_fold_scores_stand_beside_it():
    one = trial(WORLD, configuration())
    scores = score_variant(variant_of(one)).scores
    assert scores.ua.mean == pytest.approx(plain_ua([fold.test for fold in one.folds], 4), rel=1e-12)
    by_fold = [plain_ua([fold.test], 4) for fold in one.folds]
    assert scores.ua_folds.mean == pytest.approx(np.mean(by_fold), rel=1e-12)
    assert scores.ua_folds.std == pytest.approx(np.std(by_fold, ddof=1), rel=1e-12)
    assert scores.ua.std is None


def test_seeds_are_averaged_and_their_deviation_stands_beside():
    trials = [trial(WORLD, configuration(seed=seed), 0.5 + 0.1 * seed) for seed in (1, 2, 3)]
    scores = score_variant(variant_of(*trials)).scores
    uas = [plain_ua([fold.test for fold in one.folds], 4) for one in trials]
    assert scores.ua.mean == pytest.approx(np.mean(uas), rel=1e-12)
    assert scores.ua.std == pytest.approx(np.std(uas, ddof=1), rel=1e-12)
    assert scores.confusion.sum() == 240


def test_a_class_that_a_fold_lacks_is_left_out_and_named():
    world = World(lacking={"Ses02F": 3})
    one = trial(world, configuration())
    entry = score_variant(variant_of(one))
    assert entry.scores.absent_classes == {"Ses02F": ("anger",)}
    place = entry.predictions.speaker_names.index("Ses02F")
    assert entry.scores.speaker_ua[place] == pytest.approx(plain_ua([one.folds[2].test], 4), rel=1e-12)
    frame = fold_table([entry])
    assert frame.loc[2, "missing_classes"] == "anger"
    assert frame.loc[2, "ua"] == pytest.approx(plain_ua([one.folds[2].test], 4), rel=1e-12)


def test_capped_share_above_one_percent_is_not_comparable():
    assert not score_variant(variant_of(trial(WORLD, configuration(), capped=2))).capped
    entry = score_variant(variant_of(trial(WORLD, configuration(), capped=3)))
    assert entry.capped
    assert entry.capped_share == pytest.approx(3 / 240)


def test_undecided_share_is_weighted_by_utterances_and_absent_for_other_decisions():
    assert score_variant(variant_of(trial(WORLD, configuration()))).undecided_share is None
    decided = score_variant(variant_of(trial(WORLD, configuration(decision="best_path"))))
    assert decided.undecided_share == pytest.approx(0.1)


def test_tables_are_tidy():
    trials = [trial(WORLD, configuration("component", scope=scope, seed=seed)) for scope in (3, 5) for seed in (1, 2)]
    fixed = grouped(trials)
    variants = [*fixed, *selected_per_fold(fixed)]
    folds, table = fold_table(variants), variant_table([score_variant(variant) for variant in variants])
    assert len(folds) == 3 * 2 * 10
    assert not folds.duplicated(["variant", "seed", "fold"]).any()
    assert set(folds.loc[folds.kind == "selected per fold", "chosen"]) <= {variant.label for variant in fixed}
    assert table.variant.is_unique
    assert table.ua.between(table.ua_low, table.ua_high).all()
    assert (table.utterances == 240).all()


def test_order_of_folds_and_utterances_does_not_matter():
    one = trial(WORLD, configuration())

    def turned(test):
        fields = ("utterances", "speakers", "sessions", "actual", "predicted", "scores")
        return test.model_copy(update={name: getattr(test, name)[::-1] for name in fields})

    folds = tuple(fold.model_copy(update={"test": turned(fold.test)}) for fold in reversed(one.folds))
    left = pool_predictions(variant_of(one))
    right = pool_predictions(variant_of(one.model_copy(update={"folds": folds})))
    assert left.utterances == right.utterances
    assert np.array_equal(left.predicted, right.predicted)


def test_folds_of_two_corpora_in_one_trial_are_refused():
    one = trial(WORLD, configuration())
    strange = one.folds[0].corpus.model_copy(update={"digest": "f" * 32})
    mixed = (*one.folds[:-1], one.folds[-1].model_copy(update={"corpus": strange}))
    with pytest.raises(ComparisonError, match="different corpora"):
        pool_predictions(variant_of(one.model_copy(update={"folds": mixed})))


def test_seeds_tested_on_different_utterances_are_refused():
    other = World(per_speaker=20)
    trials = [trial(WORLD, configuration(seed=1)), trial(other, configuration(seed=2), random_seed=1)]
    with pytest.raises(ComparisonError, match="different utterances"):
        pool_predictions(variant_of(*trials))


def test_baselines_are_scored_alike():
    result = baseline(WORLD)
    scores = score(pool_baseline_predictions(result))
    assert scores.ua.mean == pytest.approx(plain_ua(result.tests, 4), rel=1e-12)
