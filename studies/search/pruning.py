"""Pruning of a trial by the validation UA of its finished folds.

Folds are compared with the same folds of other trials: speakers differ more than variants do. Both pruners are
Optuna's; the intermediate values are ours. Steps are folds, counted from 1 in the order of the scheme.
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
from typing_extensions import override

from ser.errors import ConfigurationError
from studies.planning.recipes import PrunerName

MEDIAN_TRIALS = 5
"""Complete trials that the median pruner needs."""

MEDIAN_FOLDS = 3
"""Finished folds of a trial that the median pruner needs."""

WILCOXON_FOLDS = 8
"""Finished folds of a trial before which Wilcoxon's signed-rank test, made after every fold, errs too often."""

WILCOXON_P = 0.1


class FoldPruner(ABC):
    """Decides after each fold whether its trial is pruned."""

    @abstractmethod
    def intermediate_values(self, validation_ua: Mapping[int, float]) -> dict[int, float]:
        """Compute the intermediate values of a trial.

        Args:
            validation_ua: Validation UA, 0..1, by number of the fold, of the finished folds.

        Returns:
            Values by step.
        """

    @abstractmethod
    def prune_reason(self, study: optuna.Study, trial: FrozenTrial) -> str | None:
        """Return the reason for which a trial is pruned, or None where it continues.

        Args:
            study: The study, with the intermediate values of its other trials.
            trial: A running trial with its intermediate values.
        """


class FoldMedianPruner(FoldPruner):
    """Prunes a trial whose mean over its first folds is below the median of complete trials over the same folds."""

    @override
    def intermediate_values(self, validation_ua: Mapping[int, float]) -> dict[int, float]:
        # Means over the first folds of the scheme, as far as none of them is missing.
        means, done = {}, list[float]()
        while len(done) + 1 in validation_ua:
            done.append(validation_ua[len(done) + 1])
            means[len(done)] = fmean(done)
        return means

    @override
    def prune_reason(self, study: optuna.Study, trial: FrozenTrial) -> str | None:
        step = trial.last_step
        if step is None:
            return None
        # Optuna's pruner looks at a trial's best value so far; of running means only the last one counts.
        latest = copy(trial)
        latest.intermediate_values = {step: trial.intermediate_values[step]}
        if not MedianPruner(n_startup_trials=MEDIAN_TRIALS, n_warmup_steps=MEDIAN_FOLDS).prune(study, latest):
            return None
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        means = [peer.intermediate_values[step] for peer in complete if step in peer.intermediate_values]
        mean = trial.intermediate_values[step]
        return (
            f"its mean validation UA over the first {step} folds, {100 * mean:.1f}%, is below the median of "
            f"{len(means)} complete trials over the same folds, {100 * median(means):.1f}%"
        )


class FoldWilcoxonPruner(FoldPruner):
    """Prunes a trial whose folds are worse than the same folds of the best complete trial, by a signed-rank test."""

    @override
    def intermediate_values(self, validation_ua: Mapping[int, float]) -> dict[int, float]:
        return dict(validation_ua)

    @override
    def prune_reason(self, study: optuna.Study, trial: FrozenTrial) -> str | None:
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
    """Return the pruner of a name, or None for `none`."""
    return _PRUNERS[name]


def check_pruner(name: PrunerName, folds: int, scheme: str) -> None:
    """Refuse Wilcoxon's test where a trial would be complete before it is made.

    Raises:
        ConfigurationError: The scheme has too few folds.
    """
    if name == "wilcoxon" and folds <= WILCOXON_FOLDS:
        raise ConfigurationError(
            f"pruner 'wilcoxon' needs more than {WILCOXON_FOLDS} folds, scheme {scheme} has {folds}; use median or none"
        )
