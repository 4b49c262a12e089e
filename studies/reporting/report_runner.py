"""Writing a corpus's report, once or again and again while its studies run."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow.tracking import MlflowClient

from ser.config import digest_of
from studies.reporting.importances import compute_importances, trial_groups
from studies.reporting.study_context import report_context
from studies.search.records import StudyLocation
from studies.search.summaries import StudySummary, list_studies
from studies.storages.home import Home
from tracking.analysis.comparison.comparison import DEFAULT_REQUEST
from tracking.analysis.comparison.overview import Analysis, analyse
from tracking.analysis.comparison.request import ComparisonRequest
from tracking.analysis.report import write_report
from tracking.analysis.results_table import ResultsTable
from tracking.reading.reader import Reader, latest_fold_run

POLL_S = 2.0
_REST_FACTOR = 4
"""After a report the watch rests this many times as long as it took: the study needs the processor."""


@dataclass(frozen=True)
class Report:
    """A report that was written.

    Attributes:
        overview: What it says.
        page: Its page.
    """

    overview: Analysis
    page: Path


def build_report(
    table: ResultsTable,
    home: Home,
    known: Sequence[StudySummary],
    question: ComparisonRequest = DEFAULT_REQUEST,
) -> Report | None:
    """Writes the report of a table.

    Args:
        table: The results of one corpus and fold scheme.
        home: Where everything is kept.
        known: All studies.
        question: What is compared with what; the answer to each but the usual one has a folder of its own.

    Returns:
        The report, or None where not one fold has a result.

    Raises:
        ComparisonError: The question names what is not among the variants.
    """
    first = next((fold for trial in table.trials for fold in trial.folds), None)
    if first is None:
        return None
    overview = analyse(table, question)
    asked = [f"asked-{digest_of([question.baseline, *question.variants])[:8]}"] if question else []
    folder = home.reports / _folder_name(first.corpus.name, first.corpus.digest[:8], first.fold.scheme, *asked)
    background = report_context(home, known, overview, tuple(map(compute_importances, trial_groups(table))))
    return Report(overview, write_report(overview, folder, background))


def _folder_name(*parts: str) -> str:
    """A folder's name; whatever a corpus is called, it stays in the folder of reports."""
    return re.sub(r"[^\w.-]+|^\.+", "-", "-".join(parts))


def watch_study(
    home: Home,
    client: MlflowClient,
    where: StudyLocation,
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
        known = list_studies(home.storage)
        running = _running(known, home, where)
        newest = latest_fold_run(client, where.experiment, where.corpus_digest, where.scheme)
        if newest != seen or not running:
            seen, began = newest, time.monotonic()
            report = write(reader.table(), known)
            if report is not None:
                written(report)
            if not running:
                return
            time.sleep(_REST_FACTOR * (time.monotonic() - began))
        time.sleep(POLL_S)


def _running(known: Sequence[StudySummary], home: Home, where: StudyLocation) -> bool:
    """Whether any study of that corpus and those folds is being run."""
    return any(
        where.same_data_as(each.whereabouts) and home.storage.lease_owner(each.name) is not None for each in known
    )
