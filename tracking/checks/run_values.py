"""Values that a finished run shows of its result, and those of a run that differ from them.

Whoever uses MLflow may log further metrics, parameters and tags; only those that a recorder writes are compared.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mlflow.entities import Run

from ser.config import FoldConfiguration
from ser.results import FoldResult
from tracking import schema
from tracking.analysis.trial_result import TrialResult
from tracking.writing import payloads

_TOLERANCE = 1e-9
"""Largest difference between two equal values, absolute and relative: databases keep all digits, sums may not."""


@dataclass(frozen=True)
class RunValues:
    """Values that a run must show.

    Attributes:
        metrics: Latest value of each metric, by name.
        params: Parameters.
        tags: Tags by which runs are found, filtered and described.
    """

    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]


def fold_values(result: FoldResult, scheme: str) -> RunValues:
    """Compute the values that a fold's run must show.

    Args:
        result: The result.
        scheme: Fold scheme of the study that has written the run; another one may have trained the fold.
    """
    last_epochs = {name: value for record in result.curve for name, value in record.values.items()}
    tags = {
        schema.FOLD_NAME: result.fold.name,
        schema.RESULTS_VERSION: str(result.results_version),
        schema.CORPUS_DIGEST: result.corpus.digest,
        schema.SCHEME: scheme,
    }
    return RunValues(
        metrics=last_epochs | payloads.fold_scores(result),
        params=payloads.log_params(result.configuration),
        tags=tags | payloads.configuration_tags(result.configuration),
    )


def trial_values(trial: TrialResult, configuration: FoldConfiguration) -> RunValues:
    """Compute the values that the run of a complete trial must show.

    Args:
        trial: The trial.
        configuration: The point that the study asks for.
    """
    tags = {schema.CORPUS_DIGEST: trial.folds[0].corpus.digest, schema.SCHEME: trial.scheme[0].scheme}
    return RunValues(
        metrics=payloads.trial_scores(trial),
        params=payloads.log_params(configuration),
        tags=tags | payloads.configuration_tags(configuration),
    )


def differing_values(run: Run, expected: RunValues) -> list[str]:
    """Describe the metrics and parameters of a run that have other values than its result.

    Returns:
        A clause for each of them, such as 'test_ua is 1 in MLflow and 0.275 in the stored result'.
    """
    metrics, params = run.data.metrics, run.data.params
    differing = [
        _clause(name, f"{metrics[name]:.12g}", f"{value:.12g}")
        for name, value in expected.metrics.items()
        # MLflow writes the largest number for an infinite one.
        if name in metrics and math.isfinite(value) and not same_value(metrics[name], value)
    ]
    changed = [name for name, value in expected.params.items() if params.get(name, value) != value]
    return differing + [_clause(name, params[name], expected.params[name]) for name in changed]


def missing_metrics(run: Run, expected: RunValues) -> list[str]:
    """Describe the metrics of its result that a run lacks, in the same words; a later version may have more of them."""
    lacking = expected.metrics.keys() - run.data.metrics.keys()
    return [_clause(name, None, f"{expected.metrics[name]:.12g}") for name in sorted(lacking)]


def differing_tags(run: Run, expected: RunValues) -> list[str]:
    """Describe the tags of a run that are not those of its result, in the same words."""
    tags = run.data.tags
    return [_clause(name, tags.get(name), value) for name, value in expected.tags.items() if tags.get(name) != value]


def same_value(value: float, expected: float) -> bool:
    """Return whether two values are equal but for rounding; not a number is equal to nothing."""
    return math.isclose(value, expected, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)


def _clause(name: str, shown: str | None, stored: str) -> str:
    return f"{name} is {'missing' if shown is None else shown} in MLflow and {stored} in the stored result"
