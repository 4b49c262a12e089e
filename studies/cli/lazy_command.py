"""Commands of one option per field of a dataclass, whose body is imported when they run.

`ser X --help` must answer at once, and needs no more of a command than its options and its docstring. These stand in
light modules named `commands.py`. The body stands in a module of its own, which imports torch, mlflow and pandas at
its top as any other module does.
"""

import atexit
import gc
import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, TypeVar, cast, get_type_hints

import typer

from studies.cli.options import HomeOptions
from studies.cli.terminal.interrupts import raise_on_interrupt

Options = TypeVar("Options")

_SHARED_OPTIONS = frozenset(field.name for field in fields(HomeOptions))


def lazy_command(body: str) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Make a Typer command of a declaration, a function without a body that takes a dataclass of options.

    The command has the declaration's docstring as its help, and one option per field; `~` in paths is the user's home.
    A group's command does nothing where one of its subcommands is asked for.

    Args:
        body: Function that does the work, as 'module:function'; it takes the options, too.
    """

    def make_command(declaration: Callable[[Options], None]) -> Callable[..., None]:
        (options_class,) = (hint for name, hint in get_type_hints(declaration).items() if name != "return")

        @wraps(declaration)
        def command(context: typer.Context, **values: Any) -> None:
            if context.invoked_subcommand is None:
                run_body = _import_body(body)
                raise_on_interrupt()
                run_body(options_class(**{name: _expand_home(value) for name, value in values.items()}))

        command.__signature__ = _signature(options_class)  # type: ignore[attr-defined]
        command.body = body  # type: ignore[attr-defined]
        return command

    return make_command


def _expand_home(value: Any) -> Any:
    """Expand `~` in a path or a list of paths: a shell leaves it in `--output=~/FOLDER` as it is."""
    if isinstance(value, list):
        return [_expand_home(entry) for entry in value]
    return value.expanduser() if isinstance(value, Path) else value


def _import_body(name: str) -> Callable[..., None]:
    """Import the function that does a command's work, without searching for garbage.

    All that is imported stays to the end. To walk over it again and again, the last time when the process ends, takes
    a third of the time of a small report.
    """
    atexit.register(gc.freeze)
    gc.disable()
    try:
        return cast(Callable[..., None], resolve_name(name))
    finally:
        gc.freeze()
        gc.enable()


def _signature(options_class: type) -> inspect.Signature:
    """Signature of a command: its own options, then those that commands share."""
    options = inspect.signature(options_class).parameters.values()
    ordered = sorted(options, key=lambda option: option.name in _SHARED_OPTIONS)
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    return inspect.Signature([context, *ordered])
