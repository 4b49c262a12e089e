"""`ser report`: the comparison of all variants of a corpus, and its table on the terminal."""

from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from studies.cli.options import HOME, HomeOption, StorageOption, TrackingOption
from studies.cli.report.published import published
from studies.storages.home import Home
from tracking.memory import resting_collector

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

    from studies.cli.progress import StudyDisplay
    from studies.reporting.report_runner import Report
    from studies.search.records import StudyLocation
    from studies.search.summaries import StudySummary
    from tracking.analysis.comparison.request import ComparisonRequest
    from tracking.analysis.results_table import ResultsTable
    from tracking.meanwhile import Meanwhile


MANY_TRIALS = 100
"""From so many complete trials on a second process is worth its start."""

app = typer.Typer(no_args_is_help=False, rich_markup_mode=None)
app.command(epilog="Example: ser report published --json")(published)


@app.callback(invoke_without_command=True, epilog="Example: ser report --corpus demo --baseline labels=words")
def report(
    context: typer.Context,
    corpus: Annotated[
        str | None, typer.Option(help="Corpus of the newest study to report; any when not given.")
    ] = None,
    study: Annotated[str | None, typer.Option(help="Name of a study whose corpus is reported.")] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            help="Compare with this, not with attention none: a variant's name as the report writes it, or "
            "settings, such as 'labels=words', for each variant's own counterpart that has them."
        ),
    ] = None,
    variants: Annotated[
        list[str] | None,
        typer.Option(
            help="Show only the comparisons of these, by name or settings, such as 'attention=quantum'; may be "
            "repeated. p-values stay adjusted for all."
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Write it again after every new fold, until no study of the corpus runs.")
    ] = False,
    home: HomeOption = HOME,
    storage: StorageOption = None,
    tracking: TrackingOption = None,
) -> None:
    """Write the report: every variant against its baseline, with the tests, as one HTML page.

    It spans all studies of one corpus and fold scheme, and says so where folds are missing. Beside the page lie its
    tables as CSV, LaTeX and Markdown.
    """
    if context.invoked_subcommand is not None:
        return
    # Before the imports, which make most of what stays. A watch frees what its last report was made of.
    with nullcontext() if watch else resting_collector(to_the_end=True):
        _report_once(Home(home, storage, tracking), study, corpus, (baseline or "", tuple(variants or ())), watch)


def _report_once(
    place: Home, study: str | None, corpus: str | None, asked: tuple[str, tuple[str, ...]], watch: bool
) -> None:
    """Writes the report of a study's corpus and prints its table.

    Args:
        place: Where everything is kept.
        study: Name of the study, or None.
        corpus: Corpus of the newest study, or None.
        asked: Baseline and variants of the question.
        watch: Whether to write it again after every new fold.

    Raises:
        StudyError: There is nothing to report.
    """
    from ser.errors import StudyError
    from studies.cli.arguments import find_study_in
    from studies.cli.progress import StudyDisplay
    from studies.search.summaries import list_studies
    from studies.second_process import second_process

    known = list_studies(place.storage)
    summary = find_study_in(known, place, study, corpus)
    where = summary.whereabouts
    if where is None:
        raise StudyError(f"study {summary.name} was stopped before its first fold; run it again")
    many = not watch and _trials_of(known, where) >= MANY_TRIALS
    # Begun before the imports: it gets ready while results are read.
    with StudyDisplay() as display, second_process(many) as meanwhile:
        from tracking.analysis.comparison.request import ComparisonRequest
        from tracking.backend.client import connect
        from tracking.reading.reader import Reader

        client, question = connect(place.tracking_uri_or_path), ComparisonRequest(*asked)
        if watch:
            written = _watch_report(place, client, where, question)
            if written is not None and not question:
                _upload(written, place, summary)
        else:
            reader = Reader(client, where.experiment, where.corpus_digest, where.scheme)
            table = reader.begin(display.progress_bar("reading results"), meanwhile)
            # A second of imports, while the other process reads.
            import_module("studies.reporting.report_runner")
            written = write_and_upload_report(table(), place, display, summary, known, question, meanwhile)
    if written is None:
        raise StudyError(f"no fold of corpus {summary.plan.corpus_name} has a result yet; see: ser study status")
    print_results(summary.name, written, place)


def _trials_of(known: "Sequence[StudySummary]", where: "StudyLocation") -> int:
    """Complete trials of all studies of a corpus and its fold scheme."""
    return sum(each.trials_complete for each in known if where.same_data_as(each.whereabouts))


def _watch_report(
    home: Home, client: "MlflowClient", where: "StudyLocation", question: "ComparisonRequest"
) -> "Report | None":
    """Writes reports until no study runs; the last one, also where Ctrl-C ended it."""
    from rich.console import Console

    from studies.reporting.report_runner import build_report, watch_study

    console, last = Console(stderr=True), None

    def tell(report: "Report") -> None:
        nonlocal last
        last = report
        have, want = report.overview.folds
        console.print(f"{have} of {want} folds of the trials begun: {report.page}", soft_wrap=True, markup=False)

    try:
        watch_study(home, client, where, lambda table, known: build_report(table, home, known, question), tell)
    except KeyboardInterrupt:
        console.print("Stopped watching.")
    return last


def write_and_upload_report(
    table: "ResultsTable",
    home: Home,
    display: "StudyDisplay",
    study: "StudySummary",
    known: "Sequence[StudySummary]",
    question: "ComparisonRequest | None" = None,
    meanwhile: "Meanwhile" = map,
) -> "Report | None":
    """Writes the report of a table, where it holds anything to report.

    The usual report is logged to the run of its study; the answer to another question is not, since it
    would take the usual one's place there.

    Args:
        table: The results.
        home: Where everything is kept.
        display: Shows that it is being written.
        study: The study that it was asked for.
        known: All studies.
        question: What is compared with what; the usual when not given.
        meanwhile: Computes what takes long.

    Returns:
        The report, or None where not one fold has a result.
    """
    from studies.reporting.report_runner import build_report
    from tracking.analysis.comparison.comparison import DEFAULT_REQUEST

    done = display.progress_bar("writing the report")
    written = build_report(table, home, known, question or DEFAULT_REQUEST, meanwhile)
    if written is not None and not question:
        _upload(written, home, study)
    done(1, 1)
    return written


def _upload(report: "Report", home: Home, study: "StudySummary") -> None:
    """Logs a report to the run of its study, where MLflow shows it."""
    from tracking.backend.client import connect
    from tracking.writing.report_upload import upload_report

    if study.whereabouts is not None:
        upload_report(connect(home.tracking_uri_or_path), study.whereabouts.experiment, study.name, report.page.parent)


def print_results(study: str, report: "Report | None", home: Home) -> None:
    """Prints the results as a table, and where to go on.

    Args:
        study: Name of the study.
        report: The report, or None where not one fold has a result.
        home: Where everything is kept.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if report is None:
        console.print(f"study {study}: no fold has a result yet", soft_wrap=True)
        return
    from tracking.analysis.report import summary_rows, summary_sentence, summary_title

    rows = summary_rows(report.overview)
    shown = Table(*rows[0], title=summary_title(report.overview), title_justify="left")
    for row in rows:
        shown.add_row(*(Text(value) for value in row.values()))
    console.print(shown)
    console.print(Text(summary_sentence(report.overview)), soft_wrap=True)
    console.print(Text(f"study:  {study}"), soft_wrap=True)
    console.print(Text(f"report: {report.page}"), soft_wrap=True)
    console.print(Text(f"runs:   make ui   (or: ser ui --home {home.root})"), soft_wrap=True)
