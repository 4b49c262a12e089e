"""Reading a study's ledgers for `studies.consistency.checks`."""

from collections.abc import Callable, Iterable

from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from pydantic import ValidationError

from ser.config import FoldConfiguration
from ser.errors import SerError
from ser.identity import fold_identity, trial_identity
from ser.training.checkpoint import from_bytes, read_result
from studies.consistency.checks import Expected, Ledgers
from studies.search.optuna_study import Search
from studies.search.records import Basis
from tracking import schema
from tracking.analysis.trial_result import TrialResult
from tracking.backend.artifacts import artifact_path, has_result
from tracking.backend.queries import find_runs, is_finished
from tracking.outbox.outbox import Outbox
from tracking.writing import payloads


def expected_of(
    points: Iterable[FoldConfiguration], key: Callable[[FoldConfiguration], str], corpus_digest: str, basis: Basis
) -> tuple[Expected, ...]:
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
        expected.append(Expected(point, key(point), trial_identity(list(folds)), folds))
    return tuple(expected)


def read_ledgers(
    client: MlflowClient,
    experiment: str,
    study: str,
    points: tuple[Expected, ...],
    search: Search,
    outbox: Outbox,
    held: bool,
) -> Ledgers:
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
    runs = find_runs(client, experiment, ser__study=study)
    known = {run.data.tags.get(schema.FOLD_IDENTITY) for run in runs if is_finished(run)}
    waiting, unreadable = _outbox_content(outbox, points)
    return Ledgers(
        points=points,
        trials=search.trials(),
        runs=tuple(runs),
        elsewhere=_finished_elsewhere(client, experiment, study, _begun(runs, points), known | waiting),
        waiting=waiting,
        unreadable=unreadable,
        present=has_result,
        ended_ms=_ended_ms,
        held=held,
    )


def _begun(runs: Iterable[Run], points: Iterable[Expected]) -> list[Expected]:
    """Points of which the study has runs of its own; those that it took over as a whole need none."""
    own = {run.data.tags.get(schema.FOLD_IDENTITY) for run in runs}
    trials = {run.data.tags.get(schema.TRIAL_ID) for run in runs if schema.REUSED_FROM not in run.data.tags}
    return [point for point in points if point.trial in trials or not own.isdisjoint(point.folds)]


def _finished_elsewhere(
    client: MlflowClient, experiment: str, study: str, points: Iterable[Expected], known: set[str | None]
) -> dict[str, str]:
    """Runs of folds that other studies have finished, by identity; only models that lack any fold are asked for."""
    found: dict[str, str] = {}
    for point in points:
        if not known.issuperset(point.folds):
            runs = find_runs(
                client, experiment, ser__kind="fold", ser__model=payloads.model_digest(point.configuration)
            )
            for run in runs:
                if is_finished(run) and has_result(run) and run.data.tags[schema.STUDY] != study:
                    found.setdefault(run.data.tags[schema.FOLD_IDENTITY], str(run.info.run_id))
    return found


def _outbox_content(outbox: Outbox, points: Iterable[Expected]) -> tuple[frozenset[str], frozenset[str]]:
    """Identities of the study's results that wait, and of its files that hold none."""
    own = {identity for point in points for identity in point.folds}
    waiting: set[str] = set()
    unreadable: set[str] = set()
    for identity in own.intersection(outbox.waiting()):
        content = outbox.read(identity)
        if content is None:
            continue
        try:
            named = from_bytes(content).result.identity
        except SerError:
            named = None
        (waiting if named == identity else unreadable).add(identity)
    return frozenset(waiting), frozenset(unreadable)


def _ended_ms(run: Run) -> int | None:
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
