"""The searched space: only what has an effect is asked for, and what is chosen lies within it."""

from collections.abc import Mapping
from typing import Any

import optuna
import pytest

from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.planning.search_space import LogUniform


class Answers(optuna.samplers.BaseSampler):
    """Chooses what it is told to, else the first value or the lower bound."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = dict(answers)

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        return {}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        if param_name in self.answers:
            return self.answers[param_name]
        choices = getattr(param_distribution, "choices", None)
        return choices[0] if choices else param_distribution.low


def trial(**answers: Any) -> optuna.Trial:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=Answers(answers)).ask()


ALWAYS = {"attention", "learning_rate", "cells", "layers", "dropout", "stack", "ema_decay", "normalisation"}


@pytest.mark.parametrize(
    ("attention", "used"),
    [
        ("none", set()),
        ("local", {"scope", "attention_norm"}),
        ("component", {"scope", "attention_norm", "component_score"}),
        ("quantum", {"quantum_boundary", "quantum_states"}),
    ],
)
@pytest.mark.parametrize(
    ("criterion", "by_criterion"),
    [("ctc", {"labels", "decision"}), ("cross_entropy", set()), ("joint", {"labels", "decision"})],
)
def test_a_setting_is_chosen_only_where_it_has_an_effect(
    attention: str, used: set[str], criterion: str, by_criterion: set[str]
) -> None:
    plan = StudyPlan.from_options(
        StudyOptions(corpus="emodb", recipe="extended", attentions=("all",), criterion=criterion)
    )
    assert plan.space is not None
    asked = trial(attention=attention)
    chosen = plan.space.suggest(asked, criterion)
    assert set(chosen) == set(asked.params) == ALWAYS | used | by_criterion
    # None of them has become null for want of an effect, and none is missing.
    point = plan.configuration(chosen | {"seed": 1}, "fp32")
    assert plan.parameters(point) == chosen | {"seed": 1}


@pytest.mark.parametrize(("drawn", "kept"), [(1.23456e-3, 1.23e-3), (1e-4, 1e-4), (9.9999e-3, 1e-2), (1.0001e-4, 1e-4)])
def test_a_number_is_kept_to_three_digits_within_its_bounds(drawn: float, kept: float) -> None:
    assert LogUniform(low=1e-4, high=1e-2).suggest(trial(x=drawn), "x") == kept


def test_rounding_does_not_leave_the_bounds() -> None:
    narrow = LogUniform(low=1.2344e-3, high=1.2346e-3)
    assert narrow.suggest(trial(x=1.23441e-3), "x") == narrow.low
