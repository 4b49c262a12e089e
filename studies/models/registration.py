"""Registration of a model in MLflow's Model Registry; its folder is whole without it."""

import shlex
from collections.abc import Callable
from pathlib import Path

from mlflow.exceptions import MlflowException

from ser.errors import StorageError
from ser.inference.description import ModelDescription
from studies.storages.artifact_locations import hold_artifact_locations
from studies.storages.home import Home
from tracking import schema
from tracking.backend.client import connect, experiment_id
from tracking.backend.errors import translating_errors
from tracking.registry.registered_models import register_model


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
    artifacts = home.artifacts if home.tracking_uri is None else None
    try:
        with translating_errors("MLflow"), hold_artifact_locations(home, notify):
            client = connect(home.tracking_uri_or_path)
            experiment = experiment_id(client, description.corpus.name, artifacts, notify)
            version = register_model(client, experiment, folder, description)
    except (StorageError, MlflowException) as error:
        reason = str(error).partition("\n")[0]
        notify(
            f"not registered in MLflow: {reason}; the model is whole, and is registered later by: "
            f"ser model register {shlex.quote(str(folder))}"
        )
        return None
    return f"models:/{version.name}@{schema.CHAMPION}"
