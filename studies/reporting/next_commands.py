"""Shell commands that a report and the terminal offer: how to make and use the model of a study."""

import shlex
from pathlib import Path

from studies.storages.home import Home

_DEFAULT_HOME = Path("data")


def is_default_home(home: Home) -> bool:
    """Tell whether commands find a data directory without its name."""
    return home.root.resolve() == _DEFAULT_HOME.resolve()


def home_option(home: Home) -> str:
    """Return the option that names a data directory, after a blank; empty for the default one."""
    return "" if is_default_home(home) else f" --home {shlex.quote(str(home.root.resolve()))}"


def model_commands(study: str, home: Home) -> tuple[str, str]:
    """Return the commands that make a model of a study's best variant, and that use it."""
    option = home_option(home)
    return f"ser model make --study {study}{option}", f"ser predict AUDIO{option}"
