"""How much each setting matters to validation UA."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ser.config import FoldConfiguration
from tracking.analysis.report_context import ParameterImportances
from tracking.analysis.results_table import ResultsTable

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Value = float | str

MIN_TRIALS = 8
"""With fewer trials an importance would be read off a handful of numbers."""


@dataclass(frozen=True)
class Group:
    """Trials that share some settings, of which at least two vary.

    Attributes:
        among: Which trials, in words.
        settings: The settings that vary: a value for each trial, by name.
        validation_ua: Mean validation UA of each trial, 0..1.
    """

    among: str
    settings: Mapping[str, Sequence[Value]]
    validation_ua: Sequence[float]


def trial_groups(table: ResultsTable) -> tuple[Group, ...]:
    """The groups of complete trials whose importances a report tells; test scores do not enter.

    Settings that only some trials have, such as the scope, are judged among those trials alone.

    Args:
        table: The results.

    Returns:
        All trials, and those with a window; a group is left out where it has fewer than `LEAST_TRIALS`
        trials, or fewer than two settings that vary.
    """
    trials = [
        (_settings(trial.folds[0].configuration), float(np.mean([fold.validation_ua for fold in trial.folds])))
        for trial in table.trials
        if len(trial.folds) == len(trial.scheme)
    ]
    windowed = [trial for trial in trials if "scope" in trial[0]]
    groups = [_group("all trials", trials)]
    if len(windowed) < len(trials):
        groups.append(_group("trials with a window (local and component attention)", windowed))
    return tuple(group for group in groups if group is not None)


def _settings(configuration: FoldConfiguration) -> dict[str, Value]:
    """Settings that have an effect, numbers as numbers and all others as text; features among them."""
    values = configuration.model_dump(mode="json")
    values |= values.pop("features")
    return {
        name: float(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
        for name, value in values.items()
        if value is not None
    }


def _group(among: str, trials: Sequence[tuple[Mapping[str, Value], float]]) -> Group | None:
    shared = set.intersection(*(set(settings) for settings, _ in trials)) if trials else set()
    values = {name: [settings[name] for settings, _ in trials] for name in sorted(shared)}
    varying = {name: own for name, own in values.items() if len(set(own)) > 1}
    uas = [ua for _, ua in trials]
    if len(trials) < MIN_TRIALS or len(varying) < 2 or len(set(uas)) == 1:
        return None
    return Group(among, varying, uas)


def compute_importances(group: Group) -> ParameterImportances:
    """How the variance of validation UA that settings explain one at a time divides among them.

    By Optuna's fANOVA (Hutter et al., ICML 2014): a random forest is fitted to mean validation UA, and
    each setting's share of its variance computed, interactions left out.

    Args:
        group: The trials.

    Returns:
        Share of each setting, 0..1, the largest first; they sum to 1.
    """
    # Both need scikit-learn, whose import takes longer than all that a small report does.
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    distributions = {name: _distribution(values) for name, values in group.settings.items()}
    study.add_trials(
        optuna.trial.create_trial(
            value=value,
            params={name: values[place] for name, values in group.settings.items()},
            distributions=dict(distributions),
        )
        for place, value in enumerate(group.validation_ua)
    )
    # As deep as Optuna would have them, trees take ten seconds for a thousand trials; another seed moves shares more.
    evaluator = FanovaImportanceEvaluator(n_trees=32, max_depth=6, seed=0)
    shares = {name: float(share) for name, share in get_param_importances(study, evaluator=evaluator).items()}
    return ParameterImportances(group.among, len(group.validation_ua), shares)


def _distribution(values: Sequence[Value]) -> "BaseDistribution":
    """What a setting may be, from the values that it took: a span of numbers, or a choice."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    numbers = [value for value in values if isinstance(value, float)]
    if len(numbers) == len(values):
        return FloatDistribution(min(numbers), max(numbers))
    return CategoricalDistribution(list(dict.fromkeys(str(value) for value in values)))
