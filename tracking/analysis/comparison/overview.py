"""Analysis of the results: all that a report shows, computed before any of it is written."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ser.errors import ComparisonError
from tracking.analysis.comparison.comparison import Comparison
from tracking.analysis.comparison.family import Comparisons, SkippedComparison, compare_variants, compare_with_classical
from tracking.analysis.comparison.request import DEFAULT_REQUEST, ComparisonRequest
from tracking.analysis.results_table import ResultsTable, ScoredTrial
from tracking.analysis.scored_folds import ScoredFold
from tracking.analysis.variants.choice import choose_variant
from tracking.analysis.variants.classical import Classifier, ScoredBaseline, score_baselines
from tracking.analysis.variants.grouping import group_variants, trials_without_folds, variant_order
from tracking.analysis.variants.naming import SELECTED
from tracking.analysis.variants.scores import ScoredVariant, score_variant
from tracking.analysis.variants.selection import selected_per_fold


@dataclass(frozen=True, eq=False)
class Analysis:
    """Scores and comparisons of all results.

    Attributes:
        table: The results.
        variants: All variants, fixed and selected per fold, in the order of `variant_order`.
        baselines: Classical baselines with their scores, in the order of their names.
        comparisons: All comparisons; variants that could not be scored are among the skipped.
        classical_comparisons: Every complete variant against every classical baseline, each comparison alone (see
            `compare_with_classical`).
        trials_without_folds: Trials without a single fold.
    """

    table: ResultsTable
    variants: tuple[ScoredVariant, ...]
    baselines: tuple[ScoredBaseline, ...]
    comparisons: Comparisons
    classical_comparisons: tuple[Comparison, ...]
    trials_without_folds: tuple[ScoredTrial, ...]

    @property
    def classifiers(self) -> tuple[Classifier, ...]:
        """All rows of tables and pictures: variants, then classical baselines (`classical` tells them apart)."""
        return (*self.variants, *self.baselines)

    @property
    def chance(self) -> float | None:
        """UA of guessing, 0..1; None without a row."""
        return next((1 / classifier.predictions.classes for classifier in self.classifiers), None)

    @property
    def complete(self) -> tuple[ScoredVariant, ...]:
        """Variants all of whose folds exist."""
        return tuple(variant for variant in self.variants if variant.complete)

    @property
    def reportable(self) -> tuple[ScoredVariant, ...]:
        """Complete variants that were chosen without a test score.

        Where several points were swept, 'selected per fold' stands for them all: to name one of them
        by its test score would be choosing on test data.
        """
        choices = [variant for variant in self.variants if variant.stands_for_points]
        swept = {trial.trial_id for choice in choices for trial in choice.trials}
        return tuple(
            variant
            for variant in self.complete
            if variant.kind == SELECTED or swept.isdisjoint(trial.trial_id for trial in variant.trials)
        )

    @property
    def partial(self) -> bool:
        """True where a fold is missing."""
        return bool(self.trials_without_folds) or any(not variant.complete for variant in self.variants)

    @property
    def fold_counts(self) -> tuple[int, int]:
        """Number of folds that have a result, and number of all folds of the trials."""
        trials = self.table.trials
        return sum(len(trial.folds) for trial in trials), sum(len(trial.scheme) for trial in trials)

    def comparison_of(self, label: str) -> Comparison | None:
        """Return the comparison of a variant with its baseline, or None where it was skipped."""
        comparisons = self.comparisons.comparisons
        return next((comparison for comparison in comparisons if comparison.variant == label), None)

    def sweep_of(self, variant: ScoredVariant) -> ScoredVariant | None:
        """Return the choice per fold among a sweep of which a variant is a single point; None where it is no such."""
        trials = {trial.trial_id for trial in variant.trials}
        choices = (choice for choice in self.variants if choice.kind == SELECTED and choice is not variant)
        return next((choice for choice in choices if trials <= {trial.trial_id for trial in choice.trials}), None)

    def reported(self, variant: ScoredVariant) -> ScoredVariant:
        """Return what is reported of a variant: of a point of a sweep the choice per fold, where it is complete."""
        sweep = self.sweep_of(variant)
        return variant if sweep is None or not sweep.complete else sweep

    @property
    def reported_winner(self) -> ScoredVariant | None:
        """What is reported of the variant that validation chose; None where no variant is complete."""
        winner = choose_variant(self.variants)
        return None if winner is None else self.reported(winner)

    def classical_comparison_of(self, variant: ScoredVariant) -> Comparison | None:
        """Return the comparison of a variant with the logistic regression on its own frames, or None without one."""
        frames = {(settings.features, settings.normalisation) for settings in variant.configurations}
        own = [
            baseline.label
            for baseline in self.baselines
            if baseline.on_frames and frames == {(baseline.result.features, baseline.result.normalisation)}
        ]
        comparisons = self.classical_comparisons
        return next((made for made in comparisons if made.variant == variant.label and made.baseline in own), None)

    def all_folds(self) -> Iterable[ScoredFold]:
        """Iterate over all folds, trial by trial."""
        return (fold for trial in self.table.trials for fold in trial.folds)


def analyse(table: ResultsTable, request: ComparisonRequest = DEFAULT_REQUEST) -> Analysis:
    """Group, select, score and compare the trials of a table.

    Returns:
        The analysis; where the request is not the default, the table's notes describe it.

    Raises:
        ComparisonError: The request names what is not among the variants.
    """
    fixed = group_variants(table.trials)
    variants: list[ScoredVariant] = []
    unscored: list[SkippedComparison] = []
    for variant in sorted([*fixed, *selected_per_fold(fixed)], key=variant_order):
        try:
            variants.append(score_variant(variant))
        except ComparisonError as error:
            unscored.append(SkippedComparison(variant.label, "", str(error)))
    baselines = score_baselines(table.baselines)
    comparisons = compare_variants(variants, request, baselines)
    if request:
        table = replace(table, notes=(*table.notes, request.describe()))
    return Analysis(
        table,
        tuple(variants),
        baselines,
        replace(comparisons, skipped=(*unscored, *comparisons.skipped)),
        compare_with_classical(variants, baselines),
        trials_without_folds(table.trials),
    )
