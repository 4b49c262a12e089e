"""Status of a study's trials, read from their MLflow runs."""

from collections.abc import Mapping
from dataclasses import dataclass

from studies.search.summaries import StudySummary
from studies.storages.home import Home
from tracking import schema
from tracking.backend.client import connect
from tracking.backend.queries import is_finished, search_runs


@dataclass(frozen=True)
class TrialStatus:
    """Status of a trial.

    Attributes:
        name: Readable name of the trial.
        state: RUNNING, FINISHED, FAILED or PRUNED.
        folds_done: Folds with a finished run.
        folds: Folds of the trial.
        mean_validation_ua: Mean validation UA, 0..1, or None before its end.
        remark: Run that it was reused from, or why it failed or was pruned.
    """

    name: str
    state: str
    folds_done: int
    folds: int
    mean_validation_ua: float | None
    remark: str


def trial_statuses(home: Home, study: StudySummary) -> list[TrialStatus]:
    """Return the status of all trials of a study that have started, in that order.

    Args:
        home: The data directory.
        study: The study.
    """
    if study.location is None:
        return []
    client = connect(home.tracking_uri_or_path)
    folds = study.location.folds
    trials = search_runs(client, study.location.experiment, ser__kind="trial", ser__study=study.name)
    fold_runs = search_runs(client, study.location.experiment, ser__kind="fold", ser__study=study.name)
    folds_done: dict[str, int] = {}
    for run in fold_runs:
        if is_finished(run):
            parent = run.data.tags[schema.PARENT]
            folds_done[parent] = folds_done.get(parent, 0) + 1
    statuses = []
    for run in trials:
        tags = run.data.tags
        reused = tags.get(schema.REUSED_FROM)
        statuses.append(
            TrialStatus(
                name=str(run.info.run_name),
                state="PRUNED" if schema.PRUNED in tags else str(run.info.status),
                folds_done=folds if is_finished(run) else folds_done.get(str(run.info.run_id), 0),
                folds=folds,
                mean_validation_ua=run.data.metrics.get(schema.MEAN_VALIDATION_UA),
                remark=f"reused from run {reused}" if reused else _note(tags),
            )
        )
    return statuses


def _note(tags: Mapping[str, str]) -> str:
    """Return why a trial failed or was pruned, in one line; empty for others."""
    return tags.get(schema.PRUNED, tags.get(schema.FAILURE, "")).partition("\n")[0]
