"""Writing a corpus's report, once or again and again while its studies run."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow.tracking import MlflowClient

from ser.config import digest_of
from studies.reporting.importances import groups_of, importances_of
from studies.reporting.study_context import report_background
from studies.search.records import Whereabouts
from studies.search.summaries import StudySummary, summaries
from studies.storages.home import Home
from tracking.analysis.comparison.comparison import USUAL
from tracking.analysis.comparison.overview import Overview, oversee
from tracking.analysis.comparison.request import Question
from tracking.analysis.report import write_report
from tracking.analysis.results_table import ResultsTable
from tracking.meanwhile import Meanwhile
from tracking.memory import resting_collector
from tracking.reading.reader import Reader, newest_fold

_LOOK_S = 2.0
_REST = 4
"""After a report the watch rests this many times as long as it took: the study needs the processor."""


@dataclass(frozen=True)
class Report:
    """A report that was written.

    Attributes:
        overview: What it says.
        page: Its page.
    """

    overview: Overview
    page: Path


def write_study_report(
    table: ResultsTable,
    home: Home,
    known: Sequence[StudySummary],
    question: Question = USUAL,
    meanwhile: Meanwhile = map,
) -> Report | None:
    """Writes the report of a table.

    Args:
        table: The results of one corpus and fold scheme.
        home: Where everything is kept.
        known: All studies.
        question: What is compared with what; the answer to each but the usual one has a folder of its own.
        meanwhile: Computes what takes long.

    Returns:
        The report, or None where not one fold has a result.

    Raises:
        ComparisonError: The question names what is not among the variants.
    """
    first = next((fold for trial in table.trials for fold in trial.folds), None)
    if first is None:
        return None
    # Handed out first: it needs no comparison, so that it is done while they are made.
    importances = meanwhile(importances_of, groups_of(table))
    overview = oversee(table, question)
    asked = [f"asked-{digest_of([question.baseline, *question.variants])[:8]}"] if question else []
    folder = home.reports / _folder_name(first.corpus.name, first.corpus.digest[:8], first.fold.scheme, *asked)
    background = report_background(home, known, overview, importances)
    return Report(overview, write_report(overview, folder, background, meanwhile))


def _folder_name(*parts: str) -> str:
    """A folder's name; whatever a corpus is called, it stays in the folder of reports."""
    return re.sub(r"[^\w.-]+|^\.+", "-", "-".join(parts))


def watch(
    home: Home,
    client: MlflowClient,
    where: Whereabouts,
    write: Callable[[ResultsTable, Sequence[StudySummary]], Report | None],
    written: Callable[[Report], None],
) -> None:
    """Writes the report again after every new fold, until no study of its corpus and folds is being run.

    Args:
        home: Where everything is kept.
        client: The tracking store.
        where: The corpus and its fold scheme.
        write: Writes the report of a table; is told all studies.
        written: Is told of every report.
    """
    reader = Reader(client, where.experiment, where.corpus_digest, where.scheme)
    seen: str | None = None
    while True:
        # Asked before reading: what is written after the last study's end is then read once more.
        known = summaries(home.storage)
        running = _running(known, home, where)
        newest = newest_fold(client, where.experiment, where.corpus_digest, where.scheme)
        if newest != seen or not running:
            seen, began = newest, time.monotonic()
            with resting_collector():
                report = write(reader.table(), known)
            if report is not None:
                written(report)
            if not running:
                return
            time.sleep(_REST * (time.monotonic() - began))
        time.sleep(_LOOK_S)


def _running(known: Sequence[StudySummary], home: Home, where: Whereabouts) -> bool:
    """Whether any study of that corpus and those folds is being run."""
    return any(where.comparable(each.whereabouts) and home.storage.holder(each.name) is not None for each in known)
