"""Create and migrate the databases of `ser storage`, and print their state."""

import typer
from rich.table import Table
from rich.text import Text

from studies.cli.arguments import open_home
from studies.cli.options import HomeOptions
from studies.cli.terminal.console import Console
from studies.cli.terminal.progress import print_message
from studies.monitoring.storage_status import create_storages, describe_storages, upgrade_storages


def init(options: HomeOptions) -> None:
    """Create the databases that are missing, then print what there is."""
    create_storages(open_home(options), print_message)
    check(options)


def check(options: HomeOptions) -> None:
    """Print the databases, one row per fact."""
    table = Table("what", "found", title="ser storage", title_justify="left")
    for name, value in describe_storages(open_home(options)):
        table.add_row(name, Text(value))
    Console(soft_wrap=True).print(table)


def upgrade(options: HomeOptions) -> None:
    """Migrate the databases of older versions, and print what was done, one line for each."""
    for line in upgrade_storages(open_home(options)):
        typer.echo(line)
