"""Inconsistencies between a study's points, its results on disk, and what MLflow and Optuna show of them.

`find_inconsistencies` is a pure function of a snapshot and names a repair for each inconsistency. Nothing is ever
deleted: a run that no point asks for is tagged as superseded, and readers skip it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from mlflow.entities import Run
from optuna.trial import TrialState

from studies.consistency.repairs import DiscardTrial, EndRun, ProjectStudy, Repair, ReparentRun, SupersedeRun
from studies.consistency.snapshot import IDENTITY_TAGS, ExpectedTrial, StudySnapshot, identity_of
from tracking import schema
from tracking.backend.queries import is_finished, is_open

Kind = Literal["missing", "duplicate", "orphaned", "stuck", "malformed", "changed"]


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

    Returns:
        Inconsistencies, studies before trials before folds; empty where only folds are left to train. A repair may
        bring to light what another inconsistency hid, so that a new snapshot is taken afterwards.
    """
    study = next((run for (kind, _), run in snapshot.canonical_runs.items() if kind == "study"), None)
    findings = [*_surplus_runs(snapshot), *_study_findings(snapshot, study), *_unexpected(snapshot)]
    for trial in snapshot.expected:
        findings += _trial_findings(snapshot, trial, study)
        findings += _search_findings(snapshot, trial)
    return findings


def _surplus_runs(snapshot: StudySnapshot) -> Iterator[Inconsistency]:
    """Runs without kind or identity, and further runs of one identity."""
    for run in snapshot.runs:
        identity = identity_of(run)
        if identity is None:
            text = f"run {_title(run)}: {_tag_problem(run)}"
            yield Inconsistency("malformed", text, SupersedeRun(run, schema.SUPERSEDED_BY_NONE))
        elif run is not (first := snapshot.canonical_runs[identity]):
            text = f"{identity[0]} run {_title(run)}: {_title(first)} is of the same {' '.join(identity)}"
            yield Inconsistency("duplicate", text, SupersedeRun(run, str(first.info.run_id)))


def _tag_problem(run: Run) -> str:
    kind = run.data.tags.get(schema.KIND)
    if kind is None:
        return f"its tag {schema.KIND} is missing"
    if kind not in IDENTITY_TAGS:
        return f"its tag {schema.KIND} is '{kind}', expected study, trial or fold"
    return f"it is the run of a {kind}, and the tag that names it is missing"


def _study_findings(snapshot: StudySnapshot, study: Run | None) -> list[Inconsistency]:
    """Inconsistencies of the study's own run."""
    if study is None:
        text = "study run: there is none above its trial runs"
        return [Inconsistency("missing", text, ProjectStudy())] if snapshot.trials and not snapshot.is_running else []
    if is_finished(study) or snapshot.is_running:
        return []
    # Its description is the last thing that a study writes before its end.
    ended = schema.NOTE in study.data.tags and all(map(snapshot.is_projected, snapshot.expected))
    if not (ended or is_open(study)):
        return []
    reason = "but no process runs the study" if is_open(study) else "but all its trials are complete"
    text = f"study run {_title(study)}: {study.info.status}, {reason}"
    return [Inconsistency("stuck", text, EndRun(study, "FINISHED" if ended else "KILLED"))]


def _unexpected(snapshot: StudySnapshot) -> Iterator[Inconsistency]:
    """Runs and Optuna trials that no point asks for."""
    expected = {("trial", trial.identity) for trial in snapshot.expected}
    expected |= {("fold", identity) for trial in snapshot.expected for identity in trial.folds}
    expected_keys = {trial.key for trial in snapshot.expected}
    for (kind, identity), run in snapshot.canonical_runs.items():
        if kind != "study" and (kind, identity) not in expected:
            text = f"{kind} run {_title(run)}: no point of the study asks for it"
            yield Inconsistency("orphaned", text, SupersedeRun(run, schema.SUPERSEDED_BY_NONE))
    for key, group in snapshot.trials.items():
        if key not in expected_keys:
            for trial in group:
                text = f"Optuna's trial {trial.number}: no point of the study asks for {key}"
                yield Inconsistency("orphaned", text, DiscardTrial(trial))


def _trial_findings(snapshot: StudySnapshot, trial: ExpectedTrial, study: Run | None) -> list[Inconsistency]:
    """Inconsistencies of a trial's run and of its folds' runs."""
    runs = snapshot.canonical_runs
    run = runs.get(("trial", trial.identity))
    folds = [runs["fold", identity] for identity in trial.folds if ("fold", identity) in runs]
    findings = [finding for fold in folds for finding in _fold_findings(snapshot, fold, run)]
    unrecorded = len(snapshot.unrecorded(trial))
    title = f"trial run {trial.label}" if run is None else f"trial run {_title(run)}"
    if run is not None and study is not None and run.data.tags.get(schema.PARENT) != study.info.run_id:
        text = f"{title}: its parent {run.data.tags.get(schema.PARENT)} is not the study's run"
        findings.append(Inconsistency("orphaned", text, ReparentRun(run, str(study.info.run_id))))
    if snapshot.is_running:
        return findings
    if unrecorded:
        text = f"{title}: MLflow lacks {unrecorded} of its {len(trial.folds)} folds, whose results are on disk"
        findings.append(Inconsistency("missing", text, ProjectStudy()))
    elif not snapshot.missing(trial) and not snapshot.is_projected(trial) and trial.point.pruned is None:
        text = f"{title}: all its results are on disk, but MLflow or Optuna does not show its end"
        findings.append(Inconsistency("missing", text, ProjectStudy()))
    elif run is not None and is_open(run):
        text = f"{title}: RUNNING, but no process runs the study"
        findings.append(Inconsistency("stuck", text, EndRun(run)))
    elif run is not None and is_finished(run) and snapshot.missing(trial):
        lost = ", ".join(trial.folds[identity].name for identity in snapshot.missing(trial))
        text = f"{title}: FINISHED without the results of folds {lost}, which are trained again"
        findings.append(Inconsistency("missing", text, EndRun(run)))
    return findings


def _fold_findings(snapshot: StudySnapshot, fold: Run, trial: Run | None) -> Iterator[Inconsistency]:
    """Inconsistencies of a fold run."""
    title, identity = f"fold run {_title(fold)}", fold.data.tags[schema.FOLD_IDENTITY]
    parent = fold.data.tags.get(schema.PARENT)
    if trial is not None and parent != trial.info.run_id:
        text = f"{title}: its parent {parent} is not the run of its trial"
        yield Inconsistency("orphaned", text, ReparentRun(fold, str(trial.info.run_id)))
    if is_finished(fold):
        if identity not in snapshot.stored:
            text = f"{title}: FINISHED, but its result is not on disk; the fold is trained again"
            yield Inconsistency("missing", text, SupersedeRun(fold, schema.SUPERSEDED_BY_NONE))
    elif not snapshot.is_running and fold.info.run_id not in snapshot.resumable:
        text = f"{title}: {fold.info.status}, but no process writes it"
        yield Inconsistency("stuck", text, SupersedeRun(fold, schema.SUPERSEDED_BY_NONE))


def _search_findings(snapshot: StudySnapshot, trial: ExpectedTrial) -> Iterable[Inconsistency]:
    """Inconsistencies of a point's Optuna trials."""
    first, *duplicates = snapshot.trials.get(trial.key, [None])
    for duplicate in duplicates:
        if first is not None and duplicate is not None:
            text = f"Optuna's trial {duplicate.number}: trial {first.number} is of the same point"
            yield Inconsistency("duplicate", text, DiscardTrial(duplicate))
    if first is not None and first.state == TrialState.COMPLETE and first.value is None:
        text = f"Optuna's trial {first.number}: COMPLETE without a value"
        yield Inconsistency("malformed", text, DiscardTrial(first))
    if first is not None and first.state == TrialState.PRUNED and trial.point.pruned is None:
        text = f"Optuna's trial {first.number}: PRUNED without a reason, so that this program has not pruned it"
        yield Inconsistency("malformed", text, DiscardTrial(first))


def title_of(run: Run) -> str:
    """Kind, name and id of a run, for messages."""
    return f"{run.data.tags[schema.KIND]} run {_title(run)}"


def _title(run: Run) -> str:
    """Name and id of a run, for messages."""
    return f"{run.info.run_name} ({run.info.run_id})"
