"""Options that several commands share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from typing_extensions import override

from studies.storages.home import Home


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

    def open_home(self) -> Home:
        """Return the data directory that the options name."""
        return Home(self.home, self.storage)


@dataclass(frozen=True, kw_only=True)
class HomeOptions(StorageOptions):
    """Options of commands that read studies and their runs."""

    tracking: Annotated[
        str | None,
        typer.Option(
            help="MLflow tracking server, such as http://HOST:5000; SQLite without it.", envvar="SER_TRACKING"
        ),
    ] = None

    @override
    def open_home(self) -> Home:
        return Home(self.home, self.storage, self.tracking)
