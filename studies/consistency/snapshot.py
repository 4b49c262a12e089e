"""Snapshot of a study: the results on disk, and what MLflow and Optuna show of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from mlflow.entities import Run
from optuna.trial import FrozenTrial

from ser.config import FoldConfiguration
from ser.errors import SerError
from ser.identity import trial_identity
from ser.results import Fold
from studies.search.records import Point
from studies.search.session import StudySession
from tracking import schema
from tracking.analysis.variants.naming import variant_label
from tracking.backend.artifacts import has_trained_fold
from tracking.backend.queries import is_finished, search_runs
from tracking.writing import payloads

IDENTITY_TAGS = {"study": schema.STUDY, "trial": schema.TRIAL_ID, "fold": schema.FOLD_IDENTITY}
"""Tag with the identity of each kind of run."""


@dataclass(frozen=True)
class ExpectedTrial:
    """Trial of a point, as it must be.

    Attributes:
        point: The point.
        key: Its parameters in Optuna, in one line.
        identity: Identity of the trial.
        folds: Its folds by identity.
    """

    point: Point
    key: str
    identity: str
    folds: Mapping[str, Fold]

    @property
    def configuration(self) -> FoldConfiguration:
        """Configuration of the point."""
        return self.point.configuration

    @property
    def label(self) -> str:
        """Readable name of the trial."""
        return variant_label(self.configuration)


@dataclass(frozen=True)
class StudySnapshot:
    """All that is written of one study.

    Attributes:
        expected: Its trials, in the order of its points.
        stored: Identities of folds whose results are on disk, of any study.
        trials: Optuna's trials by the key of their parameters, without discarded ones; of one key the complete ones
            first, then the oldest.
        runs: Its runs without superseded ones, the oldest first.
        in_other_studies: Identities of its folds whose runs another study has written.
        resumable: Ids of unfinished fold runs whose results are on disk, of the same training.
        is_running: Whether a coordinator, to which open runs belong, runs the study now.
    """

    expected: tuple[ExpectedTrial, ...]
    stored: frozenset[str]
    trials: Mapping[str, list[FrozenTrial]]
    runs: tuple[Run, ...]
    in_other_studies: frozenset[str]
    resumable: frozenset[str]
    is_running: bool

    @cached_property
    def canonical_runs(self) -> Mapping[tuple[str, str], Run]:
        """One run by kind and identity: a finished one, else the oldest."""
        canonical: dict[tuple[str, str], Run] = {}
        for run in sorted(self.runs, key=lambda run: not is_finished(run)):
            identity = identity_of(run)
            if identity is not None:
                canonical.setdefault(identity, run)
        return canonical

    @cached_property
    def _unrecorded(self) -> frozenset[str]:
        """Identities of results on disk, of any study, without a finished run."""
        recorded = {identity for (_, identity), run in self.canonical_runs.items() if is_recorded(run)}
        return self.stored - recorded - self.in_other_studies

    def unrecorded(self, trial: ExpectedTrial) -> list[str]:
        """Identities of folds of a trial that have a result on disk, and no finished run with it."""
        return [identity for identity in trial.folds if identity in self._unrecorded]

    def missing(self, trial: ExpectedTrial) -> list[str]:
        """Identities of folds of a trial that have no result on disk."""
        return [identity for identity in trial.folds if identity not in self.stored]

    def is_projected(self, trial: ExpectedTrial) -> bool:
        """Return whether MLflow and Optuna show all that a trial will ever have: it is complete or pruned."""
        run = self.canonical_runs.get(("trial", trial.identity))
        if self.unrecorded(trial):
            return False
        if trial.point.pruned is not None:
            return run is None or (schema.PRUNED in run.data.tags and str(run.info.status) == "KILLED")
        return trial.point.complete and not self.missing(trial) and run is not None and is_finished(run)


def identity_of(run: Run) -> tuple[str, str] | None:
    """Kind and identity of a run by its tags; None where a tag is missing or has no known value."""
    kind = run.data.tags.get(schema.KIND, "")
    identity = run.data.tags.get(IDENTITY_TAGS.get(kind, ""))
    return None if identity is None else (kind, identity)


def is_recorded(run: Run) -> bool:
    """Return whether a fold's run is finished, with the file of its result."""
    return run.data.tags.get(schema.KIND) == "fold" and is_finished(run) and has_trained_fold(run)


def read_snapshot(session: StudySession, is_running: bool = False) -> StudySnapshot:
    """Read all that is written of a study."""
    # Before the runs: a search that runs may propose further points while these are read.
    expected = expected_trials(session)
    trials = session.search.active_trials()
    runs = tuple(search_runs(session.client, session.experiment, ser__study=session.name))
    # After the runs, none of which is written before its result is on disk.
    stored = session.results.identities()
    snapshot = StudySnapshot(expected, stored, trials, runs, frozenset(), _resumable(session, runs, stored), is_running)
    in_other_studies = _recorded_by_other_studies(session, (trial for trial in expected if snapshot.unrecorded(trial)))
    return replace(snapshot, in_other_studies=in_other_studies)


def expected_trials(session: StudySession) -> tuple[ExpectedTrial, ...]:
    """Return the trials that all known points must have."""
    expected = []
    for point in session.points():
        folds = session.folds_of(point.configuration)
        key = session.search.key(point.configuration)
        expected.append(ExpectedTrial(point, key, trial_identity(list(folds)), folds))
    return tuple(expected)


def _recorded_by_other_studies(session: StudySession, trials: Iterable[ExpectedTrial]) -> frozenset[str]:
    """Identities of folds whose runs other studies have finished."""
    recorded = set()
    for trial in trials:
        model = payloads.model_digest(trial.configuration)
        for run in search_runs(session.client, session.experiment, ser__kind="fold", ser__model=model):
            if run.data.tags.get(schema.STUDY) != session.name and is_recorded(run):
                recorded.add(run.data.tags.get(schema.FOLD_IDENTITY, ""))
    return frozenset(recorded)


def _resumable(session: StudySession, runs: Iterable[Run], stored: frozenset[str]) -> frozenset[str]:
    """Ids of unfinished fold runs whose results are on disk; rows of another training must not mix with theirs."""
    resumable = set()
    for run in runs:
        identity = run.data.tags.get(schema.FOLD_IDENTITY)
        if identity not in stored or is_finished(run):
            continue
        try:
            started_ms = session.results.result(identity).started_ms
        except SerError:
            # It is damaged, which is a finding of its own, and its fold is trained again.
            continue
        if started_ms == run.info.start_time:
            resumable.add(str(run.info.run_id))
    return frozenset(resumable)
