"""Studies as seen from outside, without opening a corpus."""

from dataclasses import dataclass

import optuna
from optuna.trial import TrialState

from studies.planning.plan import StudyPlan
from studies.search.optuna_study import PLAN, SUPERSEDED, WHEREABOUTS
from studies.search.points import points_of
from studies.search.records import StudyLocation
from studies.storages.base import Storage


@dataclass(frozen=True)
class StudySummary:
    """A study as seen from outside, without opening its corpus.

    Attributes:
        name: Its name.
        plan: Its plan.
        whereabouts: Where its runs are found, or None where it stopped before its first run.
        trials: Number of trials that it will have, as far as it is known by now.
        trials_complete: Number of complete trials.
        trials_pruned: Number of trials that were given up.
        best_validation_ua: Best mean validation UA so far, 0..1, or None.
        begun: When it began, ISO 8601, or None where no trial has begun.
    """

    name: str
    plan: StudyPlan
    whereabouts: StudyLocation | None
    trials: int
    trials_complete: int
    trials_pruned: int
    best_validation_ua: float | None
    begun: str | None

    @property
    def progress_text(self) -> str:
        """How many of its trials are complete and pruned, in words."""
        pruned = f" (and {self.trials_pruned} pruned)" if self.trials_pruned else ""
        return f"{self.trials_complete} of {self.trials}{pruned}"


def list_studies(storage: Storage) -> list[StudySummary]:
    """All studies of a storage, the newest last.

    Args:
        storage: Where studies are kept; where nothing was made yet there are none.
    """
    if not storage.exists():
        return []
    opened = storage.open()
    found = [_summary(optuna.load_study(study_name=name, storage=opened)) for name in _names(opened)]
    return sorted((each for each in found if each is not None), key=lambda each: each.begun or "")


def _names(storage: optuna.storages.RDBStorage) -> list[str]:
    return [study.study_name for study in storage.get_all_studies()]


def _summary(study: optuna.Study) -> StudySummary | None:
    """A study's summary, or None where it was stopped before its plan was kept."""
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
        whereabouts=StudyLocation(**attributes[WHEREABOUTS]) if WHEREABOUTS in attributes else None,
        trials=points_of(plan, study.study_name).size(trials),
        trials_complete=len(values),
        trials_pruned=sum(trial.state == TrialState.PRUNED for trial in trials),
        best_validation_ua=max(values, default=None),
        begun=min(starts, default=None),
    )
