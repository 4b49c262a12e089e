"""Proposals of points by a tree-structured Parzen estimator (Bergstra et al. 2011), Optuna's TPE.

A proposal is a pure function of the trials so far, the search space and a seed: each has a new sampler, all of whose
knowledge comes from the storage, so that a study that was killed resumes with the proposals that it would have made.
Running trials count as bad ones (constant liar), so that many slots do not get the same point. Trials end in another
order with another number of workers, and so the proposals after the random ones differ.
"""

from collections.abc import Sequence

import optuna
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from ser.config import digest_of
from studies.planning.search_space import SearchSpace, Value

RANDOM_TRIALS = 10
"""Ended trials before which points are drawn at random."""


def propose(past: Sequence[FrozenTrial], space: SearchSpace, criterion: str, seed: int) -> dict[str, Value]:
    """Propose a point.

    Args:
        past: Trials that are complete, pruned or running, in the order of their numbers.
        space: The search space; other settings of the past trials are ignored.
        criterion: The criterion of the study.
        seed: Seed of the sampler, 0 to 2**32 - 1.

    Returns:
        The settings that have an effect, by name.
    """
    sampler = TPESampler(n_startup_trials=RANDOM_TRIALS, seed=seed, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials([_searched_part(trial, space) for trial in past])
    return space.suggest(study.ask(), criterion)


def proposal_seed(study: str, number: int, attempt: int) -> int:
    """Derive the sampler's seed for one proposal of a study, 0 to 2**32 - 1.

    Args:
        study: Name of the study.
        number: Points that the study has already.
        attempt: Proposals of known points since the last new point.
    """
    return int(digest_of({"study": study, "point": number, "attempt": attempt})[:8], 16)


def _searched_part(trial: FrozenTrial, space: SearchSpace) -> FrozenTrial:
    """Copy a trial without settings that are not searched, such as the seed, which repeats a point."""
    params = {name: value for name, value in trial.params.items() if name in space.dimensions}
    return optuna.trial.create_trial(
        state=trial.state,
        params=params,
        distributions=space.distributions(params),
        value=trial.value if trial.state == TrialState.COMPLETE else None,
        intermediate_values=trial.intermediate_values,
    )
