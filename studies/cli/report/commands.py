"""Options and help of `ser report`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from studies.cli.lazy_command import lazy_command
from studies.cli.options import HomeOptions

app = typer.Typer(no_args_is_help=False, rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class ReportOptions(HomeOptions):
    """Options of `ser report`."""

    corpus: Annotated[str | None, typer.Option(help="Corpus of the newest study to report [default: any corpus].")] = (
        None
    )
    study: Annotated[str | None, typer.Option(help="Name of a study whose corpus is reported.")] = None
    baseline: Annotated[
        str | None,
        typer.Option(
            help="Baseline instead of attention none: the name of a row of the report, such as 'logistic regression', "
            "or settings such as 'labels=words', which select each variant's own counterpart."
        ),
    ] = None
    variants: Annotated[
        list[str] | None,
        typer.Option(
            help="Show only the comparisons of these variants, by name or by settings such as 'attention=quantum'; "
            "may be repeated. p-values stay adjusted for all."
        ),
    ] = None
    margin: Annotated[
        float,
        typer.Option(help="Points of UA below which a difference is too small to matter, for 'shown to be within'."),
    ] = 2
    unseen: Annotated[
        bool,
        typer.Option(
            "--unseen",
            help="Show for every variant, not only for the one that validation chose, the UA on speakers of whom few "
            "recordings or none are at hand.",
        ),
    ] = False
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the report [default: one in HOME/reports]; for a home that cannot be written, whose MLflow "
            "then gets no copy.",
            file_okay=False,
        ),
    ] = None
    audio: Annotated[
        bool,
        typer.Option(
            "--audio",
            help="Put the recordings of the hardest utterances into the page; such a page is not uploaded to MLflow.",
        ),
    ] = False
    watch: Annotated[
        bool, typer.Option("--watch", help="Rewrite it after every new fold, until no study of the corpus runs.")
    ] = False
    cross: Annotated[
        bool,
        typer.Option("--cross", help="Instead, the table of all models on all corpora: see ser model evaluate."),
    ] = False


@app.callback(invoke_without_command=True, epilog="Example: ser report --corpus demo --baseline labels=words")
@lazy_command("studies.cli.report.command:report")
def report(options: ReportOptions) -> None:
    """Write the report: every variant against its baseline, with the tests, as one HTML page.

    It spans all studies of one corpus and fold scheme, and names missing folds. The folder also holds its tables as
    CSV, LaTeX and Markdown.
    """


@dataclass(frozen=True, kw_only=True)
class PublishedOptions:
    """Options of `ser report published`."""

    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, unrounded.")] = False
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the tests as CSV, unrounded.")] = False


@app.command(epilog="Example: ser report published --json")
@lazy_command("studies.cli.report.published:print_published")
def published(options: PublishedOptions) -> None:
    """Test the paper's Table 3 by the paper's own z-test, from the percentages and numbers of utterances alone.

    A claim 'holds' or is 'not reproduced' where it does so however the percentages were rounded, and is
    'undecidable' where that depends on the rounding.
    """
