"""Shell command that runs a study, from its plan."""

import shlex
from collections.abc import Iterable

from studies.planning.plan import StudyPlan
from studies.planning.plan_options import plan_options


def study_command(plan: StudyPlan, root: str | None) -> str:
    """Return the command that runs a study, or resumes it.

    Args:
        plan: The plan.
        root: Folder of its corpus, or None for the demo corpus, which needs none.

    Returns:
        A shell command. It also has the options that its recipe sweeps, so that it stays the same study
        when a recipe changes.
    """
    options = plan_options(plan)
    words = ["ser", "study", "run", "--corpus", options.corpus]
    words += _option("--root", root)
    words += _repeat_option("--corpus-set", [f"{name}={value}" for name, value in options.corpus_options.items()])
    words += ["--recipe", options.recipe]
    words += _repeat_option("--features", options.features)
    words += _repeat_option("--attention", options.attentions)
    words += [] if options.baseline else ["--no-baseline"]
    words += _repeat_option("--labels", options.labels)
    words += _repeat_option("--scope", options.scopes)
    words += _option("--criterion", options.criterion)
    words += _option("--folds", options.folds)
    words += _option("--seeds", options.seeds if options.seeds > 1 else None)
    words += _option("--trials", options.trials)
    words += _option("--pruner", options.pruner)
    words += _repeat_option("--set", [f"{name}={value}" for name, value in options.overrides.items()])
    return shlex.join(words)


def _option(option: str, value: object) -> list[str]:
    return [] if value is None else [option, str(value)]


def _repeat_option(option: str, values: Iterable[object]) -> list[str]:
    return [word for value in values for word in (option, str(value))]
