"""Comparison report: one HTML page that needs no network, and every table as CSV beside it."""

from tracking.analysis.report.terminal import LEGEND, shown_difference, summary_rows, summary_title, summary_verdict
from tracking.analysis.report.writer import write_report

__all__ = ["LEGEND", "shown_difference", "summary_rows", "summary_title", "summary_verdict", "write_report"]
