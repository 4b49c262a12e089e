"""All that this project uses of MLflow beyond its documented interface; written for MLflow 3.17.

An upgrade may change any of it without notice: `tests/test_private_parts.py` tells which.
"""

import json
import logging
import sqlite3
from collections.abc import Mapping
from functools import cache
from typing import Any

from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking import MlflowClient
from mlflow.tracking.request_header.databricks_request_header_provider import DatabricksRequestHeaderProvider
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

DATASET_CONTEXT: str = MLFLOW_DATASET_CONTEXT
"""Tag of a run's dataset that says what the run used it for."""

SAVED_VIEW = "mlflow.sharedViewState."
"""Beginning of the experiment tags in which MLflow's page of an experiment saves views."""


def cache_databricks_check() -> None:
    """Let MLflow ask only once per process whether it runs within Databricks.

    It asks before each request: nine imports that fail, all searched for anew, a quarter of a coordinator's time.
    """
    DatabricksRequestHeaderProvider.in_context = cache(  # type: ignore[method-assign]
        DatabricksRequestHeaderProvider.in_context
    )


def silence_database_errors() -> None:
    """Keep MLflow from printing errors of its database with tracebacks; they are raised all the same."""
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def artifact_repository(client: MlflowClient, uri: str) -> Any:
    """Open the artifact folder of a run by its URI, without asking the server for the run again.

    Args:
        client: The tracking store.
        uri: The run's artifact URI.

    Returns:
        MLflow's `ArtifactRepository`.
    """
    return get_artifact_repository(uri, tracking_uri=client.tracking_uri)


def saved_view_tag(key: str, name: str, state: Mapping[str, object], time: int) -> tuple[str, str]:
    """Write a saved view as the 'Save view' button of MLflow's page does.

    Args:
        key: Key of the view in the page's address.
        name: Name of the view.
        state: State of the page.
        time: Time of the view's creation; MLflow lists the newest view first.

    Returns:
        Name and content of the experiment tag.
    """
    content = {"name": name, "createdAt": time, "updatedAt": time, "state": json.dumps(state)}
    return SAVED_VIEW + key, json.dumps(content)


def count_runs(database: sqlite3.Connection) -> tuple[str, int]:
    """Return the schema version of MLflow's SQLite database and the number of runs that are not deleted."""
    (version,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
    (runs,) = database.execute("SELECT count(*) FROM runs WHERE lifecycle_stage = 'active'").fetchone()
    return str(version), int(runs)
