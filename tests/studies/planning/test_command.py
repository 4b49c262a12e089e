"""The command that a report prints runs the very study it speaks of."""

import shlex
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from ser.errors import StudyError
from ser.feature_settings import PretrainedSettings
from ser.features.frontends.base import FrontEndChoice
from studies.cli.main import app
from studies.planning.command import study_command
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.planning.plan_options import plan_options
from studies.planning.study_name import study_name

PLANS: dict[str, dict[str, Any]] = {
    "recipe alone": {"corpus": "emodb", "recipe": "recommended", "attentions": ("all",)},
    "all attentions in an order of their own": {
        "corpus": "emodb",
        "recipe": "quick",
        "attentions": ("quantum", "none", "local", "component"),
    },
    "one attention": {
        "corpus": "emodb",
        "recipe": "quick",
        "attentions": ("quantum",),
        "labels": ("words", "utterance"),
    },
    "one attention and its baseline": {
        "corpus": "emodb",
        "recipe": "quick",
        "attentions": ("quantum",),
        "baseline": True,
    },
    "a search of one attention": {"corpus": "emodb", "recipe": "extended", "attentions": ("local",)},
    "scopes and seeds": {
        "corpus": "iemocap",
        "recipe": "paper",
        "attentions": ("local", "none"),
        "scopes": (3, 21),
        "seeds": 3,
    },
    "settings": {
        "corpus": "emodb",
        "recipe": "recommended",
        "attentions": ("component",),
        "overrides": {"ema_decay": "off", "epochs": "5", "precision": "fp32", "gradient_clip": "1.5"},
    },
    "sequence to label": {"corpus": "emodb", "recipe": "quick", "attentions": ("none",), "criterion": "cross_entropy"},
    "folds and a corpus's options": {
        "corpus": "iemocap",
        "recipe": "paper",
        "attentions": ("none",),
        "folds": "session",
        "corpus_options": {"part": "both", "classes": "neutral,sadness"},
    },
    "a search": {
        "corpus": "emodb",
        "recipe": "extended",
        "attentions": ("all",),
        "trials": 7,
        "pruner": "none",
        # As the recipe's, and yet searched no more.
        "overrides": {"cells": "128", "learning_rate": "3e-3", "dropout": "off"},
    },
    "given folds of its recipe": {"corpus": "fau_aibo", "recipe": "paper", "attentions": ("none",)},
}


@pytest.mark.parametrize("asked", PLANS.values(), ids=PLANS)
def test_the_command_is_the_same_study(asked: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = StudyPlan.from_options(StudyOptions(**asked))
    root = tmp_path / "a folder; with 'signs'"
    taken: list[Any] = []

    def caught(*arguments: Any) -> None:
        taken.extend(arguments)
        raise StudyError("caught")

    monkeypatch.setattr("studies.cli.study.run.run_study", caught)
    program, *words = shlex.split(study_command(StudyPlan.model_validate(plan.model_dump(mode="json")), str(root)))
    assert program == "ser"
    answer = CliRunner().invoke(app, [*words, "--home", str(tmp_path)])
    assert "caught" in answer.output, answer.output
    assert taken[1] == root
    assert study_name(taken[0], "c0ffee", "cpu") == study_name(plan, "c0ffee", "cpu")
    assert taken[0].space == plan.space
    assert taken[0].trials == plan.trials
    if plan.space is None:
        assert taken[0].points("fp32") == plan.points("fp32")


def test_the_demo_corpus_needs_no_folder() -> None:
    plan = StudyPlan.from_options(
        StudyOptions(corpus="demo", recipe="quick", attentions=("quantum",), labels=("words",))
    )
    command = "ser study run --corpus demo --recipe quick --features log_mel_prosody --attention quantum"
    assert study_command(plan, None) == f"{command} --no-baseline --labels words"


@pytest.mark.parametrize(
    ("recipe", "corpus", "settings"),
    [
        ("quick", "demo", {"epochs": 16, "cells": 128, "dropout": None, "batch_size": 32, "selection": "last"}),
        ("quick", "demo", {"selection": "last"}),
        ("recommended", "emodb", {"epochs": 24, "cells": 128, "dropout": None, "batch_size": 32}),
    ],
)
@pytest.mark.parametrize("hears_encoder", [False, True], ids=["log-mels", "encoder"])
def test_a_study_from_before_a_recipe_changed_keeps_its_name(
    recipe: str, corpus: str, settings: dict[str, Any], hears_encoder: bool, tmp_path: Path
) -> None:
    """Plans as they were stored when no recipe had a front end, and encoders only two settings of their own."""
    encoder = PretrainedSettings(name="tiny", checkpoint="c0ffee", layer=1, hidden_size=8, frame_shift_s=0.02)
    choice = FrontEndChoice(settings=encoder, location=str(tmp_path))
    now = StudyPlan.from_options(
        StudyOptions(corpus=corpus, recipe=recipe, attentions=("none",), features=("log_mel",))
    )
    heard = {"pretrained": {"normalisation": "zscore_training", "stack": 1}}
    changed = {"front_ends": (choice,), "front_end_settings": heard} if hears_encoder else {}
    plan = now.model_copy(update={"settings": now.settings | settings} | changed)
    options = plan_options(plan)
    if hears_encoder:
        assert options.features == (f"pretrained:{tmp_path}@1",)
    parse = patch("studies.planning.option_values.parse_front_ends", lambda texts, download: plan.front_ends)
    with parse if hears_encoder else nullcontext():
        again = StudyPlan.from_options(options)
    assert study_name(again, "c0ffee", "cpu") == study_name(plan, "c0ffee", "cpu")
    assert again.points("fp32") == plan.points("fp32")
