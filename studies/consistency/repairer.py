"""Application of repairs; nothing is deleted, and every repair may be repeated."""

from collections.abc import Iterable

from studies.consistency.repairs import (
    DiscardTrial,
    EndRun,
    QuarantineFile,
    RecreateRun,
    Repair,
    ReparentRun,
    RestoreResult,
    SupersedeRun,
    TellOptuna,
)
from studies.search.records import Point
from studies.search.session import StudySession
from tracking import schema


def apply_repairs(session: StudySession, repairs: Iterable[Repair]) -> None:
    """Apply repairs to a study, in order.

    Args:
        session: The study, whose lease the caller holds.
        repairs: The repairs.
    """
    client = session.client
    for repair in repairs:
        match repair:
            case SupersedeRun(run, by):
                client.set_tag(run.info.run_id, schema.SUPERSEDED, by)
                if run.info.status in ("RUNNING", "SCHEDULED"):
                    client.set_terminated(run.info.run_id, "KILLED")
            case EndRun(run, status, ended_ms):
                client.set_terminated(run.info.run_id, status, ended_ms)
            case ReparentRun(run, parent):
                client.set_tag(run.info.run_id, schema.PARENT, parent)
            case RecreateRun(name, tags):
                run = client.create_run(session.experiment, tags=dict(tags), run_name=name)
                client.set_terminated(run.info.run_id, "KILLED")
            case RestoreResult(identity, path):
                session.outbox.put(identity, path.read_bytes())
            case TellOptuna(configuration, value):
                trials = session.search.active_trials().get(session.search.key(configuration), [])
                point = Point(configuration, trials[0].number if trials else None, complete=False)
                session.search.complete(session.search.start_trial(point), value)
            case DiscardTrial(trial):
                session.search.discard(trial)
            case QuarantineFile(identity):
                session.outbox.quarantine(identity)
