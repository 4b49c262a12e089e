"""Search: recipes, the space of variants, the coordinator, its executors and the command line.

From Python, `studies.run` runs a study and `studies.results` reads what studies have decided. Both are imported when
they are first asked for, so that `import studies` stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from studies.interface.results import results as results
    from studies.interface.run import run as run

_FUNCTIONS = {"results": "studies.interface.results", "run": "studies.interface.run"}


def __getattr__(name: str) -> Any:
    """Import a function of the Python interface."""
    if name in _FUNCTIONS:
        return getattr(import_module(_FUNCTIONS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
