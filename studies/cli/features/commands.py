"""Options and help of `ser features`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from studies.cli.lazy_command import lazy_command
from studies.cli.options import CORPORA, FRONT_ENDS, CorpusSet, Download, HomeFolder

app = typer.Typer(
    help="Build, list and check feature stores: the frames of a corpus by each front end.",
    epilog="Example: ser features list --home data",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@dataclass(frozen=True, kw_only=True)
class FeaturesOptions:
    """Options of `ser features list` and `ser features check`."""

    home: HomeFolder = Path("data")


@app.command("list", epilog="Example: ser features list --home data")
@lazy_command("studies.cli.features.stores:print_stores")
def list_(options: FeaturesOptions) -> None:
    """List the stores of a home: front end, corpus, frames, size, time that the frames took, and digest."""


@app.command(epilog="Example: ser features check --home data")
@lazy_command("studies.cli.features.stores:check_stores")
def check(options: FeaturesOptions) -> None:
    """Compare every store's frames with the digest they were written with; exits with 1 if one is damaged."""


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """Options of `ser features build`."""

    features: Annotated[list[str], typer.Option(help=f"{FRONT_ENDS}; may be repeated.")]
    corpus: Annotated[str, typer.Option(help=f"{CORPORA}.")]
    root: Annotated[Path, typer.Option(help="Folder of the corpus.")]
    corpus_set: CorpusSet = None
    download: Download = False
    export: Annotated[
        Path | None,
        typer.Option(help="Also write each utterance's frames to FOLDER/NAME/ID.npy; NAME is the front end's."),
    ] = None
    home: HomeFolder = Path("data")


@app.command(
    epilog="Example: ser features build --corpus emodb --root corpora/emodb "
    "--features pretrained:models/wavlm-base@6..9"
)
@lazy_command("studies.cli.features.build:build")
def build(options: BuildOptions) -> None:
    """Build stores without a study, such as on a cluster's shared disk; those that are there stay.

    Layers of one encoder are computed in one pass over the audio. After an interruption the same command goes on.
    """
