"""`ser storage`: make the databases of studies and runs, and see how they stand."""

import typer

from studies.cli.options import HOME, HomeOption, StorageOption, TrackingOption

app = typer.Typer(
    help="Make the databases of studies and runs, and see how they stand.",
    epilog="Example: ser storage check",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("init", epilog="Example: ser storage init --storage postgresql+psycopg://ser@db.lab/ser")
def init(home: HomeOption = HOME, storage: StorageOption = None, tracking: TrackingOption = None) -> None:
    """Make the databases where they are missing; what is there stays as it is.

    A study does the same at its start. A PostgreSQL database itself is made by its administrator, such as by createdb.
    """
    from studies.monitoring.storage_status import make_storages
    from studies.storages.home import Home

    make_storages(Home(home, storage, tracking))
    check(home, storage, tracking)


@app.command("check", epilog="Example: ser storage check --tracking http://mlflow.lab:5000")
def check(home: HomeOption = HOME, storage: StorageOption = None, tracking: TrackingOption = None) -> None:
    """Show what the databases are, their versions, what they hold and who runs studies; passwords are left out."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from studies.monitoring.storage_status import storage_findings
    from studies.storages.home import Home

    table = Table("what", "found", title="ser storage", title_justify="left")
    for name, found in storage_findings(Home(home, storage, tracking)):
        table.add_row(name, Text(found))
    Console(soft_wrap=True).print(table)
