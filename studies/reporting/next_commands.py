"""Shell commands that a report and the terminal offer: how to make and use the model of a study."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from studies.planning.command import study_command
from studies.provenance import home_tag_name
from studies.search.summaries import StudySummary
from studies.storages.home import Home
from tracking.analysis.variants.scores import ScoredVariant

_DEFAULT_HOME = Path("data")
_MORE_SEEDS = 5


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


def next_commands(home: Home, studies: Sequence[StudySummary], winner: ScoredVariant) -> tuple[tuple[str, str], ...]:
    """List commands that go on from the variant that validation chose, each after its purpose.

    Returns:
        Commands that make and use its model, and one that repeats its study with more seeds, unless that is a search,
        which proposes other points with more seeds; none where its study is not in the home.
    """
    study = next((study for study in studies if study.name == winner.trials[0].study), None)
    if study is None:
        return ()
    make, predict = model_commands(study.name, home)
    commands = [("Make its model", make), ("Recognise emotions", predict)]
    if len(winner.seeds) == 1 and study.plan.space is None:
        again = study_command(study.plan, study.root_of(home_tag_name(home.root)))
        commands.append(("Train more seeds", f"{again} --seeds {_MORE_SEEDS}{home_option(home)}"))
    return tuple(commands)
