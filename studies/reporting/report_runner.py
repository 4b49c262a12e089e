"""Building of a corpus's report, once or repeatedly while its studies run."""

import errno
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ser.config import digest_of
from ser.errors import StorageError
from ser.files import folder_digest
from studies.reporting.results_reader import ResultsReader
from studies.reporting.study_context import report_context
from studies.search.records import StudyLocation
from studies.search.summaries import StudySummary, list_studies
from studies.storages.home import Home
from tracking.analysis.comparison.overview import Analysis, analyse
from tracking.analysis.comparison.request import DEFAULT_REQUEST, ComparisonRequest
from tracking.analysis.report import write_report
from tracking.analysis.report_context import UnseenSpeakers
from tracking.analysis.results_table import ResultsTable
from tracking.results.store import ResultStore

POLL_S = 2.0
_REST_FACTOR = 4
"""After each look, the watch pauses this many times as long as it took, too: the study needs the processor."""


@dataclass(frozen=True)
class Report:
    """Written report.

    Attributes:
        analysis: The analysed results.
        page: Its HTML page.
    """

    analysis: Analysis
    page: Path


def build_report(
    table: ResultsTable,
    home: Home,
    studies: Sequence[StudySummary],
    request: ComparisonRequest = DEFAULT_REQUEST,
    output: Path | None = None,
    score_unseen: Callable[[Analysis], UnseenSpeakers] | None = None,
    audio: bool = False,
) -> Report | None:
    """Analyse a table and write its report.

    Args:
        table: The results of one corpus and fold scheme.
        home: The data directory.
        studies: All studies.
        request: Comparisons to make; the report of any request but the default has its own folder.
        output: Folder of the report, or None for one in the data directory.
        score_unseen: Scores variants on unseen speakers; None leaves that out.
        audio: Whether the page holds the recordings of the hardest utterances; such a report has its own folder.

    Returns:
        The report, or None where no fold has a result.

    Raises:
        ComparisonError: The request names a variant that does not exist.
        CorpusError: There are to be recordings, and the folder does not hold the corpus.
        StorageError: The folder cannot be written.
    """
    first = next((fold for trial in table.trials for fold in trial.folds), None)
    if first is None:
        return None
    analysis = analyse(table, request)
    # A request for the default margin has the folder that it had before there were margins.
    margins = [] if request.margin == DEFAULT_REQUEST.margin else [request.margin]
    suffix = [f"asked-{digest_of([request.baseline, *request.variants, *margins])[:8]}"] if request else []
    # The default folder is uploaded to MLflow, which recordings must not reach.
    suffix += ["audio"] if audio else []
    name = _folder_name(first.corpus.name, first.corpus.digest[:8], first.fold.scheme, *suffix)
    folder = output or home.reports / name
    context = report_context(home, studies, analysis, audio)
    if score_unseen is not None:
        context = replace(context, unseen=score_unseen(analysis))
    try:
        return Report(analysis, write_report(analysis, folder, context))
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise StorageError(
            f"{folder}: cannot be written ({error.strerror}); name another folder with --output"
        ) from error


def upload_key(home: Home, folder: Path) -> str:
    """Return a digest of a report and of the tracking store that shows it, equal where nothing is to upload."""
    return digest_of([folder_digest(folder), home.tracking_uri])


def _folder_name(*parts: str) -> str:
    """Name of a report's folder; whatever the name of the corpus, it is inside the folder of reports."""
    return re.sub(r"[^\w.-]+|^\.+", "-", "-".join(parts))


def watch_study(
    home: Home,
    location: StudyLocation,
    build: Callable[[ResultsTable, Sequence[StudySummary]], Report | None],
    on_report: Callable[[Report], None],
) -> None:
    """Build the report again after every new fold, until no study of the same data is running.

    Args:
        home: The data directory.
        location: Corpus and fold scheme of the report.
        build: Builds the report of a table and all studies.
        on_report: Called with every report.
    """
    reader, results = ResultsReader(home, location), ResultStore(home.results)
    reported: frozenset[str] = frozenset()
    running: frozenset[str] | None = None
    while True:
        # Asked before reading, so that folds finished before the last study ended are read once more.
        studies = list_studies(home.storage)
        before, running = running, running_studies(studies, home, location)
        started_s = time.monotonic()
        # A server gets baselines with the end of a study.
        reader.fetch(studies, baselines=running != before)
        finished = results.identities()
        if finished != reported or not running:
            reported = finished
            report = build(reader.table(studies), studies)
            if report is not None:
                on_report(report)
            if not running:
                return
        time.sleep(POLL_S + _REST_FACTOR * (time.monotonic() - started_s))


def running_studies(studies: Sequence[StudySummary], home: Home, location: StudyLocation) -> frozenset[str]:
    """List the running studies of the same corpus and folds."""
    return frozenset(
        study.name
        for study in studies
        if location.same_data_as(study.location) and home.storage.lease_owner(study.name) is not None
    )
