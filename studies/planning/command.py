"""Shell command that runs a study, from its plan."""

import shlex
from collections.abc import Set
from typing import Any, get_args

from ser.config import WINDOWED_ATTENTIONS, AttentionName
from ser.features.frontends.choices import format_choice
from studies.planning.plan import StudyPlan
from studies.planning.recipes import recipe_named


def study_command(plan: StudyPlan, root: str | None) -> str:
    """Return the command that runs a study, or resumes it.

    Args:
        plan: The plan.
        root: Folder of its corpus, or None for the demo corpus, which needs none.

    Returns:
        A shell command. It also has the options that its recipe sweeps, so that it stays the same study
        when a recipe changes.
    """
    sweeps_all = set(plan.attentions) == set(get_args(AttentionName))
    words = ["ser", "study", "run", "--corpus", plan.corpus]
    words += [] if root is None else ["--root", root]
    words += _repeat_option("--corpus-set", [f"{name}={value}" for name, value in plan.corpus_options.items()])
    words += ["--recipe", plan.recipe]
    words += _repeat_option("--features", map(format_choice, plan.front_ends))
    words += _repeat_option("--attention", ["all"] if sweeps_all else plan.attentions)
    if "none" not in plan.attentions and plan.space is None:
        words += ["--no-baseline"]
    # A search's name depends on its whole space, also on dimensions without effect.
    if plan.criterion == "ctc" or plan.space is not None:
        words += _repeat_option("--labels", plan.labels)
    if not set(plan.attentions).isdisjoint(WINDOWED_ATTENTIONS) or plan.space is not None:
        words += _repeat_option("--scope", plan.scopes)
    recipe = recipe_named(plan.recipe)
    defaults = recipe.settings_for(plan.corpus)
    if plan.criterion != defaults["criterion"]:
        words += ["--criterion", plan.criterion]
    if plan.folds != recipe.folds_for(plan.corpus):
        words += ["--folds", plan.folds]
    if len(plan.seeds) > 1:
        words += ["--seeds", str(len(plan.seeds))]
    if plan.trials is not None:
        words += ["--trials", str(plan.trials)]
    if plan.pruner != recipe.pruner:
        words += ["--pruner", plan.pruner]
    searched = {} if plan.space is None else plan.space.dimensions
    fixed = {name for name in recipe.space.keys() - searched.keys() if plan.has_dimension(name)}
    for kind, differing in plan.front_end_settings.items():
        fixed |= recipe.front_end_settings[kind].keys() - differing.keys()
    words += _repeat_option("--set", _changed_settings(plan, defaults, fixed))
    if plan.precision != recipe.precision:
        words += ["--set", f"precision={plan.precision}"]
    return shlex.join(words)


def _repeat_option(option: str, values: Any) -> list[str]:
    return [word for value in values for word in (option, str(value))]


def _changed_settings(plan: StudyPlan, defaults: dict[str, Any], fixed: Set[str]) -> list[str]:
    """Return settings that differ from the recipe's, or that it would search; `validation` follows from the folds."""
    return [
        f"{name}={'off' if value is None else value}"
        for name, value in plan.settings.items()
        if (value != defaults.get(name) or name in fixed) and (name != "validation" or value is not None)
    ]
