"""Options and help of `ser results`."""

from dataclasses import dataclass
from typing import Annotated

import typer

from studies.cli.lazy_command import lazy_command
from studies.cli.options import HomeOptions, StorageOptions

app = typer.Typer(
    help="List the results of finished folds, and discard some of them.",
    epilog="Example: ser results list --corpus demo",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@dataclass(frozen=True, kw_only=True)
class ListOptions(StorageOptions):
    """Options of `ser results list`."""

    study: Annotated[str | None, typer.Option(help="Only results that this study uses.")] = None
    corpus: Annotated[str | None, typer.Option(help="Only results on the corpus of this name.")] = None


@app.command("list", epilog="Example: ser results list --study demo-quick-none+quantum-log_mel_prosody-1a2b3c4d")
@lazy_command("studies.cli.results.list:print_results")
def list_(options: ListOptions) -> None:
    """List the results of finished folds: identity, variant, fold, corpus, size and date, the newest last."""


@dataclass(frozen=True, kw_only=True)
class DiscardOptions(HomeOptions):
    """Options of `ser results rm`."""

    identities: Annotated[
        list[str] | None, typer.Argument(metavar="IDENTITY...", help="Results, by their identities.")
    ] = None
    study: Annotated[str | None, typer.Option(help="All results that this study uses.")] = None
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False


@app.command("rm", epilog="Example: ser results rm --study demo-quick-none+quantum-log_mel_prosody-1a2b3c4d")
@lazy_command("studies.cli.results.rm:discard")
def discard(options: DiscardOptions) -> None:
    """Discard results: their files are moved to the folder trash, and studies that use them train these folds again.

    It shows which studies these are, and asks. The MLflow runs of the folds are tagged as superseded, on a tracking
    server also those that other homes have written. A study must not run meanwhile.
    """
