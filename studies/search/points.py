"""Which points a study has: all of a grid from the beginning, or one after another as a search proposes them.

Neither reads nor writes anything: what is known comes from the trials that are handed in.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from ser.config import FoldConfiguration, Precision
from studies.planning.plan import StudyPlan
from studies.planning.search_space import SearchSpace, Value
from studies.search.sampling import proposal_seed, propose

_SEED = "seed"
_COUNTED_STATES = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
_MAX_PROPOSALS = 100
"""Proposals of known points after which a space is taken to hold no other one."""


class PointGenerator(ABC):
    """The points of one study.

    Args:
        plan: The study's plan.
    """

    def __init__(self, plan: StudyPlan) -> None:
        self._plan = plan

    @abstractmethod
    def known(self, trials: Sequence[FrozenTrial], precision: Precision) -> tuple[FoldConfiguration, ...]:
        """All points that are known by now.

        Args:
            trials: All trials of the study, in the order of their numbers.
            precision: The resolved arithmetic.
        """

    @abstractmethod
    def next(self, trials: Sequence[FrozenTrial], precision: Precision) -> tuple[FoldConfiguration, ...]:
        """The next point, once for each seed; empty where there is none.

        Args:
            trials: All trials of the study, in the order of their numbers.
            precision: The resolved arithmetic.
        """

    @abstractmethod
    def distributions(self, parameters: Mapping[str, Any]) -> dict[str, BaseDistribution]:
        """What each parameter of a point may be, as Optuna knows it."""

    def parameters(self, point: FoldConfiguration) -> dict[str, Value]:
        """A point as its trial bears it."""
        return self._plan.parameters(point)

    @abstractmethod
    def size(self, trials: Sequence[FrozenTrial]) -> int:
        """Number of trials that the study will have, as far as it is known by now.

        Args:
            trials: All trials of the study, in the order of their numbers.
        """

    def key(self, point: FoldConfiguration) -> str:
        """A point in one line, equal to `parameters_key` of its trials' parameters."""
        return point_key(self.parameters(point))


class GridPoints(PointGenerator):
    """Every point of a plan's grid."""

    def known(self, trials: Sequence[FrozenTrial], precision: Precision) -> tuple[FoldConfiguration, ...]:
        """All points, whatever the trials; see the base class."""
        return self._plan.points(precision)

    def next(self, trials: Sequence[FrozenTrial], precision: Precision) -> tuple[FoldConfiguration, ...]:
        """None: all are known; see the base class."""
        return ()

    def distributions(self, parameters: Mapping[str, Any]) -> dict[str, BaseDistribution]:
        """Every value that a setting takes in the grid, in the order of the plan; see the base class."""
        return {name: CategoricalDistribution(self._choices[name]) for name in parameters}

    @cached_property
    def _choices(self) -> dict[str, list[Value]]:
        choices: dict[str, dict[Value, None]] = {}
        for point in self._plan.points("fp32"):
            for name, value in self._plan.parameters(point).items():
                choices.setdefault(name, {})[value] = None
        return {name: list(values) for name, values in choices.items()}

    def size(self, trials: Sequence[FrozenTrial]) -> int:
        """As many as there are points; see the base class."""
        return self._plan.size


class SampledPoints(PointGenerator):
    """Points that a sampler proposes from the trials so far, each repeated with every seed.

    Args:
        plan: The study's plan, which has a space.
        space: The space.
        study: Name of the study, which seeds the sampler.
    """

    def __init__(self, plan: StudyPlan, space: SearchSpace, study: str) -> None:
        super().__init__(plan)
        self._space = space
        self._study = study

    def known(self, trials: Sequence[FrozenTrial], precision: Precision) -> tuple[FoldConfiguration, ...]:
        """The points that have a trial, whatever became of it; see the base class.

        Of a point that was given up, repetitions that had not begun are no points any more.
        """
        begun = {point_key(trial.params) for trial in trials if trial.state in _COUNTED_STATES}
        known: list[FoldConfiguration] = []
        for group in self._groups(trials).values():
            pruned = any(trial.state == TrialState.PRUNED for trial in group)
            for seed in self._plan.seeds:
                parameters = group[0].params | {_SEED: seed}
                if not pruned or point_key(parameters) in begun:
                    known.append(self._plan.configuration(parameters, precision))
        return tuple(known)

    def next(self, trials: Sequence[FrozenTrial], precision: Precision) -> tuple[FoldConfiguration, ...]:
        """A point that is not known yet, until the plan has as many as it asks for; see the base class."""
        groups = self._groups(trials)
        if self._plan.trials is None or len(groups) >= self._plan.trials:
            return ()
        past = [trial for trial in trials if trial.state in _COUNTED_STATES]
        for attempt in range(_MAX_PROPOSALS):
            seed = proposal_seed(self._study, len(groups), attempt)
            parameters = propose(past, self._space, self._plan.criterion, seed)
            if point_key(parameters) not in groups:
                points = (parameters | {_SEED: seed} for seed in self._plan.seeds)
                return tuple(self._plan.configuration(point, precision) for point in points)
        return ()

    def distributions(self, parameters: Mapping[str, Any]) -> dict[str, BaseDistribution]:
        """Those of the space, and the seeds; see the base class."""
        searched = {name: value for name, value in parameters.items() if name != _SEED}
        return self._space.distributions(searched) | {_SEED: CategoricalDistribution(self._plan.seeds)}

    def size(self, trials: Sequence[FrozenTrial]) -> int:
        """Trials of the known points, and of those to be proposed; see the base class."""
        to_come = max(0, self._plan.size - len(self._groups(trials)) * len(self._plan.seeds))
        return len(self.known(trials, "fp32")) + to_come

    def _groups(self, trials: Sequence[FrozenTrial]) -> dict[str, list[FrozenTrial]]:
        """The trials of each point with any seed, in the order in which the points were proposed."""
        groups: dict[str, list[FrozenTrial]] = {}
        for trial in trials:
            searched = {name: value for name, value in trial.params.items() if name != _SEED}
            groups.setdefault(point_key(searched), []).append(trial)
        return groups


def points_of(plan: StudyPlan, study: str) -> PointGenerator:
    """The points of a study.

    Args:
        plan: Its plan.
        study: Its name.
    """
    return GridPoints(plan) if plan.space is None else SampledPoints(plan, plan.space, study)


def point_key(parameters: Mapping[str, Any]) -> str:
    """A point's parameters in one line, in no order."""
    return json.dumps(dict(parameters), sort_keys=True)
