"""Body of `ser report`: write the report of a corpus, and print its table on the terminal."""

from collections.abc import Sequence
from pathlib import Path

from mlflow.tracking import MlflowClient
from rich.table import Table
from rich.text import Text

from ser.errors import StudyError
from studies.cli.arguments import find_study_in, open_home
from studies.cli.report.commands import ReportOptions
from studies.cli.terminal.console import Console
from studies.cli.terminal.progress import StudyDisplay, print_message
from studies.reporting.report_runner import Report, build_report, watch_study
from studies.search.records import StudyLocation
from studies.search.summaries import StudySummary, list_studies
from studies.storages.artifact_locations import hold_artifact_locations
from studies.storages.home import Home
from studies.storages.takeover import take_over_results
from tracking.analysis.comparison.request import DEFAULT_REQUEST, ComparisonRequest
from tracking.analysis.report import summary_rows, summary_sentence, summary_title
from tracking.analysis.results_table import ResultsTable
from tracking.backend.client import connect
from tracking.backend.read_only_files import is_read_only
from tracking.reading.reader import Reader
from tracking.writing.report_upload import upload_report


def report(options: ReportOptions) -> None:
    """Write the report of a study's corpus, and print its table.

    Raises:
        StudyError: There is nothing to report.
    """
    home = open_home(options)
    studies = list_studies(home.storage)
    study = find_study_in(studies, home, options.study, options.corpus)
    location = study.location
    if location is None:
        raise StudyError(f"study {study.name} was stopped before its first fold; run it again")
    request = ComparisonRequest(options.baseline or "", tuple(options.variants or ()), options.margin / 100)
    output = None if options.output is None else options.output.expanduser()
    with StudyDisplay() as display:
        take_over_results(home, display.on_message, display.progress_bar)
        client = connect(home.tracking_uri_or_path)
        if options.watch:
            written = _watch_report(home, client, location, request, output)
            if written is not None and not request:
                _upload(written, home, study)
        else:
            reader = Reader(client, location.experiment, location.corpus_digest, location.scheme)
            table = reader.table(display.progress_bar("reading results"))
            written = write_and_upload_report(table, home, display, study, studies, request, output)
    if written is None:
        raise StudyError(f"no fold of corpus {study.plan.corpus_name} has a result yet; see: ser study status")
    print_results(study.name, written, home)


def _watch_report(
    home: Home, client: MlflowClient, location: StudyLocation, request: ComparisonRequest, output: Path | None
) -> Report | None:
    """Build reports until no study runs or Ctrl-C ends it, and return the last one."""
    console, last = Console(stderr=True), None

    def on_report(report: Report) -> None:
        nonlocal last
        last = report
        done, planned = report.analysis.fold_counts
        console.print(f"{done} of {planned} folds of the started trials: {report.page}", soft_wrap=True, markup=False)

    try:
        watch_study(
            home,
            client,
            location,
            lambda table, studies: build_report(table, home, studies, request, output),
            on_report,
        )
    except KeyboardInterrupt:
        console.print("Stopped watching.")
    return last


def write_and_upload_report(
    table: ResultsTable,
    home: Home,
    display: StudyDisplay,
    study: StudySummary,
    studies: Sequence[StudySummary],
    request: ComparisonRequest = DEFAULT_REQUEST,
    output: Path | None = None,
) -> Report | None:
    """Write the report of a table, and log it to the run of its study.

    A report of any request but the default is not logged: it would replace the default one.

    Args:
        table: The results.
        home: The data directory.
        display: Shows the progress.
        study: Study whose run gets the report.
        studies: All studies.
        request: Comparisons to make.
        output: Folder of the report, or None for one in the data directory.

    Returns:
        The report, or None where no fold has a result.
    """
    update = display.progress_bar("writing the report")
    report = build_report(table, home, studies, request, output)
    if report is not None and not request:
        _upload(report, home, study)
    update(1, 1)
    return report


def _upload(report: Report, home: Home, study: StudySummary) -> None:
    """Log a report to the run of its study, where MLflow shows it, unless its database cannot be written."""
    database = home.tracking_uri_or_path
    if study.location is None or (isinstance(database, Path) and is_read_only(database)):
        return
    with hold_artifact_locations(home, print_message):
        upload_report(connect(database), study.location.experiment, study.name, report.page.parent)


def print_results(study: str, report: Report | None, home: Home) -> None:
    """Print the results as a table, and where to find more.

    Args:
        study: Name of the study.
        report: The report, or None where no fold has a result.
        home: The data directory.
    """
    console = Console()
    if report is None:
        console.print(f"study {study}: no fold has a result yet", soft_wrap=True)
        return
    rows = summary_rows(report.analysis)
    table = Table(*rows[0], title=summary_title(report.analysis), title_justify="left")
    for row in rows:
        table.add_row(*(Text(value) for value in row.values()))
    console.print(table)
    console.print(Text(summary_sentence(report.analysis)), soft_wrap=True)
    console.print(Text(f"study:  {study}"), soft_wrap=True)
    console.print(Text(f"report: {report.page}"), soft_wrap=True)
    console.print(Text(f"runs:   make ui   (or: ser ui --home {home.root})"), soft_wrap=True)
