"""The command that a report prints runs the very study it speaks of."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ser.errors import StudyError
from studies.cli.main import app
from studies.planning.command import study_command
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan

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
    assert taken[0].name("c0ffee", "cpu") == plan.name("c0ffee", "cpu")
    assert taken[0].space == plan.space
    assert taken[0].trials == plan.trials
    if plan.space is None:
        assert taken[0].points("fp32") == plan.points("fp32")


def test_the_demo_corpus_needs_no_folder() -> None:
    plan = StudyPlan.from_options(
        StudyOptions(corpus="demo", recipe="quick", attentions=("quantum",), labels=("words",))
    )
    command = "ser study run --corpus demo --recipe quick --attention quantum --no-baseline --labels words"
    assert study_command(plan, None) == command
