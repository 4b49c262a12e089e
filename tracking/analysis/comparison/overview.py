"""Everything that a report says, computed from the results before any of it is written."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ser.errors import ComparisonError
from ser.results import BaselineResult
from tracking.analysis.comparison.comparison import (
    DEFAULT_REQUEST,
    Comparison,
    Comparisons,
    SkippedComparison,
    compare_variants,
)
from tracking.analysis.comparison.request import ComparisonRequest
from tracking.analysis.results_table import ResultsTable, ScoredTrial
from tracking.analysis.scored_folds import ScoredFold
from tracking.analysis.variants.grouping import Variant, group_variants, trials_without_folds, variant_order
from tracking.analysis.variants.naming import SELECTED
from tracking.analysis.variants.predictions import PooledPredictions, pool_baseline_predictions
from tracking.analysis.variants.scores import ScoredVariant, Scores, score, score_variant
from tracking.analysis.variants.selection import selected_per_fold


@dataclass(frozen=True, eq=False)
class ScoredBaseline:
    """A baseline such as logistic regression, with its scores."""

    result: BaselineResult
    predictions: PooledPredictions
    scores: Scores


@dataclass(frozen=True, eq=False)
class Analysis:
    """What the results say.

    Attributes:
        table: The results.
        variants: All variants, fixed and selected per fold, in the order of `variant_order`.
        baselines: Baselines with their scores.
        comparisons: All comparisons; those of variants that could not be scored are among the refused.
        trials_without_folds: Trials without a single fold.
    """

    table: ResultsTable
    variants: tuple[ScoredVariant, ...]
    baselines: tuple[ScoredBaseline, ...]
    comparisons: Comparisons
    trials_without_folds: tuple[ScoredTrial, ...]

    @property
    def complete(self) -> tuple[ScoredVariant, ...]:
        """Variants all of whose folds exist."""
        return tuple(variant for variant in self.variants if variant.complete)

    @property
    def reportable(self) -> tuple[ScoredVariant, ...]:
        """Complete variants that no test score was needed to choose.

        Where several points were swept, 'selected per fold' stands for them all: to name one of them
        by its test score would be choosing on test data.
        """
        selected = [variant for variant in self.variants if variant.kind == SELECTED]
        swept = {trial.trial_id for variant in selected for trial in variant.trials}
        return tuple(
            variant
            for variant in self.complete
            if variant.kind == SELECTED or swept.isdisjoint(trial.trial_id for trial in variant.trials)
        )

    @property
    def partial(self) -> bool:
        """Whether anything is still missing."""
        return bool(self.trials_without_folds) or any(not variant.complete for variant in self.variants)

    @property
    def fold_counts(self) -> tuple[int, int]:
        """Folds that have a result, and folds that the trials should have."""
        trials = self.table.trials
        return sum(len(trial.folds) for trial in trials), sum(len(trial.scheme) for trial in trials)

    def comparison_of(self, label: str) -> Comparison | None:
        """The comparison of a variant with its baseline, where it was made."""
        return next((made for made in self.comparisons.comparisons if made.variant == label), None)

    def all_folds(self) -> Iterable[ScoredFold]:
        """All folds, trial by trial."""
        return (fold for trial in self.table.trials for fold in trial.folds)


def analyse(table: ResultsTable, question: ComparisonRequest = DEFAULT_REQUEST) -> Analysis:
    """Groups, selects, scores and compares.

    Args:
        table: All results of a report.
        question: What is compared with what.

    Returns:
        The overview; where the question is not the usual one, its notes say what was asked.

    Raises:
        ComparisonError: The question names what is not among the variants.
    """
    fixed = group_variants(table.trials)
    scored: list[ScoredVariant] = []
    unscored: list[SkippedComparison] = []
    for variant in sorted([*fixed, *selected_per_fold(fixed)], key=variant_order):
        outcome = _score(variant)
        if isinstance(outcome, SkippedComparison):
            unscored.append(outcome)
        else:
            scored.append(outcome)
    comparisons = compare_variants(scored, question)
    if question:
        table = replace(table, notes=(*table.notes, question.words))
    baselines = []
    for result in table.baselines:
        predictions = pool_baseline_predictions(result)
        baselines.append(ScoredBaseline(result, predictions, score(predictions)))
    return Analysis(
        table,
        tuple(scored),
        tuple(baselines),
        Comparisons(comparisons.comparisons, (*unscored, *comparisons.skipped), comparisons.family_size),
        trials_without_folds(table.trials),
    )


def _score(variant: Variant) -> ScoredVariant | SkippedComparison:
    try:
        return score_variant(variant)
    except ComparisonError as error:
        return SkippedComparison(variant.label, "", str(error))
