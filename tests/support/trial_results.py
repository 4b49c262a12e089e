"""Results of trials on disk, and as plain values that compare to the last digit."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from mlflow.tracking import MlflowClient

from ser.results import FoldResult
from tracking import schema
from tracking.backend.queries import is_finished, search_runs
from tracking.results.store import ResultStore
from tracking.writing import payloads


def trial_results(client: MlflowClient, experiment: str, results: ResultStore) -> dict[str, list[FoldResult]]:
    """The results on disk of all trials whose run is finished, by trial identity, the folds in their order."""
    by_model: dict[str, list[FoldResult]] = {}
    for result in map(results.result, results.identities()):
        by_model.setdefault(payloads.model_digest(result.configuration), []).append(result)
    runs = [run for run in search_runs(client, experiment, ser__kind="trial") if is_finished(run)]
    return {
        run.data.tags[schema.TRIAL_ID]: sorted(by_model[run.data.tags[schema.MODEL]], key=lambda fold: fold.fold.index)
        for run in runs
    }


def plain(value: Any) -> Any:
    """A scored trial, or a part of one, as lists and dictionaries."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, tuple) else value
