"""What MLflow and Optuna show of a study and its results on disk do not have: changes by hand, damaged artifacts.

The results count. A run that shows other numbers is superseded, since MLflow keeps every number and refuses another
value of a parameter; a run with damaged artifacts is written again; tags are set again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities import Run
from optuna.trial import TrialState

from ser.errors import SerError, StorageError
from ser.results import FoldResult
from studies.consistency.checks import Inconsistency, title_of
from studies.consistency.repairs import DiscardTrial, EndRun, SetTags, SupersedeRun
from studies.consistency.snapshot import ExpectedTrial, StudySnapshot, is_recorded
from studies.search.session import StudySession
from tracking import schema
from tracking.analysis.trial_result import TrialResult
from tracking.backend.artifacts import artifact_path
from tracking.backend.queries import is_finished
from tracking.checks.run_artifacts import differing_artifacts
from tracking.checks.run_values import (
    RunValues,
    differing_tags,
    differing_values,
    fold_values,
    missing_metrics,
    same_value,
    trial_values,
)
from tracking.writing import payloads

_THREADS = 4
"""Runs whose artifacts are read at the same time: most of the time goes into waiting for a disk or a server."""

_SHOWN_CLAUSES = 2

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Changes:
    """Result of a comparison.

    Attributes:
        findings: One inconsistency for each run or Optuna trial that differs.
        notes: What could not be compared, one line each.
    """

    findings: tuple[Inconsistency, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _ComparedRun:
    """Finished run of a fold or a trial whose values are those of its result.

    Attributes:
        run: The run.
        stored: File of the stored result of a fold's run.
        is_resumable: Whether the run can be written again in its place.
    """

    run: Run
    stored: Path | None
    is_resumable: bool


def find_changes(session: StudySession, snapshot: StudySnapshot, with_downloads: bool, progress: Progress) -> Changes:
    """Compare the finished runs of a study, their artifacts and Optuna's values with the results on disk.

    Args:
        session: The study.
        snapshot: Its snapshot.
        with_downloads: Whether artifacts are compared that are not in a local folder, and must be downloaded.
        progress: Called with the trials or runs compared and their number.

    Returns:
        What differs; damaged results are passed over.
    """
    findings: list[Inconsistency] = []
    compared: list[_ComparedRun] = []
    for number, trial in enumerate(snapshot.expected, 1):
        results = _read_results(session, trial)
        for finding in _compare_trial(session, snapshot, trial, results):
            if isinstance(finding, Inconsistency):
                findings.append(finding)
            else:
                compared.append(finding)
        progress(number, len(snapshot.expected))
    if not with_downloads:
        compared = [entry for entry in compared if artifact_path(entry.run, schema.TRAINED_FOLD) is not None]
    artifacts = _compare_artifacts(session, compared, progress)
    return Changes((*findings, *artifacts.findings), artifacts.notes)


def _compare_artifacts(session: StudySession, compared: Sequence[_ComparedRun], progress: Progress) -> Changes:
    """Compare the artifacts of runs, until their store cannot be used."""
    unusable: list[StorageError] = []

    def compare(entry: _ComparedRun) -> list[str]:
        if unusable:
            return []
        try:
            return differing_artifacts(session.client, entry.run, entry.stored)
        except StorageError as error:
            unusable.append(error)
            return []

    findings = []
    with ThreadPoolExecutor(_THREADS) as threads:
        for number, (entry, clauses) in enumerate(zip(compared, threads.map(compare, compared), strict=True), 1):
            if clauses:
                findings.append(_rewrite(entry, [f"artifact {clause}" for clause in clauses]))
            progress(number, len(compared))
    notes = [f"not all artifacts were compared: {unusable[0]}; run the same command again later"] if unusable else []
    return Changes(tuple(findings), tuple(notes))


def _read_results(session: StudySession, trial: ExpectedTrial) -> dict[str, FoldResult]:
    """Read the results of a trial's folds by identity; a damaged one is a finding of its own."""
    results = {}
    for identity in trial.folds:
        if session.results.path(identity).is_file():
            try:
                results[identity] = session.results.result(identity)
            except SerError:
                continue
    return results


def _compare_trial(
    session: StudySession, snapshot: StudySnapshot, trial: ExpectedTrial, results: Mapping[str, FoldResult]
) -> Iterator[Inconsistency | _ComparedRun]:
    """Compare a trial with its results; yield what differs, and the runs whose artifacts are to be compared."""
    runs, scheme = snapshot.canonical_runs, session.scheme[0].scheme
    # On a server a run may be of another home's training of the same fold, whose times and digits are others.
    is_shared = session.home.tracking_uri is not None
    is_of_these_results = len(results) == len(trial.folds)
    for identity, result in results.items():
        run = runs.get(("fold", identity))
        is_of_this_training = run is not None and run.info.start_time == result.started_ms
        is_of_these_results &= is_of_this_training or not is_shared
        if run is not None and is_recorded(run) and (is_of_this_training or not is_shared):
            entry = _ComparedRun(run, session.results.path(identity), is_of_this_training)
            yield from _compare_run(entry, fold_values(result, scheme))
    if not is_of_these_results:
        return
    folds = tuple(results[identity] for identity in trial.folds)
    trained = TrialResult(
        study=session.name, recipe=session.plan.recipe, trial_id=trial.identity, scheme=session.scheme, folds=folds
    )
    run = runs.get(("trial", trial.identity))
    if run is not None and is_finished(run):
        for finding in _compare_run(_ComparedRun(run, None, True), trial_values(trained, trial.configuration)):
            # Artifacts of a trial that MLflow or Optuna lacks a part of are written again in any case.
            if isinstance(finding, Inconsistency) or snapshot.is_projected(trial):
                yield finding
    yield from _compare_search(snapshot, trial, payloads.mean_validation_ua(trained))


def _compare_run(entry: _ComparedRun, expected: RunValues) -> Iterator[Inconsistency | _ComparedRun]:
    """Compare the values of a run; yield the run itself where only its artifacts are left to compare."""
    run, tags = entry.run, differing_tags(entry.run, expected)
    if values := differing_values(run, expected):
        text = f"{title_of(run)}: {_join(values + tags)}; a new run is written from the stored result"
        yield Inconsistency("changed", text, SupersedeRun(run, schema.SUPERSEDED_BY_NONE))
        return
    if tags:
        text = f"{title_of(run)}: {_join([f'tag {clause}' for clause in tags])}; its tags are set again"
        yield Inconsistency("changed", text, SetTags(run, expected.tags))
    if missing := missing_metrics(run, expected):
        yield _rewrite(entry, missing)
    else:
        yield entry


def _rewrite(entry: _ComparedRun, clauses: list[str]) -> Inconsistency:
    """Build the finding of a run whose other values are right, so that it is written again in its place."""
    run, text = entry.run, f"{title_of(entry.run)}: {_join(clauses)}"
    if entry.is_resumable:
        return Inconsistency("changed", f"{text}; it is written again from the stored result", EndRun(run))
    text = f"{text}; a new run is written from the stored result"
    return Inconsistency("changed", text, SupersedeRun(run, schema.SUPERSEDED_BY_NONE))


def _compare_search(
    snapshot: StudySnapshot, trial: ExpectedTrial, mean_validation_ua: float
) -> Iterator[Inconsistency]:
    """Compare the value of a point's Optuna trial with its results."""
    first = next(iter(snapshot.trials.get(trial.key, ())), None)
    if first is None or first.state != TrialState.COMPLETE or first.value is None:
        return
    if not same_value(first.value, mean_validation_ua):
        text = (
            f"Optuna's trial {first.number}: its value is {first.value:.12g} in Optuna and {mean_validation_ua:.12g} "
            "in the stored results; another trial replaces it"
        )
        yield Inconsistency("changed", text, DiscardTrial(first))


def _join(clauses: list[str]) -> str:
    """Join the first clauses, and count the others."""
    left = len(clauses) - _SHOWN_CLAUSES
    return ", ".join(clauses[:_SHOWN_CLAUSES]) + (f", and {left} more differ" if left > 0 else "")
