"""Proposing points by a tree-structured Parzen estimator (Bergstra et al. 2011), Optuna's TPE.

A proposal is a pure function of the trials so far, the space and a seed: the sampler is made anew for
each, so that all that it knows comes from the storage, and a study that was killed goes on with the
proposals that it would have made. Trials that still run count as bad ones (constant liar), which keeps
many slots from being given the same point. As trials end in another order with other workers, the
proposals after the random ones differ with them.
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
    """Proposes a point.

    Args:
        past: Trials that are complete, pruned or running, in the order of their numbers.
        space: What may be chosen; only its settings of the past trials are looked at.
        criterion: The criterion of the study.
        seed: Seed of the sampler, 0 to 2**32 - 1.

    Returns:
        The settings that have an effect, by name.
    """
    sampler = TPESampler(n_startup_trials=RANDOM_TRIALS, seed=seed, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials([_seen_by_sampler(trial, space) for trial in past])
    return space.suggest(study.ask(), criterion)


def proposal_seed(study: str, number: int, attempt: int) -> int:
    """The sampler's seed for one proposal of a study, 0 to 2**32 - 1.

    Args:
        study: Name of the study.
        number: Points that the study has already.
        attempt: Proposals that were refused since the last point, as they were known.
    """
    return int(digest_of({"study": study, "point": number, "attempt": attempt})[:8], 16)


def _seen_by_sampler(trial: FrozenTrial, space: SearchSpace) -> FrozenTrial:
    """A trial less what is not searched: its seed repeats a point and is no setting to be chosen."""
    params = {name: value for name, value in trial.params.items() if name in space.dimensions}
    return optuna.trial.create_trial(
        state=trial.state,
        params=params,
        distributions=space.distributions(params),
        value=trial.value if trial.state == TrialState.COMPLETE else None,
        intermediate_values=trial.intermediate_values,
    )
