"""Giving up a trial by the folds that it has done; only validation scores decide.

Folds are compared with the same folds of other trials: speakers differ more than variants do. Both
pruners are Optuna's; what is reported to them is ours. Steps are folds, counted from 1 in the order
of the scheme.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import copy
from statistics import fmean, median

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import MedianPruner, WilcoxonPruner
from optuna.trial import FrozenTrial, TrialState

from ser.errors import ConfigurationError
from studies.planning.recipes import PrunerName

MEDIAN_TRIALS = 5
"""Complete trials without which the median says nothing."""

MEDIAN_FOLDS = 3
"""Folds without which a running mean says nothing."""

WILCOXON_FOLDS = 8
"""Folds without which Wilcoxon's signed-rank test is not made: looked at after every fold, it errs too often before."""

WILCOXON_P = 0.1


class FoldPruner(ABC):
    """Decides after a fold whether its trial is given up."""

    @abstractmethod
    def intermediate_values(self, validation_ua: Mapping[int, float]) -> dict[int, float]:
        """What is reported of a trial.

        Args:
            validation_ua: Validation UA, 0..1, by number of the fold, of the folds that are done.

        Returns:
            Values by step.
        """

    @abstractmethod
    def prune_reason(self, study: optuna.Study, trial: FrozenTrial) -> str | None:
        """Why a trial is given up, or None where it goes on.

        Args:
            study: The study, whose other trials were reported alike.
            trial: A running trial with what was reported of it.
        """


class FoldMedianPruner(FoldPruner):
    """Gives up a trial whose mean over its first folds is below the median of complete trials over the same folds."""

    def intermediate_values(self, validation_ua: Mapping[int, float]) -> dict[int, float]:
        """Means over the first folds of the scheme, as far as none of them is missing; see the base class."""
        means, done = {}, list[float]()
        while len(done) + 1 in validation_ua:
            done.append(validation_ua[len(done) + 1])
            means[len(done)] = fmean(done)
        return means

    def prune_reason(self, study: optuna.Study, trial: FrozenTrial) -> str | None:
        """Compares the mean over the most folds; see the base class."""
        step = trial.last_step
        if step is None:
            return None
        # Optuna's pruner looks at a trial's best value so far; of running means only the last one counts.
        latest = copy(trial)
        latest.intermediate_values = {step: trial.intermediate_values[step]}
        if not MedianPruner(n_startup_trials=MEDIAN_TRIALS, n_warmup_steps=MEDIAN_FOLDS).prune(study, latest):
            return None
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        others = [other.intermediate_values[step] for other in complete if step in other.intermediate_values]
        own = trial.intermediate_values[step]
        return (
            f"its mean validation UA over the first {step} folds, {100 * own:.1f}%, is below the median of "
            f"{len(others)} complete trials over the same folds, {100 * median(others):.1f}%"
        )


class FoldWilcoxonPruner(FoldPruner):
    """Gives up a trial whose folds are worse than the same folds of the best complete trial, by a signed-rank test."""

    def intermediate_values(self, validation_ua: Mapping[int, float]) -> dict[int, float]:
        """Every fold's own validation UA; see the base class."""
        return dict(validation_ua)

    def prune_reason(self, study: optuna.Study, trial: FrozenTrial) -> str | None:
        """Compares with the best complete trial, fold by fold; see the base class."""
        with warnings.catch_warnings():
            # Optuna calls it experimental; its release is pinned.
            warnings.simplefilter("ignore", ExperimentalWarning)
            pruner = WilcoxonPruner(p_threshold=WILCOXON_P, n_startup_steps=WILCOXON_FOLDS)
        if not pruner.prune(study, trial):
            return None
        folds = len(trial.intermediate_values)
        return (
            f"over {folds} folds its validation UA is below that of the best complete trial, number "
            f"{study.best_trial.number}, by Wilcoxon's signed-rank test (p < {WILCOXON_P})"
        )


_PRUNERS: dict[PrunerName, FoldPruner | None] = {
    "none": None,
    "median": FoldMedianPruner(),
    "wilcoxon": FoldWilcoxonPruner(),
}


def make_pruner(name: PrunerName) -> FoldPruner | None:
    """The pruner of that name, or None for `none`."""
    return _PRUNERS[name]


def check_pruner(name: PrunerName, folds: int, scheme: str) -> None:
    """Refuses Wilcoxon's test where a trial would be complete before it is made.

    Args:
        name: Name of the pruner.
        folds: Folds of the scheme.
        scheme: Its name.

    Raises:
        ConfigurationError: The scheme has too few folds.
    """
    if name == "wilcoxon" and folds <= WILCOXON_FOLDS:
        raise ConfigurationError(
            f"pruner wilcoxon judges a trial once {WILCOXON_FOLDS} of its folds are done, and fold scheme {scheme} has "
            f"{folds}; take median or none"
        )
