"""The recipes cell by cell, as the method states them."""

from typing import Any

import pytest

from ser.config import FoldConfiguration
from ser.corpora.registry import LOADERS
from ser.errors import ConfigurationError
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.planning.recipes import RECIPES, default_recipe, recipe_named
from studies.planning.search_space import Categorical

PAPER_SCOPES = (3, 5, 7, 9, 11, 15, 21)

# Setting: its value in `paper`, `recommended` and `quick`.
TABLE: dict[str, tuple[Any, Any, Any]] = {
    "criterion": ("ctc", "ctc", "ctc"),
    "component_score": ("window", "dense", "dense"),
    "attention_norm": ("window", "window", "window"),
    "quantum_boundary": ("frames", "frames", "frames"),
    "quantum_states": ("raw", "unit", "unit"),
    "normalisation": ("minmax_utterance", "zscore_speaker", "zscore_speaker"),
    "stack": (1, 3, 2),
    "layers": (2, 2, 2),
    "cells": (128, 128, 64),
    "dropout": (None, None, 0.3),
    "rmsprop": ("tf1", "torch", "torch"),
    "learning_rate": (1e-3, 1e-3, 1e-3),
    "loss_scale": ("utterance", "utterance", "utterance"),
    "batch_size": (32, 32, 8),
    "gradient_clip": (None, 5.0, 5.0),
    "epochs": (60, 24, 10),
    "selection": ("best_validation", "last", "best_validation"),
    "ema_decay": (None, 0.98, 0.98),
    "decision": ("best_path", "posterior", "posterior"),
    "balance": ("none", "none", "none"),
    "validation": ("partner", "partner", "partner"),
}
NAMES = ("paper", "recommended", "quick")
LABELS = {
    "paper": ("words", "phonemes", "phonemes_x2"),
    "recommended": ("words", "phonemes", "utterance"),
    "quick": ("words", "phonemes", "phonemes_x2"),
}
SCOPES = {"paper": PAPER_SCOPES, "recommended": PAPER_SCOPES, "quick": (9,)}
PRECISION = {"paper": "fp32", "recommended": "auto", "quick": "auto"}

# Each of these settings has an effect under one of these attentions.
READER = {
    "component_score": "component",
    "attention_norm": "local",
    "quantum_boundary": "quantum",
    "quantum_states": "quantum",
}


def test_three_recipes_sweep_a_grid_and_one_searches() -> None:
    assert tuple(RECIPES) == (*NAMES, "extended")
    assert [name for name, recipe in RECIPES.items() if recipe.space] == ["extended"]


def test_what_the_extended_recipe_searches() -> None:
    assert set(RECIPES["extended"].space) == {
        "learning_rate",
        "cells",
        "layers",
        "dropout",
        "stack",
        "ema_decay",
        "normalisation",
        "component_score",
        "attention_norm",
        "quantum_boundary",
        "quantum_states",
        "decision",
        "projection",
    }
    plan = StudyPlan.from_options(StudyOptions(corpus="emodb", recipe="extended", attentions=("all",)))
    assert (plan.trials, plan.pruner, plan.seeds) == (50, "median", (1,))
    assert plan.base("fp32") == StudyPlan.from_options(
        StudyOptions(corpus="emodb", recipe="recommended", attentions=("none",))
    ).base("fp32")


@pytest.mark.parametrize("name", sorted(set(RECIPES["extended"].space) - {"projection"}))
def test_every_value_that_is_searched_is_a_valid_one(name: str) -> None:
    dimension = RECIPES["extended"].space[name]
    values = dimension.values if isinstance(dimension, Categorical) else (dimension.low, dimension.high)
    plan = StudyPlan.from_options(StudyOptions(corpus="emodb", recipe="extended", attentions=("none",)))
    point = plan.parameters(plan.base("fp32")) | {"attention": READER.get(name, "none"), "scope": 3}
    assert len({plan.configuration(point | {name: value}, "fp32") for value in values}) == len(values) > 1


@pytest.mark.parametrize("recipe", NAMES)
@pytest.mark.parametrize("setting", TABLE)
def test_a_setting_of_a_recipe_reaches_the_points(setting: str, recipe: str) -> None:
    expected = TABLE[setting][NAMES.index(recipe)]
    plan = StudyPlan.from_options(
        StudyOptions(corpus="iemocap", recipe=recipe, attentions=(READER.get(setting, "none"),))
    )
    assert {getattr(point, setting) for point in plan.points("fp32")} == {expected}


@pytest.mark.parametrize("recipe", NAMES)
def test_what_a_recipe_sweeps(recipe: str) -> None:
    plan = StudyPlan.from_options(StudyOptions(corpus="iemocap", recipe=recipe, attentions=("local",)))
    assert (plan.labels, plan.scopes, plan.precision) == (LABELS[recipe], SCOPES[recipe], PRECISION[recipe])
    assert plan.seeds == (1,)


@pytest.mark.parametrize(("recipe", "balance"), [("paper", "upsample"), ("recommended", "upsample"), ("quick", "none")])
def test_fau_aibo_is_upsampled_by_the_recipes_for_real_corpora(recipe: str, balance: str) -> None:
    plan = StudyPlan.from_options(StudyOptions(corpus="fau_aibo", recipe=recipe, attentions=("none",)))
    assert {point.balance for point in plan.points("fp32")} == {balance}


def test_the_demo_is_heard_with_prosody_by_its_recipe_alone() -> None:
    def labels(recipe: str, corpus: str, *features: str) -> list[str]:
        options = StudyOptions(corpus=corpus, recipe=recipe, attentions=("none",), features=features)
        return [choice.settings.label for choice in StudyPlan.from_options(options).front_end_choices()]

    assert labels("quick", "demo") == ["log_mel_prosody"]
    assert (
        labels("quick", "demo", "log_mel") == labels("quick", "emodb") == labels("recommended", "demo") == ["log_mel"]
    )


def test_a_recipe_fixes_every_setting_that_it_does_not_sweep() -> None:
    swept = {"attention", "scope", "labels", "seed", "precision", "features"}
    for recipe in RECIPES.values():
        assert set(recipe.settings) == set(FoldConfiguration.model_fields) - swept


def test_the_default_recipe_is_quick_for_the_demo_only() -> None:
    assert default_recipe("demo") == "quick"
    assert {default_recipe(corpus) for corpus in LOADERS if corpus != "demo"} == {"recommended"}


def test_an_unknown_recipe_is_one_line_with_the_names() -> None:
    with pytest.raises(ConfigurationError) as caught:
        recipe_named("quik")
    assert (
        str(caught.value) == "unknown recipe 'quik' (did you mean 'quick'?); valid: paper, recommended, quick, extended"
    )
