"""Learning speech emotions, one cross-validation fold at a time.

This package knows corpora, features, labels, folds, the model and its training. It knows neither
the tracker nor the sweep: `tracking` and `studies` build on it, never the other way round.

`ser.load_model` loads a model that `ser model make` has made; it is imported when it is first asked for.
"""

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ser.inference import load_model as load_model

# Where no log file is open, such as in a worker, nothing is printed on the terminal.
logging.getLogger("ser").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    """Import the function of the Python interface."""
    if name == "load_model":
        from ser.inference import load_model

        return load_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
