"""What a report tells beside the results: commands, commits, who runs now, and importances of settings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from mlflow.tracking import MlflowClient
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

from studies.command import study_command
from studies.home import Home
from studies.summaries import StudySummary, summaries
from tracking import schema
from tracking.analysis.overview import Overview
from tracking.analysis.report.background import Background, Importances, StudyOrigin
from tracking.analysis.variants import FIXED
from tracking.connection import open_tracking
from tracking.reading import find_runs

LEAST_TRIALS = 8
"""With fewer trials an importance would be read off a handful of numbers."""


def report_background(home: Home, overview: Overview) -> Background:
    """Gathers what a report tells beside the results.

    Args:
        home: Where everything is kept.
        overview: What the results say.

    Returns:
        Origins of the report's studies that Optuna knows here, and importances.
    """
    table = overview.table
    names = {trial.study for trial in (*table.trials, *(each.trial for each in table.pruned))}
    known = [each for each in summaries(home.storage) if each.name in names]
    client = open_tracking(home.tracking)
    origins = {each.name: _origin(home, client, each) for each in known}
    return Background(origins, importances(overview))


def _origin(home: Home, client: MlflowClient, study: StudySummary) -> StudyOrigin:
    root, tags = None, {}
    if study.whereabouts is not None:
        for run in find_runs(client, study.whereabouts.experiment, ser__kind="study", ser__study=study.name):
            root, tags = run.data.params.get("root"), run.data.tags
    return StudyOrigin(
        command=study_command(study.plan, None if study.plan.corpus == "demo" else root),
        trials=study.trials,
        trials_done=study.trials_complete + study.trials_pruned,
        commit=tags.get(schema.GIT_COMMIT, ""),
        dirty=tags.get(schema.GIT_DIRTY) == "true",
        running=home.storage.holder(study.name) is not None,
    )


def importances(overview: Overview) -> tuple[Importances, ...]:
    """How the variance of validation UA that settings explain one at a time divides among them.

    By Optuna's fANOVA (Hutter et al., ICML 2014): a random forest is fitted to mean validation UA, and
    each setting's share of its variance computed, interactions left out. Settings that only some trials
    have, such as the scope, are judged among those trials alone. Test scores do not enter.

    Args:
        overview: What the results say.

    Returns:
        Importances among all trials, and among those with a window; a group is left out where it has
        fewer than `LEAST_TRIALS` trials, or fewer than two settings that vary.
    """
    trials = [
        (_settings(entry.variant.configuration, seed), float(np.mean([fold.validation_ua for fold in folds])))
        for entry in overview.complete
        if entry.variant.kind == FIXED
        for seed, folds in entry.variant.folds.items()
    ]
    windowed = [trial for trial in trials if "scope" in trial[0]]
    groups = [_importances("all trials", trials)]
    if len(windowed) < len(trials):
        groups.append(_importances("trials with a window (local and component attention)", windowed))
    return tuple(group for group in groups if group is not None)


def _settings(configuration: Any, seed: int) -> dict[str, float | str]:
    """Settings that have an effect, numbers as numbers and all others as text; features among them."""
    values = {**configuration.model_dump(mode="json"), "seed": seed}
    values |= values.pop("features")
    return {
        name: float(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
        for name, value in values.items()
        if value is not None
    }


def _distribution(values: Sequence[float | str]) -> BaseDistribution:
    """What a setting may be, from the values that it took: a span of numbers, or a choice."""
    numbers = [value for value in values if isinstance(value, float)]
    if len(numbers) == len(values):
        return FloatDistribution(min(numbers), max(numbers))
    return CategoricalDistribution([str(value) for value in values])


def _importances(among: str, trials: Sequence[tuple[Mapping[str, float | str], float]]) -> Importances | None:
    shared = set.intersection(*(set(settings) for settings, _ in trials)) if trials else set()
    varying = {name: list(dict.fromkeys(settings[name] for settings, _ in trials)) for name in sorted(shared)}
    varying = {name: values for name, values in varying.items() if len(values) > 1}
    if len(trials) < LEAST_TRIALS or len(varying) < 2 or len({value for _, value in trials}) == 1:
        return None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    distributions = {name: _distribution(values) for name, values in varying.items()}
    study.add_trials(
        optuna.trial.create_trial(
            value=value, params={name: settings[name] for name in varying}, distributions=dict(distributions)
        )
        for settings, value in trials
    )
    # Trees of the default depth, as deep as there are trials, would take minutes for a thousand of them.
    evaluator = FanovaImportanceEvaluator(n_trees=32, max_depth=8, seed=0)
    shares = get_param_importances(study, evaluator=evaluator)
    return Importances(among, len(trials), {name: float(share) for name, share in shares.items()})
