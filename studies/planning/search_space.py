"""The space that a sampled study searches: what each setting may be, and when it matters.

A setting is asked for only where it has an effect, by the rule that makes it null elsewhere
(`ser.config.conditional_settings`): a scope only where there are windows, and so on. Points that
would train the same folds are therefore one point.
"""

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from ser.config import FrozenModel, active_settings

Value = str | int | float | None
"""A setting's value; None where it is off."""

_DIGITS = 3


class Categorical(FrozenModel):
    """One of a few values.

    Attributes:
        values: The values.
    """

    values: tuple[Value, ...]

    def distribution(self) -> BaseDistribution:
        """As Optuna knows it."""
        return CategoricalDistribution(self.values)

    def suggest(self, trial: optuna.Trial, name: str) -> Value:
        """Lets a trial's sampler choose."""
        value: Value = trial.suggest_categorical(name, self.values)
        return value


class LogUniform(FrozenModel):
    """A number between two bounds, uniform in its logarithm, to three digits.

    Attributes:
        low: Lower bound, above 0.
        high: Upper bound.
    """

    low: float
    high: float

    def distribution(self) -> BaseDistribution:
        """As Optuna knows it."""
        return FloatDistribution(self.low, self.high, log=True)

    def suggest(self, trial: optuna.Trial, name: str) -> float:
        """Lets a trial's sampler choose; three digits can be typed again, and no fourth one matters."""
        value = trial.suggest_float(name, self.low, self.high, log=True)
        return min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)


class SearchSpace(FrozenModel):
    """What is searched.

    Attributes:
        dimensions: What each searched setting may be, by its name; the attention is among them.
    """

    dimensions: dict[str, Categorical | LogUniform]

    def suggest(self, trial: optuna.Trial, criterion: str) -> dict[str, Value]:
        """Lets a trial's sampler choose a point.

        Args:
            trial: The trial.
            criterion: The criterion of the study.

        Returns:
            The chosen settings that have an effect, by name.
        """
        attention = self.dimensions["attention"].suggest(trial, "attention")
        chosen: dict[str, Value] = {"attention": attention}
        for name in self.active(str(attention), criterion):
            if name != "attention":
                chosen[name] = self.dimensions[name].suggest(trial, name)
        return chosen

    def parameters(self, settings: Mapping[str, Any]) -> dict[str, Value]:
        """The searched settings of a whole configuration that have an effect: what `suggest` had returned.

        Args:
            settings: All settings by name.
        """
        return {name: settings[name] for name in self.active(settings["attention"], settings["criterion"])}

    def distributions(self, names: Mapping[str, Any]) -> dict[str, BaseDistribution]:
        """The distributions of the named settings."""
        return {name: self.dimensions[name].distribution() for name in names}

    def active(self, attention: str, criterion: str) -> list[str]:
        """Names of the searched settings that have an effect, in the order of the space."""
        effects = active_settings(attention, criterion)
        return [name for name in self.dimensions if effects.get(name, True)]
