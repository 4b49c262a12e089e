"""Command `ser` with all its groups, and its errors, each in one line."""

from typing import Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

from ser.errors import UnavailableError
from studies.cli import commands
from studies.cli.corpus.commands import app as corpus
from studies.cli.features.commands import app as features
from studies.cli.model.commands import app as model
from studies.cli.model.commands import predict, serve
from studies.cli.options import run_without_passwords_in_arguments
from studies.cli.report.commands import app as report
from studies.cli.results.commands import app as results
from studies.cli.study.commands import app as study
from studies.cli.terminal.interrupts import STOPPED
from studies.cli.terminal.text_output import printable, redact_output, substitute_missing_characters
from tracking.backend.errors import translate_error


class OneLineErrorGroup(TyperGroup):
    """Print one line, without a traceback, for an error that the user can fix, and after Ctrl-C or SIGTERM."""

    @override
    def invoke(self, ctx: Any) -> Any:
        substitute_missing_characters()
        redact_output()
        run_without_passwords_in_arguments()
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, SystemExit):
            typer.echo(STOPPED, err=True)
            raise
        except Exception as error:
            user_error = translate_error(error)
            if user_error is None:
                raise
            hint = "; run the same command later to resume" if isinstance(user_error, UnavailableError) else ""
            typer.secho(f"error: {printable(str(user_error))}{hint}", err=True, fg=typer.colors.RED)
            raise typer.Exit(user_error.exit_code) from None


app = typer.Typer(
    cls=OneLineErrorGroup,
    help="Tracked cross-validation sweeps for speech emotion recognition.",
    epilog="Example: ser study run --attention quantum",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    # Their frames break lines within a password, so that it is not recognised.
    pretty_exceptions_enable=False,
)
app.add_typer(study, name="study")
app.add_typer(corpus, name="corpus")
app.add_typer(features, name="features")
app.add_typer(report, name="report")
app.add_typer(results, name="results")
app.add_typer(model, name="model")
app.command(
    epilog="Example: ser predict recording.wav --model data/models/demo-quick-none+quantum-log_mel_prosody-1a2b3c4d"
)(predict)
app.command(epilog="Example: ser serve --port 8090")(serve)
app.add_typer(commands.storage, name="storage")
app.command(epilog="Example: ser ui --port 5000")(commands.ui)
app.command(epilog="Example: ser dashboard --port 8080")(commands.dashboard)
app.command()(commands.doctor)
