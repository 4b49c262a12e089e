"""Comparison report: one HTML page that needs no network, and every table as CSV beside it."""

from tracking.analysis.report.terminal import summary_rows, summary_sentence, summary_title
from tracking.analysis.report.writer import write_report

__all__ = ["summary_rows", "summary_sentence", "summary_title", "write_report"]
