import gc
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from studies.cli.lazy_command import _import_body, lazy_command


def test_garbage_is_collected_again_once_a_body_is_imported() -> None:
    assert _import_body("gc:isenabled")() is True
    with pytest.raises(ModuleNotFoundError):
        _import_body("no_such_module:run")
    assert gc.isenabled()


@dataclass(frozen=True, kw_only=True)
class PathOptions:
    audio: Annotated[list[Path], typer.Argument()]
    output: Annotated[Path | None, typer.Option()] = None
    page: Annotated[Path | None, typer.Option()] = None
    model: Annotated[str | None, typer.Option()] = None


received: list[PathOptions] = []


def test_home_in_paths_of_any_option_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/people/anna")
    app = typer.Typer()

    def read(options: PathOptions) -> None: ...

    app.command()(lazy_command(f"{__name__}:received.append")(read))
    arguments = ["~/a.wav", "b/~.wav", "--output=~/grids", "--model=~x"]
    answer = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    assert received == [
        PathOptions(audio=[Path("/people/anna/a.wav"), Path("b/~.wav")], output=Path("/people/anna/grids"), model="~x")
    ]
