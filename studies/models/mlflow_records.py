"""Records of models in MLflow: versions in its Model Registry and runs of evaluations. All are whole without them."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from ser.errors import StorageError
from ser.inference.description import ModelDescription
from studies.storages.artifact_locations import hold_artifact_locations
from studies.storages.home import Home
from tracking import schema
from tracking.backend.client import connect, experiment_id
from tracking.backend.errors import translating_errors
from tracking.registry.registered_models import register_model
from tracking.results.evaluations import Evaluation
from tracking.writing.evaluation_run import log_evaluation

_RecordT = TypeVar("_RecordT")


def register(home: Home, folder: Path, description: ModelDescription, notify: Callable[[str], None]) -> str | None:
    """Register a model, unless MLflow cannot be used now; the same model is never registered twice.

    Args:
        home: The data directory.
        folder: Folder of the model.
        description: Its description.
        notify: Called with one line where the model was not registered.

    Returns:
        URI of the model in the registry, or None.
    """
    version, reason = _write(
        home,
        description.corpus.name,
        lambda client, experiment: register_model(client, experiment, folder, description),
        notify,
    )
    if version is None:
        notify(
            f"not registered in MLflow: {reason}; the model is whole, and is registered later by: "
            f"ser model register {shlex.quote(str(folder))}"
        )
        return None
    return f"models:/{version.name}@{schema.CHAMPION}"


def log(home: Home, evaluation: Evaluation, notify: Callable[[str], None]) -> None:
    """Log an evaluation as a run, unless MLflow cannot be used now; the same one is never logged twice.

    Args:
        home: The data directory.
        evaluation: The evaluation.
        notify: Called with one line where it was not logged.
    """
    run, reason = _write(
        home,
        evaluation.training_corpus.name,
        lambda client, experiment: log_evaluation(client, experiment, evaluation),
        notify,
    )
    if run is None:
        notify(f"not logged to MLflow: {reason}; the scores are saved, and the same command logs them later")


def _write(
    home: Home, corpus: str, write: Callable[[MlflowClient, str], _RecordT], notify: Callable[[str], None]
) -> tuple[_RecordT | None, str]:
    """Let a function write to the experiment of a corpus; without MLflow return None and the reason."""
    artifacts = home.artifacts if home.tracking_uri is None else None
    try:
        with translating_errors("MLflow"), hold_artifact_locations(home, notify):
            client = connect(home.tracking_uri_or_path)
            return write(client, experiment_id(client, corpus, artifacts, notify)), ""
    except (StorageError, MlflowException) as error:
        return None, str(error).partition("\n")[0]
