"""Snapshot of all that is written of a study: Optuna's trials, MLflow's runs, the outbox and local artifacts."""

from collections.abc import Callable, Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities import Run
from optuna.trial import FrozenTrial
from pydantic import ValidationError

from ser.config import FoldConfiguration
from ser.errors import SerError
from ser.identity import trial_identity
from ser.results import Fold
from ser.training.checkpoint import deserialize_fold, read_result
from studies.search.session import StudySession
from tracking import schema
from tracking.analysis.trial_result import TrialResult
from tracking.analysis.variants.naming import variant_label
from tracking.backend.artifacts import artifact_path, has_result_artifact
from tracking.backend.queries import is_finished, search_runs
from tracking.outbox.recovery import find_results
from tracking.writing import payloads


@dataclass(frozen=True)
class ExpectedPoint:
    """Point with the identities that its trial and folds must have.

    Attributes:
        configuration: The point.
        key: Its parameters in Optuna, in one line.
        trial: Identity of its trial.
        folds: Its folds by identity.
    """

    configuration: FoldConfiguration
    key: str
    trial: str
    folds: Mapping[str, Fold]

    @property
    def label(self) -> str:
        """Readable name of the trial."""
        return variant_label(self.configuration)


@dataclass(frozen=True)
class StudySnapshot:
    """All that is written of one study.

    Attributes:
        points: Its points.
        trials: Optuna's trials by the key of their parameters, without discarded ones; of one key the complete ones
            first, then the oldest.
        runs: Its runs without superseded ones, the oldest first.
        finished_in_other_studies: Runs of folds that other studies have finished, by fold identity.
        pending: Identities of results in the outbox.
        unreadable: Identities of outbox files that hold no result.
        results_without_runs: Result files in the local artifact folder whose runs MLflow has lost, by fold identity;
            searched only where the study's own run is lost.
        has_artifact: Whether the result of a finished run is among its artifacts.
        ended_ms: End of the training by the result of an unfinished run, or None where that has no complete result.
        is_running: Whether a coordinator, to which open runs belong, runs the study now.
    """

    points: tuple[ExpectedPoint, ...]
    trials: Mapping[str, list[FrozenTrial]]
    runs: tuple[Run, ...]
    finished_in_other_studies: Mapping[str, str]
    pending: frozenset[str]
    unreadable: frozenset[str]
    results_without_runs: Mapping[str, Path]
    has_artifact: Callable[[Run], bool]
    ended_ms: Callable[[Run], int | None]
    is_running: bool

    @property
    def has_lost_runs(self) -> bool:
        """True where Optuna has trials of the study, and neither MLflow a run nor the outbox a result of them."""
        return bool(self.trials) and not self.runs and not self.pending

    def finished_trials(self) -> frozenset[str]:
        """Return the identities of trials whose run is finished."""
        trials = (run for run in self.runs if run.data.tags[schema.KIND] == "trial")
        return frozenset(run.data.tags[schema.TRIAL_ID] for run in trials if is_finished(run))


def read_snapshot(
    session: StudySession,
    is_running: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> StudySnapshot:
    """Read all that is written of a study.

    Args:
        session: The study.
        is_running: Whether a coordinator runs it now.
        progress: Called with the artifacts read and their number, where MLflow has lost the study's run.
    """
    # Before the runs: a search that runs may propose further points while these are read.
    points = expected_points(session)
    trials = session.search.active_trials()
    runs = search_runs(session.client, session.experiment, ser__study=session.name)
    finished = {run.data.tags.get(schema.FOLD_IDENTITY) for run in runs if is_finished(run)}
    pending, unreadable = _outbox_content(session, points)
    in_other_studies = _finished_in_other_studies(session, _started_points(runs, points), finished | pending)
    results: Mapping[str, Path] = {}
    # The study's run is made before its first trial starts, so that trials without it have lost it.
    if trials and not is_running and not any(run.data.tags[schema.KIND] == "study" for run in runs):
        with_runs = {run.data.tags.get(schema.FOLD_IDENTITY) for run in runs} | pending | in_other_studies.keys()
        missing = {identity for point in points for identity in point.folds} - with_runs
        results = _results_without_runs(session, missing, progress)
    return StudySnapshot(
        points=points,
        trials=trials,
        runs=tuple(runs),
        finished_in_other_studies=in_other_studies,
        pending=pending,
        unreadable=unreadable,
        results_without_runs=results,
        has_artifact=has_result_artifact,
        ended_ms=_end_time_from_artifact,
        is_running=is_running,
    )


def expected_points(session: StudySession) -> tuple[ExpectedPoint, ...]:
    """Return the identities that the trials and folds of all known points must have."""
    expected = []
    for point in session.points():
        folds = session.folds_of(point.configuration)
        key = session.search.key(point.configuration)
        expected.append(ExpectedPoint(point.configuration, key, trial_identity(list(folds)), folds))
    return tuple(expected)


def _started_points(runs: Iterable[Run], points: Iterable[ExpectedPoint]) -> list[ExpectedPoint]:
    """Return the points that have runs in the study; a trial that was reused as a whole needs none of its folds."""
    folds = {run.data.tags.get(schema.FOLD_IDENTITY) for run in runs}
    trials = {run.data.tags.get(schema.TRIAL_ID) for run in runs if schema.REUSED_FROM not in run.data.tags}
    return [point for point in points if point.trial in trials or not folds.isdisjoint(point.folds)]


def _finished_in_other_studies(
    session: StudySession, points: Iterable[ExpectedPoint], present: Set[str | None]
) -> dict[str, str]:
    """Runs of folds that other studies have finished, by identity; asks only for configurations that lack a fold."""
    finished: dict[str, str] = {}
    for point in points:
        if point.folds.keys() <= present:
            continue
        existing = session.reader.existing_results(payloads.model_digest(point.configuration))
        for identity, run in existing.folds.items():
            if run.data.tags[schema.STUDY] != session.name:
                finished[identity] = str(run.info.run_id)
    return finished


def _outbox_content(session: StudySession, points: Iterable[ExpectedPoint]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the identities of the study's results in the outbox, and of its files there that hold none."""
    folds = {identity for point in points for identity in point.folds}
    pending: set[str] = set()
    unreadable: set[str] = set()
    for identity in folds.intersection(session.outbox.pending()):
        content = session.outbox.read(identity)
        if content is None:
            continue
        try:
            named = deserialize_fold(content).result.identity
        except SerError:
            named = None
        (pending if named == identity else unreadable).add(identity)
    return frozenset(pending), frozenset(unreadable)


def _results_without_runs(
    session: StudySession, missing: Collection[str], progress: Callable[[int, int], None]
) -> Mapping[str, Path]:
    """Result files of folds that have no finished run in any study, by fold identity."""
    artifacts = session.local_artifacts
    results = {} if artifacts is None or not missing else find_results(artifacts, missing, progress)
    if not results:
        return {}
    folds = search_runs(session.client, session.experiment, ser__kind="fold")
    finished = {run.data.tags[schema.FOLD_IDENTITY] for run in folds if is_finished(run)}
    return {identity: path for identity, path in results.items() if identity not in finished}


def _end_time_from_artifact(run: Run) -> int | None:
    """End of the training by a run's result, or None where no complete one is on this machine."""
    kind = run.data.tags[schema.KIND]
    path = artifact_path(run, schema.RESULT_OF[kind])
    if path is None or not path.is_file():
        return None
    try:
        if kind == "fold":
            return read_result(path).ended_ms
        return max(fold.ended_ms for fold in TrialResult.model_validate_json(path.read_bytes()).folds)
    except (SerError, ValidationError):
        return None
