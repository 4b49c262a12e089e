"""Options that make a plan again: the inverse of `StudyPlan.from_options`."""

from collections.abc import Mapping, Set
from typing import Any, get_args

from ser.config import WINDOWED_ATTENTIONS, AttentionName
from ser.features.frontends.choices import format_choice
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.planning.recipes import Recipe, recipe_named


def plan_options(plan: StudyPlan) -> StudyOptions:
    """Return the options of a plan.

    They include what its recipe sweeps, so that they stay the same study when a recipe changes, and no option that the
    recipe's default equals.
    """
    recipe = recipe_named(plan.recipe)
    defaults = recipe.settings_for(plan.corpus)
    searches = plan.space is not None
    windowed = not set(plan.attentions).isdisjoint(WINDOWED_ATTENTIONS)
    # In another order they are another study.
    sweeps_all = plan.attentions == get_args(AttentionName)
    return StudyOptions(
        corpus=plan.corpus,
        recipe=plan.recipe,
        attentions=("all",) if sweeps_all else plan.attentions,
        baseline="none" in plan.attentions or searches,
        # A search's name depends on its whole space, also on dimensions without effect.
        labels=plan.labels if plan.has_targets or searches else (),
        scopes=plan.scopes if windowed or searches else (),
        criterion=None if plan.criterion == defaults["criterion"] else plan.criterion,
        folds=None if plan.folds == recipe.folds_for(plan.corpus) else plan.folds,
        seeds=len(plan.seeds),
        overrides=_overrides(plan, defaults),
        corpus_options=plan.corpus_options,
        trials=plan.trials,
        pruner=None if plan.pruner == recipe.pruner else plan.pruner,
        features=_features(plan, recipe),
    )


def _features(plan: StudyPlan, recipe: Recipe) -> tuple[str, ...]:
    """Return the front ends of a plan; none for log-mels where they are the recipe's."""
    front_ends = tuple(map(format_choice, plan.front_end_choices()))
    return () if front_ends == recipe.front_ends_for(plan.corpus) == ("log_mel",) else front_ends


def _overrides(plan: StudyPlan, defaults: Mapping[str, Any]) -> dict[str, str]:
    recipe = recipe_named(plan.recipe)
    searched = {} if plan.space is None else plan.space.dimensions
    fixed = {name for name in recipe.space.keys() - searched.keys() if plan.has_dimension(name)}
    for kind, differing in plan.front_end_settings.items():
        fixed |= recipe.front_end_settings[kind].keys() - differing.keys()
    precision = {} if plan.precision == recipe.precision else {"precision": plan.precision}
    return _changed_settings(plan, defaults, fixed) | precision


def _changed_settings(plan: StudyPlan, defaults: Mapping[str, Any], fixed: Set[str]) -> dict[str, str]:
    """Return settings that differ from the recipe's, or that it would search; `validation` follows from the folds."""
    return {
        name: "off" if value is None else str(value)
        for name, value in plan.settings.items()
        if (value != defaults.get(name) or name in fixed) and (name != "validation" or value is not None)
    }
