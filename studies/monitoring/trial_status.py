"""How a study's trials stand, read from its runs."""

from collections.abc import Mapping
from dataclasses import dataclass

from studies.search.summaries import StudySummary
from studies.storages.home import Home
from tracking import schema
from tracking.backend.client import connect
from tracking.backend.queries import is_finished, search_runs


@dataclass(frozen=True)
class TrialStatus:
    """One trial as it stands.

    Attributes:
        name: Readable name of the trial.
        state: State of its run: RUNNING, FINISHED or FAILED; or PRUNED.
        folds_done: Folds that have a finished run.
        folds: Folds that the trial has.
        mean_validation_ua: Its value, 0..1, or None before its end.
        remark: Where it was reused from, or why it failed or was pruned.
    """

    name: str
    state: str
    folds_done: int
    folds: int
    mean_validation_ua: float | None
    note: str


def trial_statuses(home: Home, study: StudySummary) -> list[TrialStatus]:
    """All trials of a study that have begun, in the order in which they did.

    Args:
        home: Where everything is kept.
        study: The study.
    """
    if study.location is None:
        return []
    client = connect(home.tracking_uri_or_path)
    trials = search_runs(client, study.location.experiment, ser__kind="trial", ser__study=study.name)
    folds = search_runs(client, study.location.experiment, ser__kind="fold", ser__study=study.name)
    done: dict[str, int] = {}
    for run in folds:
        if is_finished(run):
            parent = run.data.tags[schema.PARENT]
            done[parent] = done.get(parent, 0) + 1
    standings = []
    for run in trials:
        tags = run.data.tags
        reused = tags.get(schema.REUSED_FROM)
        whole = study.location.folds
        standings.append(
            TrialStatus(
                name=str(run.info.run_name),
                state="PRUNED" if schema.PRUNED in tags else str(run.info.status),
                folds_done=whole if is_finished(run) else done.get(str(run.info.run_id), 0),
                folds=whole,
                mean_validation_ua=run.data.metrics.get(schema.MEAN_VALIDATION_UA),
                note=f"reused from run {reused}" if reused else _remark(tags),
            )
        )
    return standings


def _remark(tags: Mapping[str, str]) -> str:
    """Why a trial failed or was pruned, in a line; nothing for others."""
    return tags.get(schema.PRUNED, tags.get(schema.FAILURE, "")).partition("\n")[0]
