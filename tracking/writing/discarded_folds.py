"""Runs of folds whose results were discarded: readers skip them, and the folds' next results get runs of their own."""

from collections.abc import Collection

from mlflow.tracking import MlflowClient

from tracking import schema
from tracking.backend.queries import search_runs


def supersede_folds(client: MlflowClient, experiment: str, identities: Collection[str]) -> None:
    """Tag the runs of folds as superseded by nothing; may be repeated.

    Args:
        client: The tracking store.
        experiment: Id of the experiment.
        identities: Identities of the folds.
    """
    for run in search_runs(client, experiment, ser__kind="fold"):
        if run.data.tags.get(schema.FOLD_IDENTITY) in identities:
            client.set_tag(run.info.run_id, schema.SUPERSEDED, schema.SUPERSEDED_BY_NONE)
