"""All that this project uses of MLflow beyond its documented interface; written for MLflow 3.17.

An upgrade may change any of it without notice: `tests/test_private_parts.py` tells which.
"""

import json
import logging
import re
import sqlite3
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import mlflow
from alembic.script import ScriptDirectory
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking import MlflowClient
from mlflow.tracking.request_header.databricks_request_header_provider import DatabricksRequestHeaderProvider
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from tracking.backend.errors import http_code

DATASET_CONTEXT: str = MLFLOW_DATASET_CONTEXT
"""Tag of a run's dataset that says what the run used it for."""

SAVED_VIEW = "mlflow.sharedViewState."
"""Beginning of the experiment tags in which MLflow's page of an experiment saves views."""


_DELETED = re.compile(r"The (?P<kind>run|experiment) (?P<id>\w+) must be in the 'active' state")
_LOCATION_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("trace_tags", "value"),
)
"""Columns of MLflow's database that hold URIs of artifacts."""


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
    """Open the artifact folder of a run by its URI, without asking the server for the run again."""
    return get_artifact_repository(uri, tracking_uri=client.tracking_uri)


def download_file(client: MlflowClient, uri: str, name: str, path: Path) -> None:
    """Download one file of a run; MLflow's documented download does not say whether the file or the server is missing.

    Raises:
        OSError: The server has no such file, answers badly or cannot be reached.
        MlflowException: The same, from some artifact stores.
    """
    try:
        artifact_repository(client, uri)._download_file(name, str(path))
    except Exception as error:
        # That of S3 has a class of its own, which may not be installed.
        if isinstance(error, MlflowException | OSError) or http_code(error) != HTTPStatus.NOT_FOUND:
            raise
        raise MlflowException(f"no artifact {name}: {error}", RESOURCE_DOES_NOT_EXIST) from error


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


def deleted_entity(error: BaseException) -> tuple[str, str] | None:
    """Return the kind, 'run' or 'experiment', and the id of what a write was refused for since it is deleted, or None.

    MLflow says so in the text alone.
    """
    match = _DELETED.search(str(error))
    return None if match is None else (match["kind"], match["id"])


def count_runs(database: sqlite3.Connection) -> tuple[str, int]:
    """Return the schema version of MLflow's SQLite database and the number of runs that are not deleted."""
    (version,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
    (runs,) = database.execute("SELECT count(*) FROM runs WHERE lifecycle_stage = 'active'").fetchone()
    return str(version), int(runs)


def discarded_runs(database: sqlite3.Connection, tag: str) -> frozenset[str]:
    """List the ids of the runs that are deleted or have a tag."""
    query = "SELECT run_uuid FROM runs WHERE lifecycle_stage = 'deleted' UNION SELECT run_uuid FROM tags WHERE key = ?"
    return frozenset(run_id for (run_id,) in database.execute(query, (tag,)))


def recorded_artifact_roots(database: sqlite3.Connection) -> frozenset[str]:
    """List the URIs of the folders `artifacts` in which experiments have a folder of their name, as ours have.

    Args:
        database: MLflow's SQLite database.
    """
    rows = database.execute("SELECT name, artifact_location FROM experiments WHERE artifact_location LIKE 'file:%'")
    locations = ((name, *location.rpartition("/")) for name, location in rows)
    return frozenset(
        root for name, root, _, folder in locations if unquote(folder) == name and root.endswith("/artifacts")
    )


def replace_artifact_root(database: sqlite3.Connection, former: str, current: str) -> None:
    """Let all that MLflow keeps below one folder of artifacts be below another one.

    Args:
        database: MLflow's SQLite database, in a transaction.
        former: URI of the folder that is recorded.
        current: URI of the folder that replaces it.
    """
    prefix, new_prefix = f"{former}/", f"{current}/"
    for table, column in _LOCATION_COLUMNS:
        database.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
            (new_prefix, len(prefix) + 1, len(prefix), prefix),
        )


def schema_revisions() -> list[str]:
    """List all revisions of the schema of MLflow's database that the installed version knows, the newest first."""
    scripts = ScriptDirectory(str(Path(mlflow.__file__).parent / "store" / "db_migrations"))
    return [script.revision for script in scripts.walk_revisions()]
