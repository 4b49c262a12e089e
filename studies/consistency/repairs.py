"""Repairs of a study's inconsistencies; nothing is deleted, and every repair may be repeated."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from mlflow.entities import Run, RunTag
from optuna.trial import FrozenTrial

from studies.search.session import StudySession
from tracking import schema
from tracking.backend.client import end_run
from tracking.writing.discarded_folds import supersede_run


@dataclass(frozen=True)
class SupersedeRun:
    """Tag a run as superseded by another one, or by none, and end it where it is open."""

    run: Run
    by: str


@dataclass(frozen=True)
class EndRun:
    """End a run; one that is KILLED is resumed by the next start of the study."""

    run: Run
    status: Literal["FINISHED", "KILLED"] = "KILLED"


@dataclass(frozen=True)
class ReparentRun:
    """Put a run below another parent."""

    run: Run
    parent: str


@dataclass(frozen=True)
class SetTags:
    """Set tags of a run again."""

    run: Run
    tags: Mapping[str, str]


@dataclass(frozen=True)
class DiscardTrial:
    """Leave an Optuna trial out of the study: fail it, or note that it is superseded where it is complete."""

    trial: FrozenTrial


@dataclass(frozen=True)
class ProjectStudy:
    """Write what MLflow and Optuna lack of the results on disk."""


Repair = SupersedeRun | EndRun | ReparentRun | SetTags | DiscardTrial | ProjectStudy


def apply_repairs(session: StudySession, repairs: Iterable[Repair]) -> None:
    """Apply repairs to a study, in order, other than `ProjectStudy`, which needs a recorder.

    Args:
        session: The study, whose lease the caller holds.
        repairs: The repairs.
    """
    client = session.client
    for repair in repairs:
        match repair:
            case SupersedeRun(run, by):
                supersede_run(client, run, by)
            case EndRun(run, status):
                end_run(client, run.info.run_id, status)
            case ReparentRun(run, parent):
                client.set_tag(run.info.run_id, schema.PARENT, parent)
            case SetTags(run, tags):
                client.log_batch(run.info.run_id, tags=[RunTag(name, value) for name, value in tags.items()])
            case DiscardTrial(trial):
                session.search.discard(trial)
            case ProjectStudy():
                continue
