"""First screen of the report below its sentence: at most ten rows, and the weakest confusions in words."""

from dataclasses import replace

import numpy as np

from ser.metrics import row_shares
from tracking.analysis.comparison.caveats import report_caveats, ua_only
from tracking.analysis.comparison.comparison import Comparison, Verdict
from tracking.analysis.comparison.interpretation import ASSUMPTIONS
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.figures.overview import OverviewRow
from tracking.analysis.report.tables.rendering.model import (
    Cell,
    Column,
    Table,
    p_value_cell,
    percent_cell,
    percent_interval_cell,
    points_cell,
    variant_cell,
    wa_column,
)
from tracking.analysis.report_context import UnseenSpeakers
from tracking.analysis.variants.classical import Classifier, ScoredBaseline
from tracking.analysis.variants.scores import ScoredVariant

MAX_ROWS = 10
_MAX_CONFUSIONS = 3
_MIN_CONFUSED_SHARE = 0.1
"""Below this share of a class, a confusion is not named."""


def first_rows(analysis: Analysis) -> tuple[Classifier, ...]:
    """Choose the rows of the first screen, the highest UA first.

    Returns:
        The variant that validation chose, or the choice per fold that is reported of its sweep, its baseline and
        logistic regression, and as many others of the reportable variants and classical baselines as make ten, those
        of the highest UA.
    """
    winner = analysis.reported_winner
    if winner is None:
        return ()
    comparisons = (analysis.comparison_of(winner.label), analysis.classical_comparison_of(winner))
    needed = {winner.label, *(comparison.baseline for comparison in comparisons if comparison is not None)}
    reportable = {variant.label for variant in analysis.reportable}.union(row.label for row in analysis.baselines)
    by_ua = sorted(
        (classifier for classifier in analysis.classifiers if classifier.label in needed | reportable),
        key=lambda classifier: -classifier.scores.ua.mean,
    )
    others = [classifier for classifier in by_ua if classifier.label not in needed]
    left_out = set(others[max(0, MAX_ROWS - len(needed)) :])
    return tuple(classifier for classifier in by_ua if classifier not in left_out)


def overview_rows(analysis: Analysis) -> tuple[OverviewRow, ...]:
    """Compute the rows of the first screen's figure, in the order of its table."""
    rows, winner = [], analysis.reported_winner
    for classifier in first_rows(analysis):
        comparison = analysis.comparison_of(classifier.label)
        rows.append(
            OverviewRow(
                classifier.label,
                classifier.scores.ua.mean,
                classifier.scores.ua_interval,
                None if comparison is None else comparison.ua_speakers.difference,
                None if comparison is None else comparison.ua_speakers.interval,
                comparison is not None and comparison.verdict is Verdict.BETTER,
                classifier.classical,
                chosen=classifier is winner,
            )
        )
    return tuple(rows)


def summary_table(analysis: Analysis, unseen: UnseenSpeakers) -> Table:
    """Make the table of the first screen.

    Args:
        analysis: The analysed results.
        unseen: UA by the number of recordings; where it is not measured, the column of strangers is left out.
    """
    strangers = {label: by_count[0] for label, by_count in unseen.ua.items() if 0 in by_count}
    shared_caveats, rows, winner = report_caveats(analysis), first_rows(analysis), analysis.reported_winner
    over_regression = {row.label: _over_regression(row, analysis) for row in rows}
    regression = any(over_regression.values())
    compared = any(analysis.comparison_of(row.label) for row in rows)
    left_out = len({*(row.label for row in analysis.reportable), *(row.label for row in analysis.baselines)}) - len(
        rows
    )
    return Table(
        "summary",
        "Scores",
        f"{_caption(compared, regression)}" + (f" {left_out} more rows are in “All scores”." if left_out > 0 else ""),
        (
            Column("variant", numeric=False),
            Column("UA", "pooled over folds, mean over seeds, percent"),
            Column("95%", "t interval over speakers, percent", interval=True),
            wa_column("WA", "pooled, mean over seeds, percent", ua_only(analysis)),
            *(_baseline_columns() if compared else []),
            *(_regression_columns() if regression else []),
            *(
                [Column("stranger", "UA where nothing is known of the speaker, as for a single file, percent")]
                if strangers
                else []
            ),
        ),
        tuple(
            (
                replace(variant_cell(row, shared_caveats), bold=row is winner),
                *_score_cells(row),
                *(_baseline_cells(analysis.comparison_of(row.label)) if compared else []),
                *(_regression_cells(over_regression[row.label]) if regression else []),
                *([percent_cell(strangers.get(row.label))] if strangers else []),
            )
            for row in rows
        ),
    )


def _over_regression(row: Classifier, analysis: Analysis) -> Comparison | None:
    return None if isinstance(row, ScoredBaseline) else analysis.classical_comparison_of(row)


def _caption(compared: bool, regression: bool) -> str:
    """Say what the numbers are, and name the test of each p that is shown."""
    tests = [
        *(["p: joint sign flips over speakers, of all comparisons at once"] if compared else []),
        *(["p LR: sign flips over speakers, of one comparison alone"] if regression else []),
    ]
    assumption = " (speakers are taken as independent)." if tests else ""
    return f"Percent; differences in points. Bold: chosen by validation. {'; '.join(tests)}{assumption}".rstrip()


def _baseline_columns() -> list[Column]:
    return [
        Column("Δ baseline", "UA less that of the baseline, points"),
        Column("p", f"joint sign flips over speakers; assumes: {ASSUMPTIONS['p joint']}"),
    ]


def _regression_columns() -> list[Column]:
    return [
        Column("Δ LR", "UA less that of logistic regression on the same features, points"),
        Column("p LR", f"sign flips over speakers, this comparison alone; assumes: {ASSUMPTIONS['p speakers']}"),
    ]


def _regression_cells(comparison: Comparison | None) -> list[Cell]:
    p = None if comparison is None else comparison.ua_speakers.claimable_p
    return [_difference_cell(comparison), p_value_cell(p)]


def _score_cells(row: Classifier) -> tuple[Cell, ...]:
    scores = row.scores
    return (
        percent_cell(scores.ua.mean),
        percent_interval_cell(scores.ua_interval),
        percent_cell(scores.wa.mean),
    )


def _baseline_cells(comparison: Comparison | None) -> tuple[Cell, ...]:
    p = None if comparison is None else comparison.joint_p
    better = comparison is not None and comparison.verdict is Verdict.BETTER
    return _difference_cell(comparison), p_value_cell(p, bold=better)


def _difference_cell(comparison: Comparison | None) -> Cell:
    difference = None if comparison is None else comparison.ua_speakers.difference
    return points_cell(difference)


def weakest_confusions(variant: ScoredVariant) -> str:
    """Name the most frequent confusions of a variant in a sentence; empty where none is frequent."""
    emotions = variant.predictions.corpus.emotions
    shares = row_shares(variant.scores.confusion)
    np.fill_diagonal(shares, 0.0)
    order = np.argsort(-shares, axis=None, kind="stable")[:_MAX_CONFUSIONS]
    cells = [(int(index) // len(emotions), int(index) % len(emotions)) for index in order]
    parts = [
        f"{emotions[actual]} for {emotions[decided]} ({100 * shares[actual, decided]:.0f}%)"
        for actual, decided in cells
        if shares[actual, decided] >= _MIN_CONFUSED_SHARE
    ]
    return f"{variant.label} most often takes {', '.join(parts)}." if parts else ""
