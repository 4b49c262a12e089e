"""Points of a study: all points of a grid, or those that a search proposes one after another.

A point generator reads and writes nothing: it is a function of the trials that are passed in.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState
from typing_extensions import override

from ser.config import FoldConfiguration, Precision
from studies.planning.plan import StudyPlan
from studies.planning.search_space import SearchSpace, Value
from studies.search.sampling import proposal_seed, propose

_SEED = "seed"
_COUNTED_STATES = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
_MAX_PROPOSALS = 100
"""Proposals of known points after which a search space counts as exhausted."""


class PointGenerator(ABC):
    """Generator of the points of one study."""

    def __init__(self, plan: StudyPlan) -> None:
        self._plan = plan

    @abstractmethod
    def known(self, trials: Sequence[FrozenTrial], precision: Precision) -> tuple[FoldConfiguration, ...]:
        """List all points that are known by now.

        Args:
            trials: All trials of the study, in the order of their numbers.
            precision: The resolved precision.
        """

    @abstractmethod
    def next(self, trials: Sequence[FrozenTrial], precision: Precision) -> tuple[FoldConfiguration, ...]:
        """Propose the next point, once for each seed; empty where there is none.

        Args:
            trials: All trials of the study, in the order of their numbers.
            precision: The resolved precision.
        """

    @abstractmethod
    def distributions(self, parameters: Mapping[str, Any]) -> dict[str, BaseDistribution]:
        """Return the Optuna distribution of each parameter of a point."""

    def parameters(self, point: FoldConfiguration) -> dict[str, Value]:
        """Return the parameters of a point's Optuna trial."""
        return self._plan.parameters(point)

    @abstractmethod
    def size(self, trials: Sequence[FrozenTrial]) -> int:
        """Count the trials that the study will have, as far as it is known by now.

        Args:
            trials: All trials of the study, in the order of their numbers.
        """

    def key(self, point: FoldConfiguration) -> str:
        """Format a point in one line, equal to `point_key` of its trial's parameters."""
        return point_key(self.parameters(point))


class GridPoints(PointGenerator):
    """Every point of a plan's grid."""

    @override
    def known(self, trials: Sequence[FrozenTrial], precision: Precision) -> tuple[FoldConfiguration, ...]:
        return self._plan.points(precision)

    @override
    def next(self, trials: Sequence[FrozenTrial], precision: Precision) -> tuple[FoldConfiguration, ...]:
        # All points are known.
        return ()

    @override
    def distributions(self, parameters: Mapping[str, Any]) -> dict[str, BaseDistribution]:
        return {name: CategoricalDistribution(self._choices[name]) for name in parameters}

    @cached_property
    def _choices(self) -> dict[str, list[Value]]:
        choices: dict[str, dict[Value, None]] = {}
        for point in self._plan.points("fp32"):
            for name, value in self._plan.parameters(point).items():
                choices.setdefault(name, {})[value] = None
        return {name: list(values) for name, values in choices.items()}

    @override
    def size(self, trials: Sequence[FrozenTrial]) -> int:
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

    @override
    def known(self, trials: Sequence[FrozenTrial], precision: Precision) -> tuple[FoldConfiguration, ...]:
        # Repetitions of a pruned point that had not started are no points any more.
        started = {point_key(trial.params) for trial in trials if trial.state in _COUNTED_STATES}
        points: list[FoldConfiguration] = []
        for group in self._groups(trials).values():
            pruned = any(trial.state == TrialState.PRUNED for trial in group)
            for seed in self._plan.seeds:
                parameters = group[0].params | {_SEED: seed}
                if not pruned or point_key(parameters) in started:
                    points.append(self._plan.configuration(parameters, precision))
        return tuple(points)

    @override
    def next(self, trials: Sequence[FrozenTrial], precision: Precision) -> tuple[FoldConfiguration, ...]:
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

    @override
    def distributions(self, parameters: Mapping[str, Any]) -> dict[str, BaseDistribution]:
        searched = {name: value for name, value in parameters.items() if name != _SEED}
        return self._space.distributions(searched) | {_SEED: CategoricalDistribution(self._plan.seeds)}

    @override
    def size(self, trials: Sequence[FrozenTrial]) -> int:
        unproposed = max(0, self._plan.size - len(self._groups(trials)) * len(self._plan.seeds))
        return len(self.known(trials, "fp32")) + unproposed

    def _groups(self, trials: Sequence[FrozenTrial]) -> dict[str, list[FrozenTrial]]:
        """Group the trials by point without its seed, in the order in which the points were proposed."""
        groups: dict[str, list[FrozenTrial]] = {}
        for trial in trials:
            searched = {name: value for name, value in trial.params.items() if name != _SEED}
            # One that somebody has queued with Optuna itself has no parameters, and is never started.
            if searched:
                groups.setdefault(point_key(searched), []).append(trial)
        return groups


def points_of(plan: StudyPlan, study: str) -> PointGenerator:
    """Make the point generator of a study."""
    return GridPoints(plan) if plan.space is None else SampledPoints(plan, plan.space, study)


def point_key(parameters: Mapping[str, Any]) -> str:
    """Format a point's parameters in one line, whatever their order."""
    return json.dumps(dict(parameters), sort_keys=True)
