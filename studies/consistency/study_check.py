"""Check and repair of a study: at each of its starts, and by `ser study check`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from studies.consistency.checks import Inconsistency, find_inconsistencies
from studies.consistency.repairer import apply_repairs
from studies.consistency.repairs import EndRun, RestoreResult
from studies.consistency.snapshot import StudySnapshot, read_snapshot
from studies.search.records import Point
from studies.search.session import StudySession
from studies.storages.base import Lease
from tracking import schema
from tracking.backend.queries import is_finished

_ROUNDS = 5
"""A repair brings to light what another inconsistency hid: a restored study, its trials, their folds, a value."""


@dataclass(frozen=True)
class CheckResult:
    """Result of a check.

    Attributes:
        study: Name of the study.
        snapshot: The study as it is now.
        repaired: Inconsistencies that were repaired, in order.
        has_lost_runs: Whether MLflow had lost the study's runs.
        running_by: Process that runs the study now, or None.
    """

    study: str
    snapshot: StudySnapshot
    repaired: tuple[Inconsistency, ...] = ()
    has_lost_runs: bool = False
    running_by: str | None = None

    @cached_property
    def findings(self) -> tuple[Inconsistency, ...]:
        """Inconsistencies that are left."""
        return tuple(find_inconsistencies(self.snapshot))

    @property
    def trials(self) -> int:
        """Number of the study's points."""
        return len(self.snapshot.points)

    @property
    def trials_open(self) -> int:
        """Number of trials whose run is neither finished nor pruned."""
        return sum(point.trial not in self._ended_trials for point in self.snapshot.points)

    @property
    def folds_open(self) -> int:
        """Number of folds of open trials that have neither a finished run nor a result in the outbox."""
        snapshot = self.snapshot
        finished = {run.data.tags.get(schema.FOLD_IDENTITY) for run in snapshot.runs if is_finished(run)}
        present = finished | snapshot.pending | snapshot.finished_in_other_studies.keys()
        open_points = [point for point in snapshot.points if point.trial not in self._ended_trials]
        return sum(identity not in present for point in open_points for identity in point.folds)

    @property
    def pending(self) -> int:
        """Number of results in the outbox, which the next start writes."""
        return len(self.snapshot.pending)

    @property
    def messages(self) -> list[str]:
        """Lines that say what was repaired; restored results are counted in one of them."""
        others = [repaired for repaired in self.repaired if not isinstance(repaired.repair, RestoreResult)]
        restored = len(self.repaired) - len(others)
        lines = [f"repaired, {repaired.kind}: {repaired.text}" for repaired in others]
        if self.has_lost_runs or restored:
            lost = f"MLflow lost the runs of study {self.study}; restored {restored} folds from artifacts"
            lines.insert(0, f"{lost}, the others will be retrained")
        return lines

    def open_points(self, points: list[Point]) -> list[Point]:
        """Mark points as open whose trial has no finished run, although Optuna has its value.

        Args:
            points: The study's points as Optuna has them.
        """
        finished = self.snapshot.finished_trials()
        return [
            replace(point, complete=point.complete and expected.trial in finished)
            for point, expected in zip(points, self.snapshot.points, strict=True)
        ]

    @cached_property
    def _ended_trials(self) -> frozenset[str | None]:
        pruned = {run.data.tags.get(schema.TRIAL_ID) for run in self.snapshot.runs if schema.PRUNED in run.data.tags}
        return self.snapshot.finished_trials() | pruned


def check_study(session: StudySession) -> CheckResult:
    """Compare a study's points, Optuna's trials, MLflow's runs and the outbox, and change nothing.

    Args:
        session: The study, which may run.
    """
    running_by = session.home.storage.lease_owner(session.name)
    snapshot = read_snapshot(session, running_by is not None)
    # A search that runs may have proposed further points since.
    while len(snapshot.points) < len(session.points()):
        snapshot = read_snapshot(session, running_by is not None)
    return CheckResult(session.name, snapshot, running_by=running_by)


def repair_study(
    session: StudySession,
    lease: Lease,
    resumes: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> CheckResult:
    """Compare the same and repair, until nothing is found.

    Args:
        session: The study.
        lease: The study's lease, which the caller holds.
        resumes: Whether the caller resumes runs that a kill left open, so that these need no repair.
        progress: Called with the artifacts read and their number, where MLflow has lost the study's run.

    Raises:
        StudyError: Another coordinator has taken the study.
    """
    repaired: list[Inconsistency] = []
    first = snapshot = read_snapshot(session, progress=progress)
    for _ in range(_ROUNDS):
        findings = [finding for finding in find_inconsistencies(snapshot) if not (resumes and _is_resumable(finding))]
        if not findings:
            break
        # Reading may have taken long.
        lease.check()
        apply_repairs(session, (finding.repair for finding in findings))
        repaired += findings
        snapshot = read_snapshot(session)
    return CheckResult(session.name, snapshot, tuple(repaired), first.has_lost_runs)


def _is_resumable(finding: Inconsistency) -> bool:
    """Return whether an inconsistency is a run that a kill left open and that a coordinator resumes."""
    return finding.kind == "stuck" and isinstance(finding.repair, EndRun) and finding.repair.status == "KILLED"
