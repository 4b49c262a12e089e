import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score

from ser.errors import ComparisonError
from tests.support.scored_trials import World, baseline, configuration, grouped, trial
from tracking.analysis.variants.predictions import pool_baseline_predictions, pool_predictions
from tracking.analysis.variants.score_tables import fold_table, variant_table
from tracking.analysis.variants.scores import score, score_variant
from tracking.analysis.variants.selection import selected_per_fold

WORLD = World()


def variant_of(*trials):
    (variant,) = grouped(trials)
    return variant


def plain_ua(evaluations, classes):
    """Compute UA from lists of predictions by plain loops."""
    pairs = [(t, p) for evaluation in evaluations for t, p in zip(evaluation.actual, evaluation.predicted, strict=True)]
    recalls = []
    for k in range(classes):
        predictions = [p for t, p in pairs if t == k]
        if predictions:
            recalls.append(sum(p == k for p in predictions) / len(predictions))
    return sum(recalls) / len(recalls)


def test_ua_is_pooled_over_folds_and_averaged_over_them():
    result = trial(WORLD, configuration())
    scores = score_variant(variant_of(result)).scores
    assert scores.ua.mean == pytest.approx(plain_ua([fold.test for fold in result.folds], 4), rel=1e-12)
    by_fold = [plain_ua([fold.test], 4) for fold in result.folds]
    assert scores.ua_folds.mean == pytest.approx(np.mean(by_fold), rel=1e-12)
    assert scores.ua_folds.std == pytest.approx(np.std(by_fold, ddof=1), rel=1e-12)
    assert scores.ua.std is None


def test_scores_are_averaged_over_seeds_with_a_deviation():
    trials = [trial(WORLD, configuration(seed=seed), 0.5 + 0.1 * seed) for seed in (1, 2, 3)]
    scores = score_variant(variant_of(*trials)).scores
    uas = [plain_ua([fold.test for fold in result.folds], 4) for result in trials]
    assert scores.ua.mean == pytest.approx(np.mean(uas), rel=1e-12)
    assert scores.ua.std == pytest.approx(np.std(uas, ddof=1), rel=1e-12)
    assert scores.confusion.sum() == 240


def test_a_class_absent_from_a_fold_is_left_out_and_named():
    world = World(lacking={"Ses02F": 3})
    result = trial(world, configuration())
    scored = score_variant(variant_of(result))
    assert scored.scores.absent_classes == {"Ses02F": ("anger",)}
    index = scored.predictions.speaker_names.index("Ses02F")
    assert scored.scores.speaker_ua[index] == pytest.approx(plain_ua([result.folds[2].test], 4), rel=1e-12)
    frame = fold_table([scored])
    assert frame.loc[2, "missing_classes"] == "anger"
    assert frame.loc[2, "ua"] == pytest.approx(plain_ua([result.folds[2].test], 4), rel=1e-12)


def test_capped_share_above_one_percent_is_not_comparable():
    assert not score_variant(variant_of(trial(WORLD, configuration(), capped=2))).capped
    scored = score_variant(variant_of(trial(WORLD, configuration(), capped=3)))
    assert scored.capped
    assert scored.capped_share == pytest.approx(3 / 240)


def test_undecided_share_exists_for_best_path_decisions_only():
    assert score_variant(variant_of(trial(WORLD, configuration()))).undecided_share is None
    scored = score_variant(variant_of(trial(WORLD, configuration(decision="best_path"))))
    assert scored.undecided_share == pytest.approx(0.1)


def test_f1_and_precision_are_of_all_folds_and_seeds():
    trials = [trial(WORLD, configuration(seed=seed)) for seed in (1, 2)]
    scores = score_variant(variant_of(*trials)).scores
    by_seed = [
        [sum((getattr(fold.test, name) for fold in result.folds), ()) for name in ("actual", "predicted")]
        for result in trials
    ]
    both = [by_seed[0][0] + by_seed[1][0], by_seed[0][1] + by_seed[1][1]]
    assert scores.precisions == pytest.approx(precision_score(*both, average=None))
    assert scores.f1_scores == pytest.approx(f1_score(*both, average=None))
    macro = [f1_score(*decisions, average="macro") for decisions in by_seed]
    assert (scores.macro_f1.mean, scores.macro_f1.std) == pytest.approx((np.mean(macro), np.std(macro, ddof=1)))


def test_decisions_that_change_are_pooled_where_all_folds_have_them():
    scored = score_variant(variant_of(trial(WORLD, configuration("quantum"), changed=(0.25, 0.75))))
    assert scored.changed_decision_share == pytest.approx(0.5)
    partly = score_variant(variant_of(trial(WORLD, configuration("quantum"), changed=(0.25, None))))
    assert partly.changed_decision_share is None
    assert score_variant(variant_of(trial(WORLD, configuration()))).changed_decision_share is None


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
    result = trial(WORLD, configuration())

    def reversed_order(test):
        fields = ("utterances", "speakers", "sessions", "actual", "predicted", "scores")
        return test.model_copy(update={name: getattr(test, name)[::-1] for name in fields})

    folds = tuple(fold.model_copy(update={"test": reversed_order(fold.test)}) for fold in reversed(result.folds))
    left = pool_predictions(variant_of(result))
    right = pool_predictions(variant_of(result.model_copy(update={"folds": folds})))
    assert left.utterances == right.utterances
    assert np.array_equal(left.predicted, right.predicted)


def test_folds_of_two_corpora_in_one_trial_are_refused():
    result = trial(WORLD, configuration())
    other_corpus = result.folds[0].corpus.model_copy(update={"digest": "f" * 32})
    mixed = (*result.folds[:-1], result.folds[-1].model_copy(update={"corpus": other_corpus}))
    with pytest.raises(ComparisonError, match="different corpora"):
        pool_predictions(variant_of(result.model_copy(update={"folds": mixed})))


def test_seeds_tested_on_different_utterances_are_refused():
    other = World(per_speaker=20)
    trials = [trial(WORLD, configuration(seed=1)), trial(other, configuration(seed=2), random_seed=1)]
    with pytest.raises(ComparisonError, match="different utterances"):
        pool_predictions(variant_of(*trials))


def test_baselines_are_scored_like_variants():
    result = baseline(WORLD)
    scores = score(pool_baseline_predictions(result))
    assert scores.ua.mean == pytest.approx(plain_ua(result.tests, 4), rel=1e-12)
