"""Print how a study is run: its command, or its study file."""

import typer

from studies.cli.arguments import find_study, open_home
from studies.cli.study.commands import ShowOptions
from studies.cli.terminal.text_output import printable
from studies.planning.command import study_command
from studies.planning.study_file import format_study_file
from studies.provenance import home_tag_name
from studies.reporting.next_commands import home_option


def show(options: ShowOptions) -> None:
    """Print one command, or YAML."""
    home = open_home(options)
    study = find_study(home, options.study)
    root = study.root_of(home_tag_name(home.root))
    if options.yaml:
        typer.echo(format_study_file(study.name, study.plan, root), nl=False)
    else:
        typer.echo(printable(f"{study_command(study.plan, root)}{home_option(home)}"))
