"""Mending what `studies.consistency.checks` found; nothing is deleted, and every step may be repeated."""

from collections.abc import Callable, Iterable

from mlflow.tracking import MlflowClient

from studies.consistency.checks import Inconsistency, StudySnapshot, find_inconsistencies
from studies.consistency.repairs import (
    DiscardTrial,
    EndRun,
    QuarantineFile,
    RecreateRun,
    Repair,
    ReparentRun,
    SupersedeRun,
    TellOptuna,
)
from studies.search.optuna_study import OptunaStudy
from studies.search.records import Point
from tracking import schema
from tracking.outbox.outbox import Outbox

_ROUNDS = 5
"""Mending brings to light what another finding hid: a restored study, its trials, their folds, a value."""


class StudyRepairer:
    """Mends one study.

    Args:
        client: The tracking store.
        experiment: Id of the study's experiment.
        search: The study's memory in Optuna.
        outbox: Where results wait.
    """

    def __init__(self, client: MlflowClient, experiment: str, search: OptunaStudy, outbox: Outbox) -> None:
        self._client = client
        self._experiment = experiment
        self._search = search
        self._outbox = outbox

    def repair(
        self, read: Callable[[], StudySnapshot], wanted: Callable[[Inconsistency], bool] = lambda _: True
    ) -> tuple[list[Inconsistency], StudySnapshot]:
        """Mends until nothing is found.

        Args:
            read: Reads the ledgers.
            wanted: Whether a finding shall be mended.

        Returns:
            What was found and mended, in order, and the ledgers as they stand now.
        """
        mended: list[Inconsistency] = []
        ledgers = read()
        for _ in range(_ROUNDS):
            findings = [finding for finding in find_inconsistencies(ledgers) if wanted(finding)]
            if not findings:
                break
            self._apply(finding.remedy for finding in findings)
            mended += findings
            ledgers = read()
        return mended, ledgers

    def _apply(self, remedies: Iterable[Repair]) -> None:
        for remedy in remedies:
            match remedy:
                case SupersedeRun(run, by):
                    self._client.set_tag(run.info.run_id, schema.SUPERSEDED, by)
                    if run.info.status in ("RUNNING", "SCHEDULED"):
                        self._client.set_terminated(run.info.run_id, "KILLED")
                case EndRun(run, status, ended_ms):
                    self._client.set_terminated(run.info.run_id, status, ended_ms)
                case ReparentRun(run, parent):
                    self._client.set_tag(run.info.run_id, schema.PARENT, parent)
                case RecreateRun(name, tags):
                    run = self._client.create_run(self._experiment, tags=dict(tags), run_name=name)
                    self._client.set_terminated(run.info.run_id, "KILLED")
                case TellOptuna(configuration, value):
                    known = self._search.active_trials().get(self._search.key(configuration), [])
                    number = known[0].number if known else None
                    number = self._search.start_trial(Point(configuration, number, complete=False))
                    self._search.complete(number, value)
                case DiscardTrial(trial):
                    self._search.discard(trial)
                case QuarantineFile(identity):
                    self._outbox.quarantine(identity)
