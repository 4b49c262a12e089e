"""Reading a study's ledgers for `studies.consistency.checks`."""

from collections.abc import Callable, Iterable

from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from pydantic import ValidationError

from ser.config import FoldConfiguration
from ser.errors import SerError
from ser.identity import fold_identity, trial_identity
from ser.training.checkpoint import deserialize_fold, read_result
from studies.consistency.checks import ExpectedPoint, StudySnapshot
from studies.search.optuna_study import OptunaStudy
from studies.search.records import IdentityInputs
from tracking import schema
from tracking.analysis.trial_result import TrialResult
from tracking.backend.artifacts import artifact_path, has_result_artifact
from tracking.backend.queries import is_finished, search_runs
from tracking.outbox.outbox import Outbox
from tracking.writing import payloads


def expected_points(
    points: Iterable[FoldConfiguration],
    key: Callable[[FoldConfiguration], str],
    corpus_digest: str,
    basis: IdentityInputs,
) -> tuple[ExpectedPoint, ...]:
    """The identities that the trials and folds of points must have.

    Args:
        points: The points.
        key: Names a point as the search does.
        corpus_digest: Digest of the corpus.
        basis: What else the identities rest on.
    """
    expected = []
    for point in points:
        folds = {fold_identity(point, corpus_digest, fold, basis.device_type): fold for fold in basis.scheme}
        expected.append(ExpectedPoint(point, key(point), trial_identity(list(folds)), folds))
    return tuple(expected)


def read_snapshot(
    client: MlflowClient,
    experiment: str,
    study: str,
    points: tuple[ExpectedPoint, ...],
    search: OptunaStudy,
    outbox: Outbox,
    held: bool,
) -> StudySnapshot:
    """Reads all that is written of a study.

    Args:
        client: The tracking store.
        experiment: Id of its experiment.
        study: Its name.
        points: What is asked for.
        search: Its memory in Optuna.
        outbox: Where results wait.
        held: Whether a coordinator runs it now.
    """
    runs = search_runs(client, experiment, ser__study=study)
    known = {run.data.tags.get(schema.FOLD_IDENTITY) for run in runs if is_finished(run)}
    waiting, unreadable = _outbox_content(outbox, points)
    return StudySnapshot(
        points=points,
        trials=search.active_trials(),
        runs=tuple(runs),
        finished_in_other_studies=_finished_elsewhere(client, experiment, study, _begun(runs, points), known | waiting),
        waiting=waiting,
        unreadable=unreadable,
        has_artifact=has_result_artifact,
        ended_ms=_end_time_from_artifact,
        is_running=held,
    )


def _begun(runs: Iterable[Run], points: Iterable[ExpectedPoint]) -> list[ExpectedPoint]:
    """Points of which the study has runs of its own; those that it took over as a whole need none."""
    own = {run.data.tags.get(schema.FOLD_IDENTITY) for run in runs}
    trials = {run.data.tags.get(schema.TRIAL_ID) for run in runs if schema.REUSED_FROM not in run.data.tags}
    return [point for point in points if point.trial in trials or not own.isdisjoint(point.folds)]


def _finished_elsewhere(
    client: MlflowClient, experiment: str, study: str, points: Iterable[ExpectedPoint], known: set[str | None]
) -> dict[str, str]:
    """Runs of folds that other studies have finished, by identity; only models that lack any fold are asked for."""
    found: dict[str, str] = {}
    for point in points:
        if not known.issuperset(point.folds):
            runs = search_runs(
                client, experiment, ser__kind="fold", ser__model=payloads.model_digest(point.configuration)
            )
            for run in runs:
                if is_finished(run) and has_result_artifact(run) and run.data.tags[schema.STUDY] != study:
                    found.setdefault(run.data.tags[schema.FOLD_IDENTITY], str(run.info.run_id))
    return found


def _outbox_content(outbox: Outbox, points: Iterable[ExpectedPoint]) -> tuple[frozenset[str], frozenset[str]]:
    """Identities of the study's results that wait, and of its files that hold none."""
    own = {identity for point in points for identity in point.folds}
    waiting: set[str] = set()
    unreadable: set[str] = set()
    for identity in own.intersection(outbox.pending()):
        content = outbox.read(identity)
        if content is None:
            continue
        try:
            named = deserialize_fold(content).result.identity
        except SerError:
            named = None
        (waiting if named == identity else unreadable).add(identity)
    return frozenset(waiting), frozenset(unreadable)


def _end_time_from_artifact(run: Run) -> int | None:
    """When a run's result says that it ended, or None where there is no whole result of it on this machine."""
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
