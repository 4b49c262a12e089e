"""Search space of a study: the values of each setting, and when a setting is active.

A setting is suggested only where it has an effect, by the rule that makes it null elsewhere
(`ser.config.active_settings`): a scope only where there are windows, and so on. Points that
would train the same folds are therefore one point.
"""

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from ser.config import WINDOWED_ATTENTIONS, FoldConfiguration, active_settings
from ser.frozen_model import FrozenModel

Value = str | int | float | None
"""Value of a setting; None if it is off."""

IMPORTANCE_MIN_TRIALS = 8
"""Fewer complete trials are too few to estimate the importance of settings."""

_DIGITS = 3


class Categorical(FrozenModel):
    """Categorical choice between a few values.

    Attributes:
        values: The values.
    """

    values: tuple[Value, ...]

    def distribution(self) -> BaseDistribution:
        """Return Optuna's distribution."""
        return CategoricalDistribution(self.values)

    def suggest(self, trial: optuna.Trial, name: str) -> Value:
        """Suggest a value by a trial's sampler."""
        value: Value = trial.suggest_categorical(name, self.values)
        return value


class LogUniform(FrozenModel):
    """Number between two bounds, log-uniform, rounded to three digits.

    Attributes:
        low: Lower bound, above 0.
        high: Upper bound.
    """

    low: float
    high: float

    def distribution(self) -> BaseDistribution:
        """Return Optuna's distribution."""
        return FloatDistribution(self.low, self.high, log=True)

    def suggest(self, trial: optuna.Trial, name: str) -> float:
        """Suggest a value by a trial's sampler; three digits can be typed again, and a fourth does not matter."""
        value = trial.suggest_float(name, self.low, self.high, log=True)
        return min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)


class SearchSpace(FrozenModel):
    """Search space.

    Attributes:
        dimensions: Values of each searched setting, by its name; one of them is the attention.
    """

    dimensions: dict[str, Categorical | LogUniform]

    def suggest(self, trial: optuna.Trial, criterion: str) -> dict[str, Value]:
        """Suggest a point by a trial's sampler.

        Returns:
            The active settings of the point, by name.
        """
        attention = self.dimensions["attention"].suggest(trial, "attention")
        point: dict[str, Value] = {"attention": attention}
        for name in self.active(str(attention), criterion):
            if name != "attention":
                point[name] = self.dimensions[name].suggest(trial, name)
        return point

    def parameters(self, settings: Mapping[str, Any]) -> dict[str, Value]:
        """Return the searched settings of a whole configuration that are active: the inverse of `suggest`."""
        return {name: settings[name] for name in self.active(settings["attention"], settings["criterion"])}

    def distributions(self, names: Mapping[str, Any]) -> dict[str, BaseDistribution]:
        """Return the distributions of the named settings."""
        return {name: self.dimensions[name].distribution() for name in names}

    def active(self, attention: str, criterion: str) -> list[str]:
        """Return the names of the searched settings that have an effect, in the order of the space."""
        is_active = active_settings(attention, criterion)
        return [name for name in self.dimensions if is_active.get(name, True)]


def point_parameters(point: FoldConfiguration) -> dict[str, Value]:
    """Return a grid point's parameters in Optuna: the swept settings that have an effect, the front end left out."""
    values: dict[str, Value] = {"attention": point.attention, "seed": point.seed}
    if point.attention in WINDOWED_ATTENTIONS and point.scope is not None:
        values["scope"] = point.scope
    if point.labels is not None:
        values["labels"] = point.labels
    return values
