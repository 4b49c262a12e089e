"""Check and repair of a study: at each of its starts, and by `ser study check`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from ser.files import file_lock
from studies.consistency.changes import find_changes
from studies.consistency.checks import Inconsistency, find_inconsistencies
from studies.consistency.repairs import EndRun, ProjectStudy, apply_repairs
from studies.consistency.snapshot import StudySnapshot, read_snapshot
from studies.coordination.projector import Projector
from studies.coordination.trial_state import TrialState
from studies.search.records import Point
from studies.search.session import StudySession
from studies.storages.base import Lease
from tracking.context import StudyContext
from tracking.results.fetching import fetch_missing
from tracking.writing.discarded_folds import supersede_folds
from tracking.writing.recorder import Recorder

_ROUNDS = 5
"""A repair brings to light what another inconsistency hid: a restored study, its trials, their folds."""

Progress = Callable[[int, int], None]
"""Called with the steps done and their number."""


@dataclass(frozen=True)
class CheckResult:
    """Result of a check.

    Attributes:
        study: Name of the study.
        snapshot: The study as it is now.
        repaired: Inconsistencies that were repaired, in order.
        damaged: Damaged results, those that a tracking server had, and what could not be compared, one line each.
        changes: Runs and Optuna trials that show what their results do not have, and are not repaired.
        lost_runs: Number of results whose runs MLflow had lost when the check began.
        running_by: Process that runs the study now, or None.
    """

    study: str
    snapshot: StudySnapshot
    repaired: tuple[Inconsistency, ...] = ()
    damaged: tuple[str, ...] = ()
    changes: tuple[Inconsistency, ...] = ()
    lost_runs: int = 0
    running_by: str | None = None

    @cached_property
    def findings(self) -> tuple[Inconsistency, ...]:
        """Inconsistencies that are left."""
        return (*self.changes, *find_inconsistencies(self.snapshot))

    @property
    def trials(self) -> int:
        """Number of the study's points."""
        return len(self.snapshot.expected)

    @property
    def trials_open(self) -> int:
        """Number of trials that are neither complete nor pruned."""
        return sum(not self.snapshot.is_projected(trial) for trial in self.snapshot.expected)

    @property
    def folds_open(self) -> int:
        """Number of folds of open trials that have no result."""
        unpruned = (trial for trial in self.snapshot.expected if trial.point.pruned is None)
        return sum(len(self.snapshot.missing(trial)) for trial in unpruned)

    @property
    def messages(self) -> list[str]:
        """Lines that say what was damaged, lost and repaired."""
        lines = [f"repaired, {repaired.kind}: {repaired.text}" for repaired in self.repaired]
        if self.lost_runs:
            lines.insert(
                0,
                f"MLflow lost the runs of {self.lost_runs} results of study {self.study}, or they were deleted there; "
                "they are written again from the results on disk. To discard a result: ser results rm",
            )
        return [*self.damaged, *lines]

    def points(self) -> list[Point]:
        """Return the study's points; complete are those of which nothing is left to train or to write."""
        snapshot = self.snapshot
        return [replace(trial.point, complete=snapshot.is_projected(trial)) for trial in snapshot.expected]


def check_study(session: StudySession, progress: Progress = lambda done, total: None) -> CheckResult:
    """Compare a study's points, its results on disk, MLflow's runs and Optuna's trials, and change nothing.

    Args:
        session: The study, which may run.
        progress: Called with the result files, trials or runs compared and their number.
    """
    running_by = session.home.storage.lease_owner(session.name)
    snapshot = read_snapshot(session, running_by is not None)
    # A search that runs may have proposed further points since.
    while len(snapshot.expected) < len(session.points()):
        snapshot = read_snapshot(session, running_by is not None)
    damaged = session.results.find_damaged(_identities(session), progress)
    changes = find_changes(session, snapshot, with_downloads=True, progress=progress)
    notes = (*damaged.values(), *changes.notes)
    return CheckResult(session.name, snapshot, damaged=notes, changes=changes.findings, running_by=running_by)


def repair_study(
    session: StudySession, lease: Lease, resumes: bool = False, progress: Progress = lambda done, total: None
) -> CheckResult:
    """Compare the same and repair, until nothing is found.

    Args:
        session: The study.
        lease: The study's lease, which the caller holds.
        resumes: Whether the caller resumes open runs and writes what MLflow and Optuna lack, so that these need no
            repair. No artifact is downloaded then to be compared.
        progress: Called with the result files, trials or runs compared or fetched and their number.

    Raises:
        StudyError: Another coordinator has taken the study.
    """
    # MLflow may have lost the report with the study's run: the next report asks MLflow again.
    session.home.uploaded_report(session.name).unlink(missing_ok=True)
    damaged = _set_aside_damaged(session, progress)
    fetched = _fetch_missing(session, progress)
    first = snapshot = read_snapshot(session)
    changes = find_changes(session, snapshot, with_downloads=not resumes, progress=progress)
    repaired = list(changes.findings)
    if repaired:
        lease.check()
        apply_repairs(session, (change.repair for change in repaired))
        snapshot = read_snapshot(session)
    for _ in range(_ROUNDS):
        findings = [finding for finding in find_inconsistencies(snapshot) if not (resumes and _is_resumable(finding))]
        if not findings:
            break
        # Reading may have taken long.
        lease.check()
        apply_repairs(session, (finding.repair for finding in findings))
        if any(isinstance(finding.repair, ProjectStudy) for finding in findings):
            _project(session, snapshot, lease)
        repaired += findings
        snapshot = read_snapshot(session)
    left: tuple[Inconsistency, ...] = ()
    if changes.findings and not resumes:
        left = find_changes(session, snapshot, with_downloads=True, progress=progress).findings
    damaged_or_fetched = (*damaged, *fetched, *changes.notes)
    return CheckResult(session.name, snapshot, tuple(repaired), damaged_or_fetched, left, _lost_runs(first))


def _is_resumable(finding: Inconsistency) -> bool:
    """Return whether an inconsistency is what a coordinator resumes or writes anyway."""
    match finding.repair:
        case ProjectStudy():
            return True
        case EndRun(_, status):
            return finding.kind == "stuck" and status == "KILLED"
    return False


def _identities(session: StudySession) -> frozenset[str]:
    """Identities of all folds of a study's points."""
    return frozenset(identity for point in session.points() for identity in session.folds_of(point.configuration))


def _set_aside_damaged(session: StudySession, progress: Progress) -> tuple[str, ...]:
    """Move damaged results aside, so that their folds are trained again; return a line about each."""
    damaged = session.results.find_damaged(_identities(session), progress)
    lines = []
    # Another study that starts now may have set it aside, and trained the fold again.
    with file_lock(session.home.lock("damaged-results")):
        for identity, reason in session.results.find_damaged(damaged).items():
            path = session.results.move(identity, session.home.trash)
            lines.append(f"{reason}; moved to {path}, the fold is trained again")
    if lines:
        # Also those of other studies: their artifacts are the same damaged files.
        supersede_folds(session.client, session.experiment, damaged)
    return tuple(lines)


def _fetch_missing(session: StudySession, progress: Progress) -> tuple[str, ...]:
    """Fetch the study's results that only a shared tracking server has; return lines about them."""
    if session.home.tracking_uri is None:
        return ()
    digest, experiment = session.location.corpus_digest, session.experiment
    fetched = fetch_missing(session.client, experiment, digest, _identities(session), session.results, progress)
    count = len(fetched.identities)
    lines = [f"fetched {count} results of other data directories from the tracking server"] if count else []
    return (*lines, *(f"{reason}; the fold is trained again" for reason in fetched.damaged))


def _lost_runs(snapshot: StudySnapshot) -> int:
    """Count the results of trials that Optuna calls complete, without runs."""
    return sum(len(snapshot.unrecorded(trial)) for trial in snapshot.expected if trial.point.complete)


def _project(session: StudySession, snapshot: StudySnapshot, lease: Lease) -> None:
    """Write what MLflow and Optuna lack of a study's results, without its corpus."""
    stored = [identity for trial in snapshot.expected for identity in trial.folds if identity in snapshot.stored]
    if not stored:
        return
    corpus = session.results.result(stored[0]).corpus
    context = StudyContext(session.name, session.plan.recipe, corpus, None, session.scheme, {}, {})
    shared = session.home.tracking_uri is not None
    recorder = Recorder(session.client, session.experiment, context, session.home.lock("recording"), shared)
    projector = Projector(session, recorder, recorder.ensure_study_run(complete=True))
    for trial in snapshot.expected:
        state = TrialState.of(trial.point, trial.folds, snapshot.stored)
        state.pruned = trial.point.pruned
        if state.stored and not snapshot.is_projected(trial):
            lease.check()
            projector.project(state)
            if state.pruned is not None:
                projector.prune(state, state.pruned)
    recorder.close_open_runs()
