"""Options that several commands share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer


@dataclass(frozen=True, kw_only=True)
class StorageOptions:
    """Options of commands that read studies and no runs."""

    home: Annotated[Path, typer.Option(help="Folder of results and reports.", envvar="SER_HOME")] = Path("data")
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
