"""What a study's ledgers must agree on: its points, Optuna's trials, MLflow's runs and the outbox.

Nothing here reads or writes: `compare` is a pure function of what was read
(`studies.consistency.snapshot`) and says what would mend each finding
(`studies.consistency.repairer` does it). Nothing is ever deleted: a run that has no place is tagged
as superseded, and readers skip it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from mlflow.entities import Run
from optuna.trial import FrozenTrial, TrialState

from ser.config import FoldConfiguration
from ser.results import Fold
from studies.consistency.repairs import (
    DiscardTrial,
    EndRun,
    QuarantineFile,
    RecreateRun,
    Repair,
    ReparentRun,
    SupersedeRun,
    TellOptuna,
)
from tracking import schema
from tracking.analysis.variants.naming import variant_label
from tracking.backend.queries import is_finished
from tracking.writing import payloads

Kind = Literal["missing", "doubled", "orphaned", "stuck"]


@dataclass(frozen=True)
class Inconsistency:
    """Something on which the ledgers disagree.

    Attributes:
        kind: What it is.
        text: One line that names it.
        remedy: What mends it.
    """

    kind: Kind
    text: str
    remedy: Repair


@dataclass(frozen=True)
class ExpectedPoint:
    """A point with the identities that its trial and folds must have.

    Attributes:
        configuration: The point.
        key: The point as Optuna's parameters, in the form of `studies.search.optuna_study`.
        trial: The trial's identity.
        folds: Folds by identity.
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
        points: What is asked for.
        trials: Optuna's trials by the key of their parameters, those already left out apart; of one key the
            complete ones first, then the oldest.
        runs: Its runs that are not superseded, the oldest first.
        elsewhere: Runs of folds that other studies have finished, by the folds' identities.
        waiting: Identities of results in the outbox.
        unreadable: Identities of files in the outbox that hold no result.
        present: Whether the result of a finished run lies where its artifacts do.
        ended_ms: When the result of an unfinished run says that it ended, or None where it has no whole result.
        held: Whether a coordinator runs the study now, to which open runs belong.
    """

    points: tuple[ExpectedPoint, ...]
    trials: Mapping[str, list[FrozenTrial]]
    runs: tuple[Run, ...]
    finished_in_other_studies: Mapping[str, str]
    waiting: frozenset[str]
    unreadable: frozenset[str]
    has_artifact: Callable[[Run], bool]
    ended_ms: Callable[[Run], int | None]
    is_running: bool


def find_inconsistencies(ledgers: StudySnapshot) -> list[Inconsistency]:
    """Holds the ledgers of a study against each other.

    Args:
        ledgers: What is written.

    Returns:
        What disagrees, studies before trials before folds; empty where only work is left to be done. Mending may
        bring to light what another finding hid, so that it is compared again afterwards.
    """
    kept, findings = _deduplicate(ledgers.runs)
    studies, trials, folds = (
        [run for run in kept if run.data.tags[schema.KIND] == kind] for kind in ("study", "trial", "fold")
    )
    by_trial = {run.data.tags[schema.TRIAL_ID]: run for run in trials}
    by_fold = {run.data.tags[schema.FOLD_IDENTITY]: run for run in folds}
    study = studies[0] if studies else None
    findings += _study_findings(ledgers, study, by_trial)
    findings += _unexpected(ledgers, by_trial, by_fold)
    for point in ledgers.points:
        findings += _trial_findings(ledgers, point, study, by_trial.get(point.trial), by_fold)
        findings += _search_findings(ledgers, point, by_trial.get(point.trial))
    for identity in sorted(ledgers.unreadable):
        findings.append(
            Inconsistency("stuck", f"outbox: file of fold {identity} holds no result", QuarantineFile(identity))
        )
    return findings


def _deduplicate(runs: Iterable[Run]) -> tuple[list[Run], list[Inconsistency]]:
    """One run an identity: a finished one, else the oldest."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        tags = run.data.tags
        kind = tags[schema.KIND]
        identity = {"study": schema.STUDY, "trial": schema.TRIAL_ID, "fold": schema.FOLD_IDENTITY}[kind]
        groups.setdefault((kind, tags[identity]), []).append(run)
    kept, findings = [], []
    for (kind, identity), group in groups.items():
        first, *others = sorted(group, key=lambda run: not is_finished(run))
        kept.append(first)
        for other in others:
            text = f"{kind} run {_named(other)}: {_named(first)} is of the same {kind} {identity}"
            findings.append(Inconsistency("doubled", text, SupersedeRun(other, first.info.run_id)))
    return kept, findings


def _study_findings(ledgers: StudySnapshot, study: Run | None, trials: Mapping[str, Run]) -> list[Inconsistency]:
    if study is None:
        if not ledgers.runs:
            return []
        tags = _common_tags(ledgers.runs[0]) | {schema.KIND: "study"}
        return [
            Inconsistency(
                "missing", "study run: there is none above its trial runs", RecreateRun(tags[schema.STUDY], tags)
            )
        ]
    if not _is_open(study) or ledgers.is_running:
        return []
    whole = all(point.trial in trials and _has_ended(trials[point.trial]) for point in ledgers.points)
    # Its description is the last thing that a study writes before its end.
    written = ledgers.has_artifact(study) and schema.NOTE in study.data.tags
    closed = EndRun(study, "FINISHED") if whole and written else EndRun(study, "KILLED")
    return [Inconsistency("stuck", f"study run {_named(study)}: RUNNING, and nobody runs it", closed)]


def _unexpected(ledgers: StudySnapshot, trials: Mapping[str, Run], folds: Mapping[str, Run]) -> list[Inconsistency]:
    """Runs and trials that no point asks for."""
    asked_trials = {point.trial for point in ledgers.points}
    asked_folds = {identity for point in ledgers.points for identity in point.folds}
    asked_keys = {point.key for point in ledgers.points}
    strays = [run for identity, run in trials.items() if identity not in asked_trials]
    strays += [run for identity, run in folds.items() if identity not in asked_folds]
    findings = [
        Inconsistency(
            "orphaned",
            f"{_kind(run)} run {_named(run)}: no point of the study asks for it",
            SupersedeRun(run, schema.SUPERSEDED_BY_NONE),
        )
        for run in strays
    ]
    for key, group in ledgers.trials.items():
        if key not in asked_keys:
            findings += [
                Inconsistency(
                    "orphaned",
                    f"Optuna's trial {trial.number}: no point of the study asks for {key}",
                    DiscardTrial(trial),
                )
                for trial in group
            ]
    return findings


def _trial_findings(
    ledgers: StudySnapshot, point: ExpectedPoint, study: Run | None, trial: Run | None, folds: Mapping[str, Run]
) -> list[Inconsistency]:
    """What is wrong with a point's runs."""
    own = [folds[identity] for identity in point.folds if identity in folds]
    findings = [finding for run in own for finding in _fold_findings(ledgers, run, trial)]
    if trial is None:
        complete = any(each.state == TrialState.COMPLETE for each in ledgers.trials.get(point.key, []))
        if own or (complete and ledgers.runs and not ledgers.is_running):
            known = own[0] if own else ledgers.runs[0]
            parent = {} if study is None else {schema.PARENT: study.info.run_id}
            tags = _common_tags(known) | payloads.configuration_tags(point.configuration) | parent
            why = "its folds have runs" if own else "Optuna calls it complete"
            restored = RecreateRun(point.label, tags | {schema.KIND: "trial", schema.TRIAL_ID: point.trial})
            findings.append(Inconsistency("missing", f"trial run {point.label}: there is none, but {why}", restored))
        return findings
    name = f"trial run {_named(trial)}"
    if study is not None and trial.data.tags.get(schema.PARENT) != study.info.run_id:
        text = f"{name}: its parent {trial.data.tags.get(schema.PARENT)} is not the study's run"
        findings.append(Inconsistency("orphaned", text, ReparentRun(trial, study.info.run_id)))
    lost = _lost_folds(ledgers, point, trial, folds)
    if is_finished(trial):
        if lost:
            text = f"{name}: FINISHED without folds {', '.join(lost)}"
            findings.append(Inconsistency("missing", text, EndRun(trial, "KILLED")))
        elif not ledgers.has_artifact(trial):
            text = f"{name}: FINISHED, but its artifact {schema.TRIAL_RESULT} is lost"
            findings.append(Inconsistency("missing", text, EndRun(trial, "KILLED")))
    elif _is_open(trial) and not ledgers.is_running:
        ended_ms = None if lost else ledgers.ended_ms(trial)
        closed = EndRun(trial, "KILLED") if ended_ms is None else EndRun(trial, "FINISHED", ended_ms)
        findings.append(Inconsistency("stuck", f"{name}: RUNNING, and nobody runs it", closed))
    return findings


def _lost_folds(ledgers: StudySnapshot, point: ExpectedPoint, trial: Run, folds: Mapping[str, Run]) -> list[str]:
    """Names of folds that a finished trial must have and that nothing holds."""
    if schema.REUSED_FROM in trial.data.tags:
        return []
    there = ledgers.finished_in_other_studies.keys() | ledgers.waiting
    return [
        fold.name
        for identity, fold in point.folds.items()
        if identity not in there and (identity not in folds or not _is_whole(ledgers, folds[identity]))
    ]


def _is_whole(ledgers: StudySnapshot, run: Run) -> bool:
    return is_finished(run) or ledgers.ended_ms(run) is not None


def _fold_findings(ledgers: StudySnapshot, run: Run, trial: Run | None) -> list[Inconsistency]:
    name = f"fold run {_named(run)}"
    findings = []
    parent = run.data.tags.get(schema.PARENT)
    if trial is not None and parent != trial.info.run_id:
        text = f"{name}: its parent {parent} is not the run of its trial"
        findings.append(Inconsistency("orphaned", text, ReparentRun(run, trial.info.run_id)))
    if run.data.tags[schema.FOLD_IDENTITY] in ledgers.waiting or (ledgers.is_running and not is_finished(run)):
        # The next start, or the coordinator there is, completes it from the outbox.
        if _is_open(run) and not ledgers.is_running:
            findings.append(Inconsistency("stuck", f"{name}: RUNNING, and nobody writes it", EndRun(run, "KILLED")))
        return findings
    if is_finished(run):
        if not ledgers.has_artifact(run):
            text = f"{name}: FINISHED, but its artifact {schema.TRAINED_FOLD} is lost"
            findings.append(Inconsistency("missing", text, SupersedeRun(run, schema.SUPERSEDED_BY_NONE)))
    else:
        ended_ms, other = (
            ledgers.ended_ms(run),
            ledgers.finished_in_other_studies.get(run.data.tags[schema.FOLD_IDENTITY], schema.SUPERSEDED_BY_NONE),
        )
        # A half-written run without its result is left alone: rows of another training must not mix with its own. One
        # whose fold another study has written meanwhile is not needed any more.
        needed = ended_ms is not None and other == schema.SUPERSEDED_BY_NONE
        remedy: Repair = EndRun(run, "FINISHED", ended_ms) if needed else SupersedeRun(run, other)
        findings.append(Inconsistency("stuck", f"{name}: {run.info.status}, and nobody writes it", remedy))
    return findings


def _search_findings(ledgers: StudySnapshot, point: ExpectedPoint, trial: Run | None) -> list[Inconsistency]:
    """What is wrong with a point's trials in Optuna."""
    group = ledgers.trials.get(point.key, [])
    findings = [
        Inconsistency(
            "doubled",
            f"Optuna's trial {other.number}: trial {group[0].number} is of the same point",
            DiscardTrial(other),
        )
        for other in group[1:]
    ]
    complete = bool(group) and group[0].state == TrialState.COMPLETE
    if trial is not None and is_finished(trial) and not complete and not ledgers.is_running:
        value = trial.data.metrics.get(schema.MEAN_VALIDATION_UA)
        if value is not None:
            text = f"Optuna: no value of trial {point.label}, whose run {trial.info.run_id} is FINISHED"
            findings.append(Inconsistency("missing", text, TellOptuna(point.configuration, value)))
    return findings


def _common_tags(run: Run) -> dict[str, str]:
    """The tags that all runs of a study share."""
    shared = {schema.STUDY, schema.RECIPE, schema.CORPUS, schema.CORPUS_DIGEST, schema.SCHEME}
    shared |= {schema.SYNTHETIC, schema.GIT_COMMIT, schema.GIT_DIRTY, schema.PROCESSOR}
    return {
        name: value for name, value in run.data.tags.items() if name in shared or name.startswith(schema.VERSION_PREFIX)
    }


def _has_ended(trial: Run) -> bool:
    return is_finished(trial) or schema.PRUNED in trial.data.tags


def _is_open(run: Run) -> bool:
    return str(run.info.status) in ("RUNNING", "SCHEDULED")


def _kind(run: Run) -> str:
    return str(run.data.tags[schema.KIND])


def _named(run: Run) -> str:
    return f"{run.info.run_name} ({run.info.run_id})"
