"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

HOME = Path("data")
"""Where results are kept unless `--home` or SER_HOME says otherwise."""

HomeOption = Annotated[Path, typer.Option("--home", help="Folder of results and reports.", envvar="SER_HOME")]

StorageOption = Annotated[
    str | None,
    typer.Option(
        "--storage",
        help="PostgreSQL database of studies, postgresql+psycopg://USER:PASSWORD@HOST/DATABASE; SQLite without it.",
        envvar="SER_STORAGE",
    ),
]

TrackingOption = Annotated[
    str | None,
    typer.Option(
        "--tracking",
        help="MLflow tracking server, such as http://HOST:5000; SQLite without it.",
        envvar="SER_TRACKING",
    ),
]
