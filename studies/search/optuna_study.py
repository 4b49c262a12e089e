"""Optuna study whose trials are the points of a plan.

A trial is added with all its parameters in one transaction, when its first fold is dispatched or, where a sampler
proposed it, before the next proposal; it gets its value at its end. Every start compares the trials with the plan,
whatever state a killed coordinator left them in.
"""

import threading
import warnings
from collections.abc import Mapping
from copy import copy
from dataclasses import asdict, replace

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState

from ser.config import FoldConfiguration, Precision
from studies.planning.plan import StudyPlan
from studies.search.optuna_internals import open_trial, trial_by_number
from studies.search.points import point_key, points_of
from studies.search.pruning import make_pruner
from studies.search.records import IdentityInputs, Point, StartRecord, StudyLocation
from studies.storages.base import Storage

OBJECTIVE = "mean validation UA"
"""Name of a trial's value in Optuna's dashboard."""

PRECISION = "precision"
PLAN = "plan"
LOCATION = "whereabouts"
IDENTITY_INPUTS = "basis"
START = "latest_start"
SUPERSEDED = "superseded"
FAILURE = "failure"
PRUNED = "pruned"
_ACTIVE_STATES = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
"""States of a trial that counts for its point, the most final first."""


class OptunaStudy:
    """Optuna study over a plan's points; the value of a trial is its mean validation UA."""

    def __init__(self, study: optuna.Study, plan: StudyPlan) -> None:
        self._study = study
        self._points = points_of(plan, study.study_name)
        self._pruner = make_pruner(plan.pruner)
        self._pending_proposal: tuple[FoldConfiguration, ...] = ()
        self.is_order_dependent = plan.space is not None or self._pruner is not None
        """Whether the order in which trials end decides which points are proposed or pruned."""
        self._start_lock = threading.Lock()
        self._next: int | None = None
        """Number of the next trial; None where it must be read."""

    @classmethod
    def open(cls, storage: Storage, name: str, plan: StudyPlan) -> "OptunaStudy":
        """Open a study, made where there is none."""
        study = optuna.create_study(storage=storage.open(), study_name=name, direction="maximize", load_if_exists=True)
        if study.metric_names != [OBJECTIVE]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                study.set_metric_names([OBJECTIVE])
        stored = study.user_attrs.get(PLAN)
        # A search may get more trials than at its first start.
        if stored is None or stored.get("trials") != plan.trials:
            study.set_user_attr(PLAN, plan.model_dump(mode="json"))
        return cls(study, plan)

    @classmethod
    def reopen(cls, storage: Storage, name: str, plan: StudyPlan) -> "OptunaStudy":
        """Open an existing study; nothing is written."""
        return cls(optuna.load_study(storage=storage.open(), study_name=name), plan)

    @property
    def name(self) -> str:
        """Name of the study."""
        return str(self._study.study_name)

    @property
    def precision(self) -> Precision | None:
        """Precision that `auto` was resolved to at the study's first start, or None before it."""
        value = self._study.user_attrs.get(PRECISION)
        return None if value is None else value

    def save_precision(self, precision: Precision) -> None:
        """Save the resolved precision for the life of the study."""
        self._study.set_user_attr(PRECISION, precision)

    def save_location(self, location: StudyLocation) -> None:
        """Save the location of the study's runs, for checks and reports; a new MLflow database has new ids."""
        if self._study.user_attrs.get(LOCATION) != asdict(location):
            self._study.set_user_attr(LOCATION, asdict(location))

    @property
    def identity_inputs(self) -> IdentityInputs | None:
        """Folds and device type that enter the identities of its folds, or None before its first start."""
        stored = self._study.user_attrs.get(IDENTITY_INPUTS)
        return None if stored is None else IdentityInputs.parse(stored)

    def save_identity_inputs(self, inputs: IdentityInputs) -> None:
        """Save the folds and the device type, for checks without the corpus."""
        if IDENTITY_INPUTS not in self._study.user_attrs:
            scheme = [fold.model_dump(mode="json") for fold in inputs.scheme]
            self._study.set_user_attr(IDENTITY_INPUTS, {"scheme": scheme, "device_type": inputs.device_type})

    def save_start(self, start: StartRecord) -> None:
        """Save the facts of a start in place of those of the one before; other machines' folders of the corpus stay."""
        stored = self._study.user_attrs.get(START, {})
        others = {home: root for home, root in stored.get("roots", {}).items() if home not in start.roots}
        record = asdict(start) | {"notes": list(start.notes), "roots": others | dict(start.roots)}
        if stored != record:
            self._study.set_user_attr(START, record)

    @property
    def size(self) -> int:
        """Number of trials that the study will have, as far as it is known by now."""
        return self._points.size(self._trials())

    def points(self, precision: Precision) -> list[Point]:
        """Read every known point with its trial.

        A trial without a value is resumed; of several of one point the most final counts. Nothing is written.

        Returns:
            Points in the order of the plan, or in which they were proposed.
        """
        trials = self._active_trials()
        points = []
        for configuration in self._points.known(self._trials(), precision):
            trial = trials.get(self._points.key(configuration))
            if trial is None:
                points.append(Point(configuration, None, complete=False))
            else:
                complete = trial.state == TrialState.COMPLETE
                points.append(Point(configuration, trial.number, complete, trial.user_attrs.get(PRUNED)))
        return points

    def propose(self, precision: Precision) -> list[Point]:
        """Propose the next point, once for each seed, and start the first of its trials.

        Returns:
            The point with each seed; empty where all points are known, as in a grid, or the study has enough.
        """
        if not self._pending_proposal:
            self._pending_proposal = self._points.next(self._trials(), precision)
        points = [Point(configuration, None, complete=False) for configuration in self._pending_proposal]
        if points:
            points[0] = replace(points[0], number=self.start_trial(points[0]))
        # Stored until its trial has started: where the database became unavailable before, no other point is proposed.
        self._pending_proposal = ()
        return points

    def is_exhausted(self, precision: Precision) -> bool:
        """Check whether no further point would be proposed."""
        return not self._points.next(self._trials(), precision)

    def start_trial(self, point: Point) -> int:
        """Add the trial of a point that has none; return its number.

        Optuna returns the number only by reading all unfinished trials. It counts from 0, and a study has one
        coordinator, which reads the count once, and again after an error, by which its trial may have been added.
        """
        if point.number is not None:
            return point.number
        parameters = self._points.parameters(point.configuration)
        trial = optuna.trial.create_trial(
            state=TrialState.RUNNING, params=parameters, distributions=self._points.distributions(parameters)
        )
        with self._start_lock:
            number, self._next = self._next, None
            if number is None:
                active_trial = self._active_trials().get(point_key(parameters))
                number = len(self._study.get_trials(deepcopy=False))
                if active_trial is not None:
                    return active_trial.number
            self._study.add_trial(trial)
            self._next = number + 1
        return number

    def complete(self, number: int, mean_validation_ua: float) -> None:
        """Tell Optuna a trial's value, the mean validation UA of its folds; repeating it changes nothing."""
        self._study.tell(number, mean_validation_ua, skip_if_finished=True)

    def fail(self, number: int, reason: str) -> None:
        """Mark a trial that lacks folds as failed, with the reason; the next start adds another one for its point."""
        trial = trial_by_number(self._study, number)
        if not trial.state.is_finished():
            open_trial(self._study, trial).set_user_attr(FAILURE, reason)
            self._study.tell(number, state=TrialState.FAIL)

    def report_intermediate(self, number: int, validation_ua: Mapping[int, float]) -> None:
        """Report the intermediate values of a trial that the study's pruner needs, if it has one, and lacks so far.

        Args:
            number: Number of a trial.
            validation_ua: Validation UA, 0..1, of finished folds, by number of the fold, from 1.
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
        """Return the reason for which a running trial should be pruned; None where it continues."""
        trial = trial_by_number(self._study, number)
        if self._pruner is None or trial.state.is_finished():
            return None
        return self._pruner.prune_reason(self._peers(), trial)

    def prune(self, number: int, reason: str) -> None:
        """Prune a trial for good, with the reason; repeating it changes nothing."""
        trial = trial_by_number(self._study, number)
        if not trial.state.is_finished():
            open_trial(self._study, trial).set_user_attr(PRUNED, reason)
            self._study.tell(number, state=TrialState.PRUNED)

    def key(self, configuration: FoldConfiguration) -> str:
        """Format a point in one line: its key in `active_trials` and `completed_values`."""
        return self._points.key(configuration)

    def active_trials(self) -> dict[str, list[FrozenTrial]]:
        """Read the trials of each point that count, by the point's key: the most final first, then the oldest."""
        superseded = self._study.user_attrs.get(SUPERSEDED, [])
        trials = self._study.get_trials(deepcopy=False, states=_ACTIVE_STATES)
        groups: dict[str, list[FrozenTrial]] = {}
        for trial in sorted(trials, key=lambda trial: (_ACTIVE_STATES.index(trial.state), trial.number)):
            if trial.number not in superseded:
                groups.setdefault(point_key(trial.params), []).append(trial)
        return groups

    def completed_values(self) -> dict[str, float]:
        """Read the mean validation UA, 0..1, of each complete point, by the point's key."""
        return {
            key: trial.value
            for key, trial in self._active_trials().items()
            if trial.state == TrialState.COMPLETE and trial.value is not None
        }

    def discard(self, trial: FrozenTrial) -> None:
        """Leave a trial out of the study: a running one is failed, an ended one noted, since Optuna fixes it."""
        if trial.state == TrialState.RUNNING:
            self.fail(trial.number, "no point of the study asks for it, or another trial has it")
        else:
            superseded = self._study.user_attrs.get(SUPERSEDED, [])
            self._study.set_user_attr(SUPERSEDED, sorted({*superseded, trial.number}))

    def _trials(self) -> list[FrozenTrial]:
        """Return all trials in the order of their numbers, discarded ones as failed: only their points count."""
        superseded = self._study.user_attrs.get(SUPERSEDED, [])
        return [_failed(trial) if trial.number in superseded else trial for trial in self._study.get_trials(False)]

    def _peers(self) -> optuna.Study:
        """Return the study with the trials that a pruner compares; a discarded one may have a value of another hand."""
        if SUPERSEDED not in self._study.user_attrs:
            return self._study
        peers = optuna.create_study(direction="maximize")
        peers.add_trials(self._trials())
        return peers

    def _active_trials(self) -> dict[str, FrozenTrial]:
        """Return the trial of each point, by the point's key."""
        return {key: group[0] for key, group in self.active_trials().items()}


def _failed(trial: FrozenTrial) -> FrozenTrial:
    """Return a copy of a trial that failed; the storage's own trial stays as it is."""
    failed = copy(trial)
    failed.state, failed.value = TrialState.FAIL, None
    return failed
