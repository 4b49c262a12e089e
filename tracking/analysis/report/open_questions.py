"""Open questions of a report: every caveat once, with the rows that it is about."""

from dataclasses import dataclass

from tracking.analysis.comparison.caveats import (
    Caveat,
    classifier_caveats,
    comparison_caveats,
    report_caveats,
)
from tracking.analysis.comparison.overview import Analysis

_MAX_NAMED = 4
"""Number of rows that are named."""


@dataclass(frozen=True)
class OpenQuestion:
    """Caveat of a report.

    Attributes:
        number: Its number on the page, from 1.
        caveat: The caveat.
        rows: Rows that it is about; empty where it is about the whole report.
    """

    number: int
    caveat: Caveat
    rows: tuple[str, ...]

    @property
    def rows_text(self) -> str:
        """The rows in words, the first few by name."""
        more = len(self.rows) - _MAX_NAMED
        return "; ".join(self.rows[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def open_questions(analysis: Analysis) -> tuple[OpenQuestion, ...]:
    """List the caveats of the report, its rows and comparisons, those of the whole report first."""
    whole = report_caveats(analysis)
    rows: dict[Caveat, dict[str, None]] = {}
    for classifier in analysis.classifiers:
        for caveat in classifier_caveats(classifier):
            rows.setdefault(caveat, {})[classifier.label] = None
    for comparison in analysis.comparisons.comparisons:
        for caveat in comparison_caveats(comparison):
            rows.setdefault(caveat, {})[comparison.variant] = None
    about = dict.fromkeys(whole, ()) | {caveat: tuple(labels) for caveat, labels in rows.items() if caveat not in whole}
    return tuple(OpenQuestion(number, caveat, labels) for number, (caveat, labels) in enumerate(about.items(), 1))
