"""Options that several commands share, and the passwords in them."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from tracking.backend.errors import redact_password

_VARIABLES = {"--storage": "SER_STORAGE", "--tracking": "SER_TRACKING"}


CORPORA = "demo, emodb, iemocap, fau_aibo, manifest or audformat"
FRONT_ENDS = (
    "Front end: log_mel, log_mel_prosody, opensmile:SET, pretrained:FOLDER@LAYER (or @FIRST..LAST) or "
    "files:FOLDER@SECONDS"
)

HomeFolder = Annotated[Path, typer.Option(help="Folder of results and reports.", envvar="SER_HOME")]
CorpusSet = Annotated[list[str] | None, typer.Option(help="An option of the corpus, as name=value; may be repeated.")]
Download = Annotated[
    bool, typer.Option("--download", help="Download encoders that are named by their id on the Hugging Face hub.")
]


@dataclass(frozen=True, kw_only=True)
class StorageOptions:
    """Options of commands that read studies and no runs."""

    home: HomeFolder = Path("data")
    storage: Annotated[
        str | None,
        typer.Option(
            help="PostgreSQL database of studies, postgresql+psycopg://USER:PASSWORD@HOST/DATABASE; SQLite without it.",
            envvar="SER_STORAGE",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class HomeOptions(StorageOptions):
    """Options of commands that read studies and their runs."""

    tracking: Annotated[
        str | None,
        typer.Option(
            help="MLflow tracking server, such as http://HOST:5000; SQLite without it.", envvar="SER_TRACKING"
        ),
    ] = None


def run_without_passwords_in_arguments() -> None:
    """Start this program anew where its arguments hold a password: all users of a machine can read them.

    They cannot read its environment.
    """
    arguments, variables = move_passwords(sys.orig_argv)
    if variables:
        os.execve(sys.executable, arguments, {**os.environ, **variables})


def move_passwords(arguments: Sequence[str]) -> tuple[list[str], Mapping[str, str]]:
    """Move URLs that hold a password from a command's arguments to the variables that its options read.

    Returns:
        The words that are left, and the variables.

    Examples:
        >>> move_passwords(["ser", "report", "--tracking", "http://me:secret@host"])
        (['ser', 'report'], {'SER_TRACKING': 'http://me:secret@host'})
    """
    left: list[str] = []
    variables: dict[str, str] = {}
    words = iter(arguments)
    for word in words:
        option, separator, value = word.partition("=")
        if option in _VARIABLES and not separator:
            value = next(words, "")
        if option in _VARIABLES and redact_password(value) != value:
            variables[_VARIABLES[option]] = value
        else:
            left += [word] if separator or option not in _VARIABLES else [word, value]
    return left, variables
