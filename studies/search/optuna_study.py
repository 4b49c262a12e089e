"""The search's memory: an Optuna study whose trials are the points of a plan.

A trial is added with all its parameters in one transaction, when its first fold is handed out or, where
a sampler proposed it, before the next proposal; it is told its value at its end. At every start the
trials are held against the plan, whatever state a killed coordinator left them in.
"""

import threading
from collections.abc import Mapping
from dataclasses import asdict, replace

import optuna
from optuna.trial import FrozenTrial, TrialState

from ser.config import FoldConfiguration, Precision
from ser.results import Fold
from studies.planning.plan import StudyPlan
from studies.search.optuna_internals import open_trial, trial_by_number
from studies.search.points import point_key, points_of
from studies.search.pruning import make_pruner
from studies.search.records import IdentityInputs, Point, StudyLocation
from studies.storages.base import Storage

_PRECISION = "precision"
PLAN = "plan"
WHEREABOUTS = "whereabouts"
_IDENTITY_INPUTS = "basis"
SUPERSEDED = "superseded"
_PRUNED = "pruned"
_STANDING = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
"""States of a trial that stands for its point, the most final first."""


class OptunaStudy:
    """An Optuna study over a plan's points; the value of a trial is its mean validation UA.

    Args:
        study: The Optuna study.
        plan: The plan.
    """

    def __init__(self, study: optuna.Study, plan: StudyPlan) -> None:
        self._study = study
        self._points = points_of(plan, study.study_name)
        self._pruner = make_pruner(plan.pruner)
        self._pending_proposal: tuple[FoldConfiguration, ...] = ()
        self.is_order_dependent = plan.space is not None or self._pruner is not None
        """Whether the order in which trials are told decides what is proposed or given up."""
        self._start_lock = threading.Lock()
        self._next: int | None = None
        """Number of the next trial; None where it has to be looked up."""

    @classmethod
    def open(cls, storage: Storage, name: str, plan: StudyPlan) -> "OptunaStudy":
        """Opens the study of that name, made where there is none.

        Args:
            storage: Where studies are kept.
            name: The study's name.
            plan: The plan.
        """
        study = optuna.create_study(storage=storage.open(), study_name=name, direction="maximize", load_if_exists=True)
        kept = study.user_attrs.get(PLAN)
        # A search may be asked for more trials than when it began.
        if kept is None or kept.get("trials") != plan.trials:
            study.set_user_attr(PLAN, plan.model_dump(mode="json"))
        return cls(study, plan)

    @property
    def name(self) -> str:
        """Name of the study."""
        return str(self._study.study_name)

    @property
    def precision(self) -> Precision | None:
        """Precision that `auto` was resolved to at the study's first start, or None before it."""
        value = self._study.user_attrs.get(_PRECISION)
        return None if value is None else value

    def save_precision(self, precision: Precision) -> None:
        """Save the resolved precision for the life of the study."""
        self._study.set_user_attr(_PRECISION, precision)

    def save_location(self, whereabouts: StudyLocation) -> None:
        """Keeps where the study's runs are found, for those who look from outside; a new database has new ids."""
        if self._study.user_attrs.get(WHEREABOUTS) != asdict(whereabouts):
            self._study.set_user_attr(WHEREABOUTS, asdict(whereabouts))

    @property
    def identity_inputs(self) -> IdentityInputs | None:
        """Folds and device type that enter the identities of its folds, or None before its first start."""
        stored = self._study.user_attrs.get(_IDENTITY_INPUTS)
        if stored is None:
            return None
        return IdentityInputs(tuple(Fold.model_validate(fold) for fold in stored["scheme"]), stored["device_type"])

    def save_identity_inputs(self, inputs: IdentityInputs) -> None:
        """Save the folds and the device type, for checks without the corpus."""
        if _IDENTITY_INPUTS not in self._study.user_attrs:
            scheme = [fold.model_dump(mode="json") for fold in inputs.scheme]
            self._study.set_user_attr(_IDENTITY_INPUTS, {"scheme": scheme, "device_type": inputs.device_type})

    @property
    def size(self) -> int:
        """Trials that the study will have, as far as it is known by now."""
        return self._points.size(self._study.get_trials(deepcopy=False))

    def points(self, precision: Precision) -> list[Point]:
        """Holds Optuna's trials against the plan: every known point, with the one trial that stands for it.

        A trial that was begun and never told its value goes on; of several for one point the most
        final one stands for it. Nothing is written: `studies.consistency.checks` drops the others.

        Args:
            precision: The resolved arithmetic.

        Returns:
            Points in the order of the plan, or in which they were proposed.
        """
        standing = self._standing()
        points = []
        for configuration in self._points.known(self._study.get_trials(deepcopy=False), precision):
            trial = standing.get(self._points.key(configuration))
            if trial is None:
                points.append(Point(configuration, None, complete=False))
            else:
                complete = trial.state == TrialState.COMPLETE
                points.append(Point(configuration, trial.number, complete, trial.user_attrs.get(_PRUNED)))
        return points

    def propose(self, precision: Precision) -> list[Point]:
        """Proposes the next point, once for each seed, and begins the first of its trials.

        Args:
            precision: The resolved arithmetic.

        Returns:
            Its trials; empty where every point is known, as in a grid, or enough of them are.
        """
        if not self._pending_proposal:
            self._pending_proposal = self._points.next(self._study.get_trials(deepcopy=False), precision)
        points = [Point(configuration, None, complete=False) for configuration in self._pending_proposal]
        begun = [replace(point, number=self.start_trial(point)) if point is points[0] else point for point in points]
        # Kept until its trial has begun: where the database went away in between, it must not propose another one.
        self._pending_proposal = ()
        return begun

    def is_exhausted(self, precision: Precision) -> bool:
        """Whether no further point would be proposed.

        Args:
            precision: The resolved arithmetic.
        """
        return not self._points.next(self._study.get_trials(deepcopy=False), precision)

    def start_trial(self, point: Point) -> int:
        """Adds the trial of a point that has none, and returns its number.

        Optuna would tell the number only by reading all trials that are not finished. It counts them from 0, and a
        study has one coordinator, which looks once, and again after an error: its trial may have been added then.
        """
        if point.number is not None:
            return point.number
        parameters = self._points.parameters(point.configuration)
        trial = optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=parameters,
            distributions=self._points.distributions(parameters),
        )
        with self._start_lock:
            number, self._next = self._next, None
            if number is None:
                standing = self._standing().get(point_key(parameters))
                number = len(self._study.get_trials(deepcopy=False))
                if standing is not None:
                    return standing.number
            self._study.add_trial(trial)
            self._next = number + 1
        return number

    def complete(self, number: int, mean_validation_ua: float) -> None:
        """Tells a trial's value, the mean validation UA of its folds; telling it again changes nothing."""
        self._study.tell(number, mean_validation_ua, skip_if_finished=True)

    def fail(self, number: int) -> None:
        """Marks a trial that lacks folds; the next start of the study begins its point anew."""
        self._study.tell(number, state=TrialState.FAIL, skip_if_finished=True)

    def report_intermediate(self, number: int, validation_ua: Mapping[int, float]) -> None:
        """Keeps what a pruner judges by, in a study that has one; what is kept already stays.

        Args:
            number: Number of a trial.
            validation_ua: Validation UA, 0..1, of the folds that are done, by number of the fold, from 1.
        """
        if self._pruner is None:
            return
        trial = trial_by_number(self._study, number)
        if not trial.state.is_finished():
            reporting = open_trial(self._study, trial)
            for step, value in self._pruner.intermediate_values(validation_ua).items():
                if step not in trial.intermediate_values:
                    reporting.report(value, step)

    def prune_reason(self, number: int) -> str | None:
        """Why a running trial should be given up, by what was reported; None where it goes on."""
        if self._pruner is None:
            return None
        return self._pruner.prune_reason(self._study, trial_by_number(self._study, number))

    def prune(self, number: int, reason: str) -> None:
        """Gives up a trial for good, with the reason; doing it again changes nothing."""
        trial = trial_by_number(self._study, number)
        if not trial.state.is_finished():
            open_trial(self._study, trial).set_user_attr(_PRUNED, reason)
            self._study.tell(number, state=TrialState.PRUNED)

    def key(self, configuration: FoldConfiguration) -> str:
        """A point in one line, as `trials` and `values` name it."""
        return self._points.key(configuration)

    def active_trials(self) -> dict[str, list[FrozenTrial]]:
        """Trials that stand for points, by the points' keys; of one point the most final first, then the oldest."""
        superseded = self._study.user_attrs.get(SUPERSEDED, [])
        trials = self._study.get_trials(deepcopy=False, states=_STANDING)
        found: dict[str, list[FrozenTrial]] = {}
        for trial in sorted(trials, key=lambda each: (_STANDING.index(each.state), each.number)):
            if trial.number not in superseded:
                found.setdefault(point_key(trial.params), []).append(trial)
        return found

    def completed_values(self) -> dict[str, float]:
        """The mean validation UA of each complete point, 0..1, by the points' keys."""
        return {
            key: trial.value
            for key, trial in self._standing().items()
            if trial.state == TrialState.COMPLETE and trial.value is not None
        }

    def discard(self, trial: FrozenTrial) -> None:
        """Leaves a trial out of the study: a running one is failed, an ended one, which is fixed, noted."""
        if trial.state == TrialState.RUNNING:
            self.fail(trial.number)
        else:
            superseded = self._study.user_attrs.get(SUPERSEDED, [])
            self._study.set_user_attr(SUPERSEDED, sorted({*superseded, trial.number}))

    def _standing(self) -> dict[str, FrozenTrial]:
        """The trial that stands for each point."""
        return {key: group[0] for key, group in self.active_trials().items()}
