"""Importance of settings for validation UA."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ser.config import FoldConfiguration
from studies.planning.search_space import IMPORTANCE_MIN_TRIALS
from tracking.analysis.report_context import ParameterImportances
from tracking.analysis.results_table import ResultsTable
from tracking.analysis.variants.naming import flatten_settings

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Value = float | str


@dataclass(frozen=True)
class TrialGroup:
    """Trials that share some settings, of which at least two vary.

    Attributes:
        name: Description of the trials.
        settings: The settings that vary: a value for each trial, by name.
        validation_ua: Mean validation UA of each trial, 0..1.
    """

    name: str
    settings: Mapping[str, Sequence[Value]]
    validation_ua: Sequence[float]


def trial_groups(table: ResultsTable) -> tuple[TrialGroup, ...]:
    """Group complete trials for importances of settings; test scores do not enter.

    The importance of settings that only some trials have, such as the scope, is estimated among those trials alone.

    Returns:
        All trials, and those with a window; without groups of fewer than `IMPORTANCE_MIN_TRIALS` trials, or of fewer
        than two settings that vary.
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
    """Active settings, those of the front end included; numbers as numbers and all others as text."""
    values = flatten_settings(configuration)
    return {
        name: float(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
        for name, value in values.items()
        if value is not None
    }


def _group(name: str, trials: Sequence[tuple[Mapping[str, Value], float]]) -> TrialGroup | None:
    shared = set.intersection(*(set(settings) for settings, _ in trials)) if trials else set()
    values = {setting: [settings[setting] for settings, _ in trials] for setting in sorted(shared)}
    varying = {setting: column for setting, column in values.items() if len(set(column)) > 1}
    uas = [ua for _, ua in trials]
    if len(trials) < IMPORTANCE_MIN_TRIALS or len(varying) < 2 or len(set(uas)) == 1:
        return None
    return TrialGroup(name, varying, uas)


def compute_importances(group: TrialGroup) -> ParameterImportances:
    """Compute how the variance of validation UA that settings explain one at a time divides among them.

    Uses Optuna's fANOVA (Hutter et al., ICML 2014): a random forest is fitted to mean validation UA, and
    each setting's share of its variance computed, interactions left out.

    Returns:
        Share of each setting, 0..1, the largest first; the shares sum to 1.
    """
    # Both need scikit-learn, whose import takes longer than a small report.
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    distributions = {name: _distribution(values) for name, values in group.settings.items()}
    study.add_trials(
        optuna.trial.create_trial(
            value=value,
            params={name: values[index] for name, values in group.settings.items()},
            distributions=dict(distributions),
        )
        for index, value in enumerate(group.validation_ua)
    )
    # With the default depth, trees take ten seconds for a thousand trials; another seed changes shares more.
    evaluator = FanovaImportanceEvaluator(n_trees=32, max_depth=6, seed=0)
    shares = {name: float(share) for name, share in get_param_importances(study, evaluator=evaluator).items()}
    return ParameterImportances(group.name, len(group.validation_ua), shares)


def _distribution(values: Sequence[Value]) -> "BaseDistribution":
    """Distribution of a setting that covers its values: a range of numbers, or categories."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    numbers = [value for value in values if isinstance(value, float)]
    if len(numbers) == len(values):
        return FloatDistribution(min(numbers), max(numbers))
    return CategoricalDistribution(list(dict.fromkeys(str(value) for value in values)))
