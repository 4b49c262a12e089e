"""The command that runs a study, from its plan."""

import shlex
from collections.abc import Set
from typing import Any, get_args

from ser.config import WINDOWED_ATTENTIONS, AttentionName
from studies.planning.plan import StudyPlan
from studies.planning.recipes import recipe_named


def study_command(plan: StudyPlan, root: str | None) -> str:
    """The command that runs a study, or goes on with it.

    Args:
        plan: The study.
        root: Folder of its corpus, or None for the demo corpus, which has its own.

    Returns:
        A command for a shell. What its recipe sweeps stands in it too, so that it stays the same study
        when a recipe changes.
    """
    everything = set(plan.attentions) == set(get_args(AttentionName))
    words = ["ser", "study", "run", "--corpus", plan.corpus]
    words += [] if root is None else ["--root", root]
    words += _repeat_option("--corpus-set", [f"{name}={value}" for name, value in plan.corpus_options.items()])
    words += ["--recipe", plan.recipe]
    words += _repeat_option("--attention", ["all"] if everything else plan.attentions)
    # A search's name rests on its whole space, also on what has no effect in it.
    if plan.criterion == "ctc" or plan.space is not None:
        words += _repeat_option("--labels", plan.labels)
    if not set(plan.attentions).isdisjoint(WINDOWED_ATTENTIONS) or plan.space is not None:
        words += _repeat_option("--scope", plan.scopes)
    recipe = recipe_named(plan.recipe)
    usual = recipe.settings_for(plan.corpus)
    if plan.criterion != usual["criterion"]:
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
    words += _repeat_option("--set", _own_settings(plan, usual, fixed=recipe.space.keys() - searched.keys()))
    if plan.precision != recipe.precision:
        words += ["--set", f"precision={plan.precision}"]
    return shlex.join(words)


def _repeat_option(option: str, values: Any) -> list[str]:
    return [word for value in values for word in (option, str(value))]


def _own_settings(plan: StudyPlan, usual: dict[str, Any], fixed: Set[str]) -> list[str]:
    """Settings that are not the recipe's, or that it would search; `validation` is implied by the folds."""
    return [
        f"{name}={'off' if value is None else value}"
        for name, value in plan.settings.items()
        if (value != usual.get(name) or name in fixed) and (name != "validation" or value is not None)
    ]
