"""Single decisions: the confidence of each one, and the utterances that are decided wrong most often."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser.results import BaselineResult
from tracking.analysis.scored_folds import decided_scores
from tracking.analysis.variants.predictions import PooledPredictions
from tracking.analysis.variants.scores import ScoredVariant


@dataclass(frozen=True, eq=False)
class Decisions:
    """Decisions of one variant or baseline.

    Attributes:
        label: Its name.
        predictions: Its test predictions.
        confidences: Score of the decided class, 0..1, shape `(seed, utterance)`, as in the predictions.
    """

    label: str
    predictions: PooledPredictions
    confidences: NDArray[np.float64]

    def usual_decision(self, utterance: int) -> tuple[int, float]:
        """Return the class that most seeds decide for an utterance, and their mean confidence in it.

        Args:
            utterance: Position of the utterance.
        """
        decided = self.predictions.predicted[:, utterance]
        usual = int(np.bincount(decided).argmax())
        return usual, float(self.confidences[decided == usual, utterance].mean())


def variant_decisions(variant: ScoredVariant) -> Decisions:
    """Gather the decisions of a variant, for every seed that is scored."""
    rows = []
    for seed in variant.scored_seeds:
        by_key = {
            (fold.fold.index, utterance): confidence
            for fold in variant.folds[seed]
            for utterance, confidence in zip(fold.test.utterances, fold.confidences.tolist(), strict=True)
        }
        rows.append(_in_order(variant.predictions, by_key))
    return Decisions(variant.label, variant.predictions, np.stack(rows))


def baseline_decisions(label: str, result: BaselineResult, predictions: PooledPredictions) -> Decisions:
    """Gather the decisions of a baseline such as logistic regression."""
    by_key = {
        (fold.index, utterance): confidence
        for fold, test in zip(result.folds, result.tests, strict=True)
        for utterance, confidence in zip(test.utterances, decided_scores(test).tolist(), strict=True)
    }
    return Decisions(label, predictions, _in_order(predictions, by_key)[np.newaxis])


def _in_order(predictions: PooledPredictions, by_key: dict[tuple[int, str], float]) -> NDArray[np.float64]:
    keys = zip(predictions.folds.tolist(), predictions.utterances, strict=True)
    return np.array([by_key[key] for key in keys], dtype=np.float64)


def hardest_utterances(decisions: Sequence[Decisions], count: int) -> list[int]:
    """Find the utterances that most variants decide wrong, those first that they are surest of.

    Args:
        decisions: Decisions of at least one variant, all on the same utterances.
        count: Number of utterances.

    Returns:
        Positions of at most `count` utterances, each decided wrong at least once.
    """
    actual = decisions[0].predictions.actual
    wrong = np.mean([1 - variant.predictions.correct for variant in decisions], axis=0)
    surety = np.mean(
        [((variant.predictions.predicted != actual) * variant.confidences).mean(axis=0) for variant in decisions],
        axis=0,
    )
    order = np.lexsort((np.arange(len(actual)), -surety, -wrong))
    return [int(index) for index in order[:count] if wrong[index] > 0]
