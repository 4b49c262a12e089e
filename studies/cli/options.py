"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

HOME = Path("data")
"""Where results are kept unless `--home` or SER_HOME says otherwise."""

HomeOption = Annotated[Path, typer.Option("--home", help="Folder of results and reports.", envvar="SER_HOME")]
