"""Confidence of decisions, and the utterances that are decided wrong most often."""

import numpy as np

from tests.support.scored_trials import World, baseline, configuration, table_of, trial
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.variants.decisions import baseline_decisions, hardest_utterances, variant_decisions

WORLD = World(per_speaker=8)


def test_confidences_are_in_the_order_of_the_predictions():
    trials = [trial(WORLD, configuration(seed=seed)) for seed in (1, 2)]
    (variant,) = analyse(table_of(*trials)).variants
    decisions = variant_decisions(variant)
    for row, result in enumerate(trials):
        scores = {
            name: scores
            for fold in result.folds
            for name, scores in zip(fold.test.utterances, fold.test.scores, strict=True)
        }
        for position, name in enumerate(decisions.predictions.utterances):
            decided = decisions.predictions.predicted[row, position]
            assert decisions.confidences[row, position] == scores[name][decided]


def test_the_hardest_are_wrong_in_most_rows_then_with_confidence():
    analysis = analyse(table_of(trial(WORLD, configuration()), baselines=(baseline(WORLD),)))
    rows = [
        variant_decisions(analysis.variants[0]),
        *(baseline_decisions(row.label, row.result, row.predictions) for row in analysis.baselines),
    ]
    hardest = hardest_utterances(rows, 500)
    wrong = np.array([[row.predictions.correct[index] == 0 for index in hardest] for row in rows])
    counts = wrong.sum(axis=0)
    assert counts.tolist() == sorted(counts, reverse=True)
    assert counts.min() == 1
    sums = [
        sum(row.confidences[0, index] * wrong[k, n] for k, row in enumerate(rows)) for n, index in enumerate(hardest)
    ]
    keys = [(-count, -round(total, 9)) for count, total in zip(counts.tolist(), sums, strict=True)]
    assert keys == sorted(keys)
    assert hardest_utterances(rows, 3) == hardest[:3]


def test_several_seeds_have_their_most_frequent_decision():
    trials = [trial(WORLD, configuration(seed=seed)) for seed in (1, 2, 3)]
    (variant,) = analyse(table_of(*trials)).variants
    decisions = variant_decisions(variant)
    for position in range(len(decisions.predictions.utterances)):
        decided = decisions.predictions.predicted[:, position].tolist()
        usual, confidence = decisions.usual_decision(position)
        assert decided.count(usual) == max(map(decided.count, decided))
        shares = [decisions.confidences[row, position] for row, name in enumerate(decided) if name == usual]
        assert confidence == np.mean(shares)
