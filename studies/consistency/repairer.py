"""Mending what `studies.consistency.checks` found; nothing is deleted, and every step may be repeated."""

from collections.abc import Callable, Iterable

from mlflow.tracking import MlflowClient

from studies.consistency.checks import Finding, Ledgers, compare
from studies.consistency.repairs import Adopt, Close, Drop, Remedy, Restore, SetAside, Supersede, Tell
from studies.search.optuna_study import Search
from studies.search.records import Point
from tracking import schema
from tracking.outbox.outbox import Outbox

_ROUNDS = 5
"""Mending brings to light what another finding hid: a restored study, its trials, their folds, a value."""


class Repair:
    """Mends one study.

    Args:
        client: The tracking store.
        experiment: Id of the study's experiment.
        search: The study's memory in Optuna.
        outbox: Where results wait.
    """

    def __init__(self, client: MlflowClient, experiment: str, search: Search, outbox: Outbox) -> None:
        self._client = client
        self._experiment = experiment
        self._search = search
        self._outbox = outbox

    def mend(
        self, read: Callable[[], Ledgers], wanted: Callable[[Finding], bool] = lambda _: True
    ) -> tuple[list[Finding], Ledgers]:
        """Mends until nothing is found.

        Args:
            read: Reads the ledgers.
            wanted: Whether a finding shall be mended.

        Returns:
            What was found and mended, in order, and the ledgers as they stand now.
        """
        mended: list[Finding] = []
        ledgers = read()
        for _ in range(_ROUNDS):
            findings = [finding for finding in compare(ledgers) if wanted(finding)]
            if not findings:
                break
            self._apply(finding.remedy for finding in findings)
            mended += findings
            ledgers = read()
        return mended, ledgers

    def _apply(self, remedies: Iterable[Remedy]) -> None:
        for remedy in remedies:
            match remedy:
                case Supersede(run, by):
                    self._client.set_tag(run.info.run_id, schema.SUPERSEDED, by)
                    if run.info.status in ("RUNNING", "SCHEDULED"):
                        self._client.set_terminated(run.info.run_id, "KILLED")
                case Close(run, status, ended_ms):
                    self._client.set_terminated(run.info.run_id, status, ended_ms)
                case Adopt(run, parent):
                    self._client.set_tag(run.info.run_id, schema.PARENT, parent)
                case Restore(name, tags):
                    run = self._client.create_run(self._experiment, tags=dict(tags), run_name=name)
                    self._client.set_terminated(run.info.run_id, "KILLED")
                case Tell(configuration, value):
                    known = self._search.trials().get(self._search.key(configuration), [])
                    number = known[0].number if known else None
                    number = self._search.begin(Point(configuration, number, complete=False))
                    self._search.complete(number, value)
                case Drop(trial):
                    self._search.drop(trial)
                case SetAside(identity):
                    self._outbox.set_aside(identity)
