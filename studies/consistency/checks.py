"""Inconsistencies between a study's points, Optuna's trials, MLflow's runs, the outbox and local artifacts.

`find_inconsistencies` is a pure function of a snapshot and names a repair for each inconsistency. Nothing is ever
deleted: a run that no point asks for is tagged as superseded, and readers skip it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from mlflow.entities import Run
from optuna.trial import TrialState

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
from studies.consistency.snapshot import ExpectedPoint, StudySnapshot
from tracking import schema
from tracking.backend.queries import is_finished
from tracking.writing import payloads

Kind = Literal["missing", "duplicate", "orphaned", "stuck"]


@dataclass(frozen=True)
class Inconsistency:
    """Inconsistency of a study.

    Attributes:
        kind: Its kind.
        text: One line that names it.
        repair: Its repair.
    """

    kind: Kind
    text: str
    repair: Repair


def find_inconsistencies(snapshot: StudySnapshot) -> list[Inconsistency]:
    """Find what disagrees in a snapshot of a study.

    Args:
        snapshot: The snapshot.

    Returns:
        Inconsistencies, studies before trials before folds; empty where only folds are left to train. A repair may
        bring to light what another inconsistency hid, so that a new snapshot is taken afterwards.
    """
    runs, findings = _deduplicate(snapshot.runs)
    studies, trials, folds = (
        [run for run in runs if run.data.tags[schema.KIND] == kind] for kind in ("study", "trial", "fold")
    )
    by_trial = {run.data.tags[schema.TRIAL_ID]: run for run in trials}
    by_fold = {run.data.tags[schema.FOLD_IDENTITY]: run for run in folds}
    study = studies[0] if studies else None
    findings += _study_findings(snapshot, study, by_trial)
    findings += _unexpected(snapshot, by_trial, by_fold)
    for point in snapshot.points:
        findings += _trial_findings(snapshot, point, study, by_trial.get(point.trial), by_fold)
        findings += _search_findings(snapshot, point, by_trial.get(point.trial))
    findings += _result_findings(snapshot)
    return findings


def _deduplicate(runs: Iterable[Run]) -> tuple[list[Run], list[Inconsistency]]:
    """Return one run per identity: a finished one, else the oldest."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        tags = run.data.tags
        kind = tags[schema.KIND]
        identity = {"study": schema.STUDY, "trial": schema.TRIAL_ID, "fold": schema.FOLD_IDENTITY}[kind]
        groups.setdefault((kind, tags[identity]), []).append(run)
    canonical, findings = [], []
    for (kind, identity), group in groups.items():
        first, *duplicates = sorted(group, key=lambda run: not is_finished(run))
        canonical.append(first)
        for duplicate in duplicates:
            text = f"{kind} run {_title(duplicate)}: {_title(first)} is of the same {kind} {identity}"
            findings.append(Inconsistency("duplicate", text, SupersedeRun(duplicate, first.info.run_id)))
    return canonical, findings


def _study_findings(snapshot: StudySnapshot, study: Run | None, trials: Mapping[str, Run]) -> list[Inconsistency]:
    """Inconsistencies of the study's own run."""
    if study is None:
        if not snapshot.runs:
            return []
        tags = _common_tags(snapshot.runs[0]) | {schema.KIND: "study"}
        text = "study run: there is none above its trial runs"
        return [Inconsistency("missing", text, RecreateRun(tags[schema.STUDY], tags))]
    if not _is_open(study) or snapshot.is_running:
        return []
    complete = all(point.trial in trials and _has_ended(trials[point.trial]) for point in snapshot.points)
    # Its description is the last thing that a study writes before its end.
    described = snapshot.has_artifact(study) and schema.NOTE in study.data.tags
    repair = EndRun(study, "FINISHED") if complete and described else EndRun(study, "KILLED")
    return [Inconsistency("stuck", f"study run {_title(study)}: RUNNING, but no process runs the study", repair)]


def _unexpected(
    snapshot: StudySnapshot, trials: Mapping[str, Run], folds: Mapping[str, Run]
) -> Iterator[Inconsistency]:
    """Runs and Optuna trials that no point asks for."""
    expected_trials = {point.trial for point in snapshot.points}
    expected_folds = {identity for point in snapshot.points for identity in point.folds}
    expected_keys = {point.key for point in snapshot.points}
    runs = [run for identity, run in trials.items() if identity not in expected_trials]
    runs += [run for identity, run in folds.items() if identity not in expected_folds]
    for run in runs:
        text = f"{run.data.tags[schema.KIND]} run {_title(run)}: no point of the study asks for it"
        yield Inconsistency("orphaned", text, SupersedeRun(run, schema.SUPERSEDED_BY_NONE))
    for key, group in snapshot.trials.items():
        if key not in expected_keys:
            for trial in group:
                text = f"Optuna's trial {trial.number}: no point of the study asks for {key}"
                yield Inconsistency("orphaned", text, DiscardTrial(trial))


def _trial_findings(
    snapshot: StudySnapshot, point: ExpectedPoint, study: Run | None, trial: Run | None, folds: Mapping[str, Run]
) -> list[Inconsistency]:
    """Inconsistencies of a point's trial run and fold runs."""
    fold_runs = [folds[identity] for identity in point.folds if identity in folds]
    findings = [finding for run in fold_runs for finding in _fold_findings(snapshot, run, trial)]
    if trial is None:
        return findings + _missing_trial_findings(snapshot, point, study, fold_runs)
    title = f"trial run {_title(trial)}"
    if study is not None and trial.data.tags.get(schema.PARENT) != study.info.run_id:
        text = f"{title}: its parent {trial.data.tags.get(schema.PARENT)} is not the study's run"
        findings.append(Inconsistency("orphaned", text, ReparentRun(trial, study.info.run_id)))
    lost = _lost_folds(snapshot, point, trial, folds)
    if is_finished(trial):
        if lost:
            text = f"{title}: FINISHED without folds {', '.join(lost)}"
            findings.append(Inconsistency("missing", text, EndRun(trial, "KILLED")))
        elif not snapshot.has_artifact(trial):
            text = f"{title}: FINISHED, but its artifact {schema.TRIAL_RESULT} is lost"
            findings.append(Inconsistency("missing", text, EndRun(trial, "KILLED")))
    elif _is_open(trial) and not snapshot.is_running:
        ended_ms = None if lost else snapshot.ended_ms(trial)
        repair = EndRun(trial, "KILLED") if ended_ms is None else EndRun(trial, "FINISHED", ended_ms)
        findings.append(Inconsistency("stuck", f"{title}: RUNNING, but no process runs the study", repair))
    return findings


def _missing_trial_findings(
    snapshot: StudySnapshot, point: ExpectedPoint, study: Run | None, fold_runs: list[Run]
) -> list[Inconsistency]:
    """Return a trial run that is lost although its folds have runs or Optuna has its value."""
    complete = any(trial.state == TrialState.COMPLETE for trial in snapshot.trials.get(point.key, []))
    if not fold_runs and not (complete and snapshot.runs and not snapshot.is_running):
        return []
    parent = {} if study is None else {schema.PARENT: study.info.run_id}
    tags = _common_tags((*fold_runs, *snapshot.runs)[0]) | payloads.configuration_tags(point.configuration) | parent
    reason = "its folds have runs" if fold_runs else "Optuna calls it complete"
    repair = RecreateRun(point.label, tags | {schema.KIND: "trial", schema.TRIAL_ID: point.trial})
    return [Inconsistency("missing", f"trial run {point.label}: there is none, but {reason}", repair)]


def _lost_folds(snapshot: StudySnapshot, point: ExpectedPoint, trial: Run, folds: Mapping[str, Run]) -> list[str]:
    """Names of folds that a finished trial must have and whose results are nowhere."""
    if schema.REUSED_FROM in trial.data.tags:
        return []
    present = snapshot.finished_in_other_studies.keys() | snapshot.pending
    return [
        fold.name
        for identity, fold in point.folds.items()
        if identity not in present and (identity not in folds or not _is_complete(snapshot, folds[identity]))
    ]


def _is_complete(snapshot: StudySnapshot, fold: Run) -> bool:
    return is_finished(fold) or snapshot.ended_ms(fold) is not None


def _fold_findings(snapshot: StudySnapshot, fold: Run, trial: Run | None) -> list[Inconsistency]:
    """Inconsistencies of a fold run."""
    title = f"fold run {_title(fold)}"
    findings = []
    parent = fold.data.tags.get(schema.PARENT)
    if trial is not None and parent != trial.info.run_id:
        text = f"{title}: its parent {parent} is not the run of its trial"
        findings.append(Inconsistency("orphaned", text, ReparentRun(fold, trial.info.run_id)))
    identity = fold.data.tags[schema.FOLD_IDENTITY]
    if identity in snapshot.pending or (snapshot.is_running and not is_finished(fold)):
        # The next start, or the coordinator that runs now, completes it from the outbox.
        if _is_open(fold) and not snapshot.is_running:
            text = f"{title}: RUNNING, but no process writes it"
            findings.append(Inconsistency("stuck", text, EndRun(fold, "KILLED")))
        return findings
    if is_finished(fold):
        if not snapshot.has_artifact(fold):
            text = f"{title}: FINISHED, but its artifact {schema.TRAINED_FOLD} is lost"
            findings.append(Inconsistency("missing", text, SupersedeRun(fold, schema.SUPERSEDED_BY_NONE)))
    else:
        ended_ms = snapshot.ended_ms(fold)
        successor = snapshot.finished_in_other_studies.get(identity, schema.SUPERSEDED_BY_NONE)
        # A half-written run without its result is superseded: rows of another training must not mix with its own. One
        # whose fold another study has written since is not needed any more.
        needed = ended_ms is not None and successor == schema.SUPERSEDED_BY_NONE
        repair: Repair = EndRun(fold, "FINISHED", ended_ms) if needed else SupersedeRun(fold, successor)
        text = f"{title}: {fold.info.status}, but no process writes it"
        findings.append(Inconsistency("stuck", text, repair))
    return findings


def _search_findings(snapshot: StudySnapshot, point: ExpectedPoint, trial: Run | None) -> list[Inconsistency]:
    """Inconsistencies of a point's Optuna trials."""
    group = snapshot.trials.get(point.key, [])
    findings = []
    for duplicate in group[1:]:
        text = f"Optuna's trial {duplicate.number}: trial {group[0].number} is of the same point"
        findings.append(Inconsistency("duplicate", text, DiscardTrial(duplicate)))
    complete = bool(group) and group[0].state == TrialState.COMPLETE
    if trial is not None and is_finished(trial) and not complete and not snapshot.is_running:
        value = trial.data.metrics.get(schema.MEAN_VALIDATION_UA)
        if value is not None:
            text = f"Optuna: no value of trial {point.label}, whose run {trial.info.run_id} is FINISHED"
            findings.append(Inconsistency("missing", text, TellOptuna(point.configuration, value)))
    return findings


def _result_findings(snapshot: StudySnapshot) -> Iterator[Inconsistency]:
    """Results without runs, and outbox files without results."""
    for identity, path in snapshot.results_without_runs.items():
        text = f"fold {identity}: MLflow has lost its run, its result is in {path}"
        yield Inconsistency("missing", text, RestoreResult(identity, path))
    for identity in sorted(snapshot.unreadable):
        yield Inconsistency("stuck", f"outbox: file of fold {identity} holds no result", QuarantineFile(identity))


def _common_tags(run: Run) -> dict[str, str]:
    """Return the tags that all runs of a study share."""
    shared = {schema.STUDY, schema.RECIPE, schema.CORPUS, schema.CORPUS_DIGEST, schema.SCHEME}
    shared |= {schema.SYNTHETIC, schema.GIT_COMMIT, schema.GIT_DIRTY, schema.PROCESSOR}
    return {
        name: value for name, value in run.data.tags.items() if name in shared or name.startswith(schema.VERSION_PREFIX)
    }


def _has_ended(trial: Run) -> bool:
    return is_finished(trial) or schema.PRUNED in trial.data.tags


def _is_open(run: Run) -> bool:
    return str(run.info.status) in ("RUNNING", "SCHEDULED")


def _title(run: Run) -> str:
    """Name and id of a run, for messages."""
    return f"{run.info.run_name} ({run.info.run_id})"
