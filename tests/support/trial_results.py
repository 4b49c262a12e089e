"""Results of trials read back from runs, and as plain values that compare to the last digit."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from mlflow.tracking import MlflowClient

from tracking import schema
from tracking.analysis.trial_result import TrialResult
from tracking.backend.artifacts import open_artifact
from tracking.backend.queries import is_finished, search_runs


def trial_results(client: MlflowClient, experiment: str) -> list[TrialResult]:
    """The whole results of all finished trials, whichever study wrote them."""
    runs = [run for run in search_runs(client, experiment, ser__kind="trial") if is_finished(run)]
    results = []
    for run in runs:
        with open_artifact(client, run, schema.TRIAL_RESULT) as file:
            results.append(TrialResult.model_validate_json(file.read_bytes()))
    return results


def plain(value: Any) -> Any:
    """A scored trial, or a part of one, as lists and dictionaries."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, tuple) else value
