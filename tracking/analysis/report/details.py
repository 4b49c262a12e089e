"""Details of single decisions that the report shows: of which rows, and how reliable their confidences are."""

from collections.abc import Mapping

from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.figures import leading_pair
from tracking.analysis.report.first_screen import first_rows
from tracking.analysis.report.tables.decisions import MAX_HARDEST
from tracking.analysis.statistics.calibration import Calibration, calibrate
from tracking.analysis.variants.classical import Classifier, ScoredBaseline
from tracking.analysis.variants.decisions import Decisions, baseline_decisions, hardest_utterances, variant_decisions

MAX_DECIDING_ROWS = 4


def hardest_decisions(analysis: Analysis) -> tuple[Decisions, ...]:
    """Gather the decisions of the first screen's first rows that were tested on the winner's utterances."""
    winner = analysis.reported_winner
    if winner is None:
        return ()
    tested = winner.predictions.utterances
    rows = [row for row in first_rows(analysis) if row.predictions.utterances == tested and row is not winner]
    return tuple(map(_decisions, (winner, *rows[: MAX_DECIDING_ROWS - 1])))


def hardest_ids(analysis: Analysis) -> tuple[str, ...]:
    """List the ids of the utterances in the table of the hardest ones."""
    decisions = hardest_decisions(analysis)
    if not decisions:
        return ()
    names = decisions[0].predictions.utterances
    return tuple(names[index] for index in hardest_utterances(decisions, MAX_HARDEST))


def calibrations(analysis: Analysis) -> Mapping[str, Calibration]:
    """Compute the reliability of the two rows that are shown in detail, and of logistic regression, by label."""
    rows: list[Classifier] = list(leading_pair(analysis))
    winner = analysis.reported_winner
    comparison = None if winner is None else analysis.classical_comparison_of(winner)
    rows += [row for row in analysis.baselines if comparison is not None and row.label == comparison.baseline]
    return {decisions.label: _calibrate(decisions) for decisions in map(_decisions, dict.fromkeys(rows))}


def _decisions(row: Classifier) -> Decisions:
    if isinstance(row, ScoredBaseline):
        return baseline_decisions(row.label, row.result, row.predictions)
    return variant_decisions(row)


def _calibrate(decisions: Decisions) -> Calibration:
    correct = decisions.predictions.predicted == decisions.predictions.actual
    return calibrate(decisions.confidences.ravel(), correct.ravel())
