import subprocess
import sys
from collections.abc import Iterator
from pkgutil import resolve_name
from typing import Any, get_type_hints

import pytest
import typer
from typer.testing import CliRunner

from ser.corpora.registry import LOADERS
from studies.cli.main import app

# Slow to import, and needed by no help.
HEAVY = ("torch", "mlflow", "optuna", "pandas", "sklearn", "scipy", "matplotlib", "statsmodels", "numpy")


def commands(group: typer.core.TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the group itself and all commands and groups below it."""
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
        "model make",
        "predict",
        "serve",
        "results list",
        "results rm",
        "storage init",
        "storage check",
    }
    assert expected <= {" ".join(path) for path in ALL}


@pytest.mark.parametrize("path", ALL, ids=lambda path: " ".join(["ser", *path]))
def test_every_command_and_group_has_help_with_an_example(path: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(app, [*path, "--help"])
    assert answer.exit_code == 0
    assert f"Example: ser {' '.join(path)}".strip() in " ".join(answer.output.split())


def test_help_imports_no_heavy_library() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from studies.cli.main import app\n"
        f"assert all(CliRunner().invoke(app, [*path, '--help']).exit_code == 0 for path in {ALL!r})\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert answer.stdout.strip() == "[]", answer.stderr


def command_at(path: tuple[str, ...]) -> typer.core.TyperCommand:
    command: Any = ROOT
    for name in path:
        command = command.commands[name]
    return command


COMMANDS = [path for path in ALL if hasattr(command_at(path).callback, "__wrapped__")]
"""All but the groups that only hold commands."""


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path))
def test_a_commands_body_takes_its_options(path: tuple[str, ...]) -> None:
    command = command_at(path).callback
    assert get_type_hints(resolve_name(command.body)) == get_type_hints(command.__wrapped__)


def test_the_help_of_a_study_names_every_corpus() -> None:
    output = CliRunner().invoke(app, ["study", "run", "--help"], env={"COLUMNS": "200"}).output
    assert [corpus for corpus in LOADERS if corpus not in output] == []


SERVERS_AND_DEFAULTS = {("dashboard",), ("doctor",), ("report",), ("serve",), ("ui",)}
"""Commands that do something without any option."""


@pytest.mark.parametrize("path", [path for path in ALL if path not in SERVERS_AND_DEFAULTS], ids=str)
def test_nothing_runs_where_a_command_or_an_option_is_missing(path: tuple[str, ...]) -> None:
    if path in {
        ("study", "list"),
        ("study", "run"),
        ("study", "show"),
        ("study", "status"),
        ("study", "check"),
        ("corpus", "make-demo"),
        ("corpus", "check"),
        ("features", "list"),
        ("features", "check"),
        ("report", "published"),
        ("results", "list"),
        ("results", "rm"),
        ("storage", "init"),
        ("storage", "check"),
        ("storage", "upgrade"),
        ("model", "make"),
        ("model", "register"),
        ("model", "export"),
    }:
        path = (*path, "--no-such-option")
    answer = CliRunner().invoke(app, list(path))
    assert answer.exit_code == 2
    assert "Traceback" not in answer.output
