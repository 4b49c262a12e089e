"""Runs of folds whose results were discarded: readers skip them, and the folds' next results get runs of their own."""

from collections.abc import Collection

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from tracking import schema
from tracking.backend.client import end_run
from tracking.backend.queries import is_open, search_runs


def supersede_run(client: MlflowClient, run: Run, by: str) -> None:
    """Tag a run as superseded, and end it where it is open; may be repeated.

    Args:
        client: The tracking store.
        run: The run.
        by: Id of the run that replaces it, or `SUPERSEDED_BY_NONE`.
    """
    # First, since nobody looks for a superseded run again after a kill in between.
    if is_open(run):
        end_run(client, str(run.info.run_id), "KILLED")
    client.set_tag(run.info.run_id, schema.SUPERSEDED, by)


def supersede_folds(client: MlflowClient, experiment: str, identities: Collection[str]) -> None:
    """Tag the runs of folds as superseded by nothing; may be repeated."""
    for run in search_runs(client, experiment, ser__kind="fold"):
        if run.data.tags.get(schema.FOLD_IDENTITY) in identities:
            supersede_run(client, run, schema.SUPERSEDED_BY_NONE)
