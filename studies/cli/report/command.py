"""Body of `ser report`: write the report of a corpus, and print its table on the terminal."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ser.errors import StudyError
from studies.cli.arguments import find_study_in, open_home
from studies.cli.report.commands import ReportOptions
from studies.cli.report.summary import print_results
from studies.cli.terminal.console import Console
from studies.cli.terminal.progress import StudyDisplay, print_message
from studies.reporting.report_runner import Report, build_report, running_studies, upload_key, watch_study
from studies.reporting.results_reader import ResultsReader
from studies.reporting.unseen import ONLY_THE_BEST, UnseenRequest, score_unseen_speakers
from studies.search.records import StudyLocation
from studies.search.summaries import StudySummary, list_studies
from studies.storages.home import Home
from studies.storages.takeover import take_over_results
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.comparison.request import DEFAULT_REQUEST, ComparisonRequest
from tracking.analysis.report_context import UnseenSpeakers
from tracking.analysis.results_table import ResultsTable


def report(options: ReportOptions) -> None:
    """Write the report of a study's corpus, and print its table.

    Raises:
        StudyError: There is nothing to report.
    """
    if options.cross:
        # It imports torch, which a study's report does without.
        from studies.cli.report.cross import report_cross

        report_cross(options)
        return
    home = open_home(options)
    studies = list_studies(home.storage)
    study = find_study_in(studies, home, options.study, options.corpus)
    location = study.location
    if location is None:
        raise StudyError(f"study {study.name} was stopped before its first fold; run it again")
    request = ComparisonRequest(options.baseline or "", tuple(options.variants or ()), options.margin / 100)
    with StudyDisplay() as display:
        take_over_results(home, display.on_message, display.progress_bar)
        unseen = UnseenRequest(options.unseen)
        if options.watch:
            written = _watch_report(home, location, display, request, options.output, unseen, options.audio)
        else:
            written = write_current_report(
                home, location, studies, display, request, options.output, unseen, options.audio
            )
    if written is None:
        raise StudyError(f"no fold of corpus {study.plan.corpus_name} has a result yet; see: ser study status")
    print_results(study.name, written, home)
    if not (request or options.audio):
        # The report of any other request would replace the default one there; recordings stay on this machine.
        upload(written, home, study)


def _watch_report(
    home: Home,
    location: StudyLocation,
    display: StudyDisplay,
    request: ComparisonRequest,
    output: Path | None,
    unseen: UnseenRequest,
    audio: bool,
) -> Report | None:
    """Build reports until no study runs or Ctrl-C ends it, and return the last one.

    Unseen speakers are scored when no study runs any more: a running one needs the processor.
    """
    console, last = Console(stderr=True), None

    def on_report(report: Report) -> None:
        nonlocal last
        last = report
        done, planned = report.analysis.fold_counts
        console.print(f"{done} of {planned} folds of the started trials: {report.page}", soft_wrap=True, markup=False)

    def build(table: ResultsTable, studies: Sequence[StudySummary]) -> Report | None:
        score = None if running_studies(studies, home, location) else _unseen_scorer(home, studies, unseen, display)
        return build_report(table, home, studies, request, output, score, audio)

    try:
        watch_study(home, location, build, on_report)
    except KeyboardInterrupt:
        console.print("Stopped watching.")
    return last


def write_current_report(
    home: Home,
    location: StudyLocation,
    studies: Sequence[StudySummary],
    display: StudyDisplay,
    request: ComparisonRequest = DEFAULT_REQUEST,
    output: Path | None = None,
    unseen: UnseenRequest = ONLY_THE_BEST,
    audio: bool = False,
) -> Report | None:
    """Write the report of all results that exist now.

    Args:
        home: The data directory.
        location: Corpus and fold scheme of the report.
        studies: All studies.
        display: Shows the progress.
        request: Comparisons to make.
        output: Folder of the report, or None for one in the data directory.
        unseen: Variants that are scored on unseen speakers.
        audio: Whether the page holds the recordings of the hardest utterances.

    Returns:
        The report, or None where no fold has a result.
    """
    reader = ResultsReader(home, location)
    if home.tracking_uri is not None:
        reader.fetch(studies, display.progress_bar("fetching results"))
    table = reader.table(studies, display.progress_bar("reading results"))
    update = display.progress_bar("writing the report")
    score = _unseen_scorer(home, studies, unseen, display)
    report = build_report(table, home, studies, request, output, score, audio)
    update(1, 1)
    return report


def _unseen_scorer(
    home: Home, studies: Sequence[StudySummary], request: UnseenRequest, display: StudyDisplay
) -> Callable[[Analysis], UnseenSpeakers]:
    return lambda analysis: score_unseen_speakers(analysis, home, studies, request, display.progress_bar)


def upload(report: Report, home: Home, study: StudySummary) -> None:
    """Upload a report to MLflow, unless this very report is there."""
    record = home.uploaded_report(study.name)
    if record.is_file() and record.read_text(encoding="utf-8") == upload_key(home, report.page.parent):
        return
    # It imports MLflow, which takes longer than a small report.
    from studies.reporting.report_upload import upload_to_study_run

    upload_to_study_run(report.page.parent, home, study, print_message)
