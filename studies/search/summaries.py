"""Summaries of studies, read without a corpus."""

from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, TrialState

from ser.config import Precision
from studies.planning.plan import StudyPlan
from studies.search.optuna_study import IDENTITY_INPUTS, LOCATION, PLAN, PRECISION, START, SUPERSEDED
from studies.search.points import points_of
from studies.search.records import IdentityInputs, StartRecord, StudyLocation
from studies.storages.base import Storage


@dataclass(frozen=True)
class StudySummary:
    """Summary of a study.

    Attributes:
        name: Its name.
        plan: Its plan.
        location: Location of its runs, or None where it stopped before its first run.
        trials: Number of trials that it will have, as far as it is known by now.
        trials_complete: Number of complete trials.
        trials_pruned: Number of pruned trials.
        best_validation_ua: Best mean validation UA so far, 0..1, or None.
        started: Start of its first trial, ISO 8601, or None where none has started.
        precision: Its resolved precision, or None before its first start.
        identity_inputs: Folds and device type, or None before its first start.
        start: Facts of its latest start; None for a study of an earlier version of this program.
        optuna_trials: Its trials, without superseded ones, in the order of their numbers.
    """

    name: str
    plan: StudyPlan
    location: StudyLocation | None
    trials: int
    trials_complete: int
    trials_pruned: int
    best_validation_ua: float | None
    started: str | None
    precision: Precision | None
    identity_inputs: IdentityInputs | None
    start: StartRecord | None
    optuna_trials: tuple[FrozenTrial, ...]

    @property
    def progress_text(self) -> str:
        """Number of complete and pruned trials, as text."""
        pruned = f" (and {self.trials_pruned} pruned)" if self.trials_pruned else ""
        return f"{self.trials_complete} of {self.trials}{pruned}"

    def root_of(self, home: str) -> str | None:
        """Return the folder of its corpus, see `StartRecord.root_of`; None for the demo corpus or without a start."""
        if self.start is None or self.plan.corpus == "demo":
            return None
        return self.start.root_of(home)


def list_studies(storage: Storage) -> list[StudySummary]:
    """List all studies of a storage, the newest last.

    Args:
        storage: The storage; one that does not exist yet has none.
    """
    if not storage.exists():
        return []
    opened = storage.open()
    names = [study.study_name for study in opened.get_all_studies()]
    summaries = [_summary(optuna.load_study(study_name=name, storage=opened)) for name in names]
    return sorted((study for study in summaries if study is not None), key=lambda study: study.started or "")


def _summary(study: optuna.Study) -> StudySummary | None:
    """Summarize a study; None where it was stopped before its plan was stored."""
    attributes = study.user_attrs
    if PLAN not in attributes:
        return None
    plan = StudyPlan.model_validate(attributes[PLAN])
    trials = study.get_trials(deepcopy=False)
    superseded = attributes.get(SUPERSEDED, [])
    trials = [trial for trial in trials if trial.number not in superseded]
    values = [trial.value for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
    starts = [trial.datetime_start.isoformat(timespec="seconds") for trial in trials if trial.datetime_start]
    return StudySummary(
        name=study.study_name,
        plan=plan,
        location=StudyLocation(**attributes[LOCATION]) if LOCATION in attributes else None,
        trials=points_of(plan, study.study_name).size(trials),
        trials_complete=len(values),
        trials_pruned=sum(trial.state == TrialState.PRUNED for trial in trials),
        best_validation_ua=max(values, default=None),
        started=min(starts, default=None),
        precision=attributes.get(PRECISION),
        identity_inputs=IdentityInputs.parse(attributes[IDENTITY_INPUTS]) if IDENTITY_INPUTS in attributes else None,
        start=StartRecord.parse(attributes[START]) if START in attributes else None,
        optuna_trials=tuple(trials),
    )
