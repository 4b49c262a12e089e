"""The command `ser`, and how its errors read: one line that says what to mend."""

from typing import Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

from ser.errors import UnavailableError
from studies.cli import storage
from studies.cli.corpus import commands
from studies.cli.dashboard import dashboard
from studies.cli.doctor import doctor
from studies.cli.report import command
from studies.cli.study import run
from studies.cli.ui import ui
from tracking.backend.errors import translate_error


class OneLineErrorGroup(TyperGroup):
    """Prints an error that the user can mend as one line, without a traceback."""

    @override
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            known = translate_error(error)
            if known is None:
                raise
            hint = (
                "; give the same command again when it can: it goes on" if isinstance(known, UnavailableError) else ""
            )
            typer.secho(f"error: {known}{hint}", err=True, fg=typer.colors.RED)
            raise typer.Exit(known.exit_code) from None


app = typer.Typer(
    cls=OneLineErrorGroup,
    help="Tracked cross-validation sweeps for speech emotion recognition.",
    epilog="Example: ser study run --attention quantum",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.add_typer(run.app, name="study")
app.add_typer(commands.app, name="corpus")
app.add_typer(command.app, name="report")
app.add_typer(storage.app, name="storage")
app.command(epilog="Example: ser ui --port 5000")(ui)
app.command(epilog="Example: ser dashboard --port 8080")(dashboard)
app.command()(doctor)
