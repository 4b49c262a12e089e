"""Duplicate runs of a fold, written at the same time from two data directories: all but one are superseded.

A recorder looks for a fold's run before it creates one, under a lock of its data directory. Data directories on other
machines have locks of their own, and a tracking server offers none. So a study that has written folds of a
configuration looks again: of two writers the later one sees both runs, in whatever order they wrote, and both would
make the same decision.
"""

from functools import partial

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from tracking import schema
from tracking.backend.artifacts import has_result_artifact
from tracking.backend.client import retry_once_on_conflict
from tracking.backend.queries import is_finished, search_all_runs


def supersede_duplicates(client: MlflowClient, experiment: str, model: str) -> dict[str, Run]:
    """Tag all but the oldest of the finished runs of each fold as superseded by it; may be repeated.

    Args:
        client: The tracking store.
        experiment: Id of the experiment.
        model: Digest of the configuration of the folds.

    Returns:
        The canonical run, by fold identity, of each fold that had several.
    """
    groups: dict[str, list[Run]] = {}
    for run in search_all_runs(client, experiment, ser__kind="fold", ser__model=model):
        if is_finished(run) and has_result_artifact(run):
            groups.setdefault(run.data.tags[schema.FOLD_IDENTITY], []).append(run)
    canonical = {}
    for identity, group in groups.items():
        valid = [run for run in group if schema.SUPERSEDED not in run.data.tags]
        if len(group) > 1 and valid:
            oldest, *duplicates = sorted(valid, key=lambda run: (run.info.start_time, run.info.run_id))
            for run in duplicates:
                # Both writers may be here at once.
                retry_once_on_conflict(partial(client.set_tag, run.info.run_id, schema.SUPERSEDED, oldest.info.run_id))
            canonical[identity] = oldest
    return canonical
