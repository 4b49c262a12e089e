"""`ser report`: the comparison of all variants of a corpus, and its table on the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from studies.cli.options import HOME, HomeOption, StorageOption, TrackingOption
from studies.cli.published import published

if TYPE_CHECKING:
    from studies.cli.progress import StudyDisplay
    from studies.home import Home
    from tracking.results import ResultsTable


app = typer.Typer(no_args_is_help=False)
app.command(epilog="Example: ser report published --json")(published)


@app.callback(invoke_without_command=True, epilog="Example: ser report --corpus demo")
def report(
    context: typer.Context,
    corpus: Annotated[
        str | None, typer.Option(help="Corpus of the newest study to report; any when not given.")
    ] = None,
    study: Annotated[str | None, typer.Option(help="Name of a study whose corpus is reported.")] = None,
    home: HomeOption = HOME,
    storage: StorageOption = None,
    tracking: TrackingOption = None,
) -> None:
    """Write the report: every variant against its baseline, with the tests, as one HTML page and CSV tables.

    It spans all studies of one corpus and fold scheme.
    """
    if context.invoked_subcommand is not None:
        return
    from ser.errors import StudyError
    from studies.cli.choosing import chosen_study
    from studies.cli.progress import StudyDisplay
    from studies.home import Home

    place = Home(home, storage, tracking)
    summary = chosen_study(place, study, corpus)
    where = summary.whereabouts
    if where is None:
        raise StudyError(f"study {summary.name} was stopped before its first fold; run it again")
    with StudyDisplay() as display:
        from tracking.connection import open_tracking
        from tracking.reading import Reader

        reader = Reader(open_tracking(place.tracking), where.experiment, where.corpus_digest, where.scheme)
        table = reader.table(display.stage("reading results"))
        if not table.trials:
            raise StudyError(f"no trial of corpus {summary.plan.corpus_name} is complete yet; see: ser study status")
        page = write_report_of(table, place, display)
    print_results(table, summary.name, page, place)


def write_report_of(table: "ResultsTable", home: "Home", display: "StudyDisplay") -> Path | None:
    """Writes the report of a table, where it holds anything to report.

    Args:
        table: The results.
        home: Where everything is kept.
        display: Shows that it is being written.

    Returns:
        The page, or None where no trial is complete.
    """
    if not table.trials:
        return None
    from tracking.analysis.report import write_report

    corpus = table.trials[0].folds[0].corpus
    done = display.stage("writing the report")
    page = write_report(table, home.reports / f"{corpus.name}-{corpus.digest[:8]}")
    done(1, 1)
    return page


def print_results(table: "ResultsTable", study: str, page: Path | None, home: "Home") -> None:
    """Prints the results as a table, and where to go on.

    Args:
        table: The results.
        study: Name of the study.
        page: The report, or None where nothing is complete.
        home: Where everything is kept.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if page is None:
        console.print(f"study {study}: no trial is complete yet", soft_wrap=True)
        return
    from tracking.analysis.report import summary_rows, summary_sentence

    rows = summary_rows(table)
    shown = Table(*rows[0], title="all variants of this corpus, in percent", title_justify="left")
    for row in rows:
        shown.add_row(*(Text(value) for value in row.values()))
    console.print(shown)
    console.print(Text(summary_sentence(table)), soft_wrap=True)
    console.print(Text(f"study:  {study}"), soft_wrap=True)
    console.print(Text(f"report: {page}"), soft_wrap=True)
    console.print(Text(f"runs:   make ui   (or: ser ui --home {home.root})"), soft_wrap=True)
