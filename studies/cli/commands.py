"""Options and help of `ser ui`, `ser dashboard`, `ser doctor` and `ser storage`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from studies.cli.lazy_command import lazy_command
from studies.cli.options import HomeFolder, HomeOptions, StorageOptions

storage = typer.Typer(
    help="Create the databases of studies and runs, and show their state.",
    epilog="Example: ser storage check",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@dataclass(frozen=True, kw_only=True)
class UiOptions(HomeOptions):
    """Options of `ser ui`."""

    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 5000


@lazy_command("studies.cli.ui:serve_ui")
def ui(options: UiOptions) -> None:
    """Serve the MLflow UI on 127.0.0.1 and print the address of the newest study's runs. Stop it with Ctrl-C.

    With --tracking the server has pages of its own; only their address is printed.
    """


@dataclass(frozen=True, kw_only=True)
class DashboardOptions(StorageOptions):
    """Options of `ser dashboard`."""

    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 8080


@lazy_command("studies.cli.dashboard:serve_dashboard")
def dashboard(options: DashboardOptions) -> None:
    """Serve Optuna's dashboard on 127.0.0.1: history, parameters and their importance. Stop it with Ctrl-C.

    It is read-only. Its values are mean validation UA, which guides the search; for test scores see the report.
    """


@dataclass(frozen=True, kw_only=True)
class DoctorOptions:
    """Options of `ser doctor`."""

    home: HomeFolder = Path("data")


@lazy_command("studies.cli.doctor:print_findings")
def doctor(options: DoctorOptions) -> None:
    """Show versions, processor, device, memory, disk and the workers a study would use.

    Example: ser doctor --home data
    """


@storage.command("init", epilog="Example: ser storage init --storage postgresql+psycopg://ser@db.lab/ser")
@lazy_command("studies.cli.storage:init")
def storage_init(options: HomeOptions) -> None:
    """Create the databases that are missing; existing ones are left unchanged.

    A study does the same when it starts. A PostgreSQL database itself is created by its administrator, such as with
    createdb.
    """


@storage.command("check", epilog="Example: ser storage check --tracking http://mlflow.lab:5000")
@lazy_command("studies.cli.storage:check")
def storage_check(options: HomeOptions) -> None:
    """Show the databases, their versions and contents, and the processes that run studies; never a password."""


@storage.command("upgrade", epilog="Example: ser storage upgrade --home data")
@lazy_command("studies.cli.storage:upgrade")
def storage_upgrade(options: HomeOptions) -> None:
    """Migrate databases that an older Optuna or MLflow has written, by their own commands, after a copy of each.

    Nothing else migrates a database. A PostgreSQL database and that of a tracking server are migrated by their
    administrator, with `optuna storage upgrade` and `mlflow db upgrade`.
    """
