"""Folds that two homes have written at once: one run of each stands, and readers pass the others over.

A recorder looks for a fold's run before it makes one, under a lock of its home. Homes on other machines have locks of
their own, and a tracking server has none to offer. So whoever has written folds of a configuration looks again: of
two writers the later one sees both runs, whatever the order of what they did, and both would decide alike.
"""

from functools import partial

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from tracking import schema
from tracking.backend.artifacts import has_result_artifact
from tracking.backend.client import retry_once_on_conflict
from tracking.backend.queries import is_finished, search_all_runs


def supersede_duplicates(client: MlflowClient, experiment: str, model: str) -> dict[str, Run]:
    """Tags all but the oldest of the finished runs of each fold as superseded by it; may be repeated.

    Args:
        client: The tracking store.
        experiment: Id of the experiment.
        model: Digest of the configuration whose folds are looked at.

    Returns:
        The run that stands, by fold identity, of each fold that had several.
    """
    groups: dict[str, list[Run]] = {}
    for run in search_all_runs(client, experiment, ser__kind="fold", ser__model=model):
        if is_finished(run) and has_result_artifact(run):
            groups.setdefault(run.data.tags[schema.FOLD_IDENTITY], []).append(run)
    stands = {}
    for identity, group in groups.items():
        open_ = [run for run in group if schema.SUPERSEDED not in run.data.tags]
        if len(group) > 1 and open_:
            first, *others = sorted(open_, key=lambda run: (run.info.start_time, run.info.run_id))
            for other in others:
                # Both writers may be here at once.
                retry_once_on_conflict(partial(client.set_tag, other.info.run_id, schema.SUPERSEDED, first.info.run_id))
            stands[identity] = first
    return stands
