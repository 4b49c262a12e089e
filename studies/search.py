"""The search's memory: an Optuna study whose trials are the points of a plan.

A grid leaves a sampler nothing to choose, so a trial is added with all its parameters in one
transaction when its first fold is handed out, and told its value at its end. At every start the
trials are held against the plan, whatever state a killed coordinator left them in.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import optuna
from optuna.distributions import CategoricalChoiceType, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from ser.config import FoldConfiguration, Precision
from studies.plan import StudyPlan, point_parameters
from studies.storages.base import Storage

_PRECISION = "precision"
_PLAN = "plan"
_WHEREABOUTS = "whereabouts"


@dataclass(frozen=True)
class Point:
    """A point of the plan and the Optuna trial that stands for it.

    Attributes:
        configuration: The point.
        number: Optuna's number of its trial, or None where it has not begun.
        complete: Whether the search was told its value.
    """

    configuration: FoldConfiguration
    number: int | None
    complete: bool


@dataclass(frozen=True)
class Whereabouts:
    """Where a study's runs are found, kept beside its plan.

    Attributes:
        experiment: Id of its MLflow experiment.
        corpus_digest: Digest of its corpus.
        scheme: Name of its fold scheme.
        folds: Number of folds of the scheme.
    """

    experiment: str
    corpus_digest: str
    scheme: str
    folds: int


class Search:
    """An Optuna study over a plan's grid; the value of a trial is its mean validation UA.

    Args:
        study: The Optuna study.
        plan: The plan.
    """

    def __init__(self, study: optuna.Study, plan: StudyPlan) -> None:
        self._study = study
        self._plan = plan

    @classmethod
    def open(cls, storage: Storage, name: str, plan: StudyPlan) -> "Search":
        """Opens the study of that name, made where there is none.

        Args:
            storage: Where studies are kept.
            name: The study's name.
            plan: The plan.
        """
        study = optuna.create_study(storage=storage.open(), study_name=name, direction="maximize", load_if_exists=True)
        if _PLAN not in study.user_attrs:
            study.set_user_attr(_PLAN, plan.model_dump(mode="json"))
        return cls(study, plan)

    @property
    def precision(self) -> Precision | None:
        """The arithmetic that `auto` was resolved to when the study began, or None before that."""
        value = self._study.user_attrs.get(_PRECISION)
        return None if value is None else value

    def keep_precision(self, precision: Precision) -> None:
        """Keeps the resolved arithmetic for the life of the study."""
        self._study.set_user_attr(_PRECISION, precision)

    def keep_whereabouts(self, whereabouts: Whereabouts) -> None:
        """Keeps where the study's runs are found, for those who look from outside."""
        if _WHEREABOUTS not in self._study.user_attrs:
            self._study.set_user_attr(_WHEREABOUTS, asdict(whereabouts))

    def points(self, precision: Precision) -> list[Point]:
        """Holds Optuna's trials against the plan: every point, with the one trial that stands for it.

        A trial that was begun and never told its value goes on; where several stand for one point,
        a complete one does, and those still running are failed.

        Args:
            precision: The resolved arithmetic.

        Returns:
            Points in the order of the plan.
        """
        standing = self._standing()
        points = []
        for configuration in self._plan.points(precision):
            trial = standing.pop(_key(point_parameters(configuration)), None)
            complete = trial is not None and trial.state == TrialState.COMPLETE
            points.append(Point(configuration, None if trial is None else trial.number, complete))
        return points

    def begin(self, point: Point) -> int:
        """Adds the trial of a point that has none, and returns its number."""
        if point.number is not None:
            return point.number
        parameters = point_parameters(point.configuration)
        choices = _choices(self._plan.points("fp32"))
        trial = optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=dict(parameters),
            distributions={name: CategoricalDistribution(choices[name]) for name in parameters},
        )
        self._study.add_trial(trial)
        return self._standing()[_key(parameters)].number

    def complete(self, number: int, mean_validation_ua: float) -> None:
        """Tells a trial's value, the mean validation UA of its folds; telling it again changes nothing."""
        self._study.tell(number, mean_validation_ua, skip_if_finished=True)

    def fail(self, number: int) -> None:
        """Marks a trial that lacks folds; the next start of the study begins its point anew."""
        self._study.tell(number, state=TrialState.FAIL, skip_if_finished=True)

    def _standing(self) -> dict[str, FrozenTrial]:
        """The trial that stands for each point; a running one beside it is failed."""
        standing: dict[str, FrozenTrial] = {}
        trials = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.RUNNING))
        for trial in sorted(trials, key=lambda each: (each.state != TrialState.COMPLETE, each.number)):
            key = _key(trial.params)
            if key not in standing:
                standing[key] = trial
            elif trial.state == TrialState.RUNNING:
                self._study.tell(trial.number, state=TrialState.FAIL)
        return standing


@dataclass(frozen=True)
class StudySummary:
    """A study as seen from outside, without opening its corpus.

    Attributes:
        name: Its name.
        plan: Its plan.
        whereabouts: Where its runs are found, or None where it stopped before its first run.
        trials: Number of points.
        trials_complete: Number of complete trials.
        best_validation_ua: Best mean validation UA so far, 0..1, or None.
        begun: When it began, ISO 8601, or None where no trial has begun.
    """

    name: str
    plan: StudyPlan
    whereabouts: Whereabouts | None
    trials: int
    trials_complete: int
    best_validation_ua: float | None
    begun: str | None


def summaries(storage: Storage) -> list[StudySummary]:
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
    if _PLAN not in attributes:
        return None
    plan = StudyPlan.model_validate(attributes[_PLAN])
    trials = study.get_trials(deepcopy=False)
    values = [trial.value for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
    starts = [trial.datetime_start.isoformat(timespec="seconds") for trial in trials if trial.datetime_start]
    return StudySummary(
        name=study.study_name,
        plan=plan,
        whereabouts=Whereabouts(**attributes[_WHEREABOUTS]) if _WHEREABOUTS in attributes else None,
        trials=len(plan.points("fp32")),
        trials_complete=len(values),
        best_validation_ua=max(values, default=None),
        begun=min(starts, default=None),
    )


def _choices(points: Sequence[FoldConfiguration]) -> dict[str, list[CategoricalChoiceType]]:
    """Every value that a swept setting takes in the plan, in the plan's order."""
    choices: dict[str, dict[CategoricalChoiceType, None]] = {}
    for point in points:
        for name, value in point_parameters(point).items():
            choices.setdefault(name, {})[value] = None
    return {name: list(values) for name, values in choices.items()}


def _key(parameters: Mapping[str, CategoricalChoiceType]) -> str:
    return json.dumps(dict(parameters), sort_keys=True)
