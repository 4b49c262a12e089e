"""Duplicate runs, written at the same time from two data directories: all but one are superseded.

A recorder looks for a run before it creates one, under a lock of its data directory. Data directories on other
machines have locks of their own, and a tracking server offers none. So whoever has written looks again: of two writers
the later one sees both runs, in whatever order they wrote, and both would make the same decision.
"""

from collections.abc import Iterable
from functools import partial

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from tracking import schema
from tracking.backend.artifacts import has_trained_fold
from tracking.backend.client import retry_once_on_conflict
from tracking.backend.queries import is_finished, search_all_runs


def supersede_duplicates(client: MlflowClient, experiment: str, model: str) -> dict[str, Run]:
    """Tag all but the oldest of the finished runs of each fold, and of the runs of each trial of a study.

    Args:
        client: The tracking store.
        experiment: Id of the experiment.
        model: Digest of the configuration of the trials and folds.

    Returns:
        The canonical run, by fold identity, of each fold that had several.
    """
    runs = search_all_runs(client, experiment, ser__model=model)
    trials: dict[tuple[str | None, ...], list[Run]] = {}
    folds: dict[str, list[Run]] = {}
    for run in runs:
        tags = run.data.tags
        if tags.get(schema.KIND) == "trial":
            trials.setdefault((tags.get(schema.STUDY), tags.get(schema.TRIAL_ID)), []).append(run)
        elif tags.get(schema.KIND) == "fold" and is_finished(run) and has_trained_fold(run):
            folds.setdefault(tags.get(schema.FOLD_IDENTITY, run.info.run_id), []).append(run)
    for group in trials.values():
        _supersede(client, group, runs)
    canonical = {identity: _supersede(client, group, ()) for identity, group in folds.items() if len(group) > 1}
    return {identity: run for identity, run in canonical.items() if run is not None}


def supersede_study_runs(client: MlflowClient, experiment: str, study: str) -> None:
    """Tag all but the oldest of a study's own runs, and put its trials' runs below the oldest one."""
    runs = search_all_runs(client, experiment, ser__study=study)
    _supersede(client, [run for run in runs if run.data.tags.get(schema.KIND) == "study"], runs)


def _supersede(client: MlflowClient, group: Iterable[Run], others: Iterable[Run]) -> Run | None:
    """Tag all but the oldest of runs of the same thing, and put the runs below them below the oldest one; return it."""
    valid = [run for run in group if schema.SUPERSEDED not in run.data.tags]
    if not valid:
        return None
    oldest, *duplicates = sorted(valid, key=lambda run: (run.info.start_time, run.info.run_id))
    for duplicate in duplicates:
        _set_tag(client, duplicate, schema.SUPERSEDED, oldest)
        for run in others:
            if run.data.tags.get(schema.PARENT) == duplicate.info.run_id:
                _set_tag(client, run, schema.PARENT, oldest)
    return oldest


def _set_tag(client: MlflowClient, run: Run, name: str, target: Run) -> None:
    # Both writers may be here at once.
    retry_once_on_conflict(partial(client.set_tag, run.info.run_id, name, target.info.run_id))
