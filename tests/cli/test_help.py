from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from ser.corpora.registry import LOADERS
from studies.cli.main import app


def commands(group: typer.core.TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The group itself and all commands and groups below it."""
    yield path
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


ROOT = typer.main.get_command(app)
assert isinstance(ROOT, typer.core.TyperGroup)
ALL = sorted(commands(ROOT))


def test_the_commands_are_those_that_the_readme_names() -> None:
    expected = {
        "study run",
        "study status",
        "study list",
        "report",
        "report published",
        "ui",
        "dashboard",
        "corpus make-demo",
        "corpus make-layout",
        "corpus check",
        "doctor",
        "storage init",
        "storage check",
    }
    assert expected <= {" ".join(path) for path in ALL}


@pytest.mark.parametrize("path", ALL, ids=lambda path: " ".join(["ser", *path]))
def test_every_command_and_group_has_help_with_an_example(path: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(app, [*path, "--help"])
    assert answer.exit_code == 0
    assert f"Example: ser {' '.join(path)}".strip() in " ".join(answer.output.split())


def test_the_help_of_a_study_names_every_corpus() -> None:
    shown = CliRunner().invoke(app, ["study", "run", "--help"], env={"COLUMNS": "200"}).output
    assert [corpus for corpus in LOADERS if corpus not in shown] == []


SERVERS_AND_DEFAULTS = {("dashboard",), ("doctor",), ("report",), ("ui",)}
"""Commands that do something without any option."""


@pytest.mark.parametrize("path", [path for path in ALL if path not in SERVERS_AND_DEFAULTS], ids=str)
def test_nothing_runs_where_a_command_or_an_option_is_missing(path: tuple[str, ...]) -> None:
    if path in {
        ("study", "list"),
        ("study", "status"),
        ("study", "check"),
        ("corpus", "make-demo"),
        ("corpus", "check"),
        ("report", "published"),
        ("storage", "init"),
        ("storage", "check"),
    }:
        path = (*path, "--no-such-option")
    answer = CliRunner().invoke(app, list(path))
    assert answer.exit_code == 2
    assert "Traceback" not in answer.output
