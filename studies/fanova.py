"""Optuna's fANOVA over settings and scores; a process of its own computes it for many trials.

python -m studies.fanova < groups.json > shares.json
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Value = float | str


def variance_shares(settings: Mapping[str, Sequence[Value]], scores: Sequence[float]) -> dict[str, float]:
    """How the variance of a score that settings explain one at a time divides among them.

    By Optuna's fANOVA (Hutter et al., ICML 2014): a random forest is fitted to the scores, and each
    setting's share of its variance computed, interactions left out.

    Args:
        settings: A value for each trial, by the setting's name; every setting takes two values or more.
        scores: Score of each trial.

    Returns:
        Share of each setting, 0..1, the largest first; they sum to 1.
    """
    # Both need scikit-learn, whose import takes longer than all that a small report does.
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    distributions = {name: _distribution(values) for name, values in settings.items()}
    study.add_trials(
        optuna.trial.create_trial(
            value=score,
            params={name: values[place] for name, values in settings.items()},
            distributions=dict(distributions),
        )
        for place, score in enumerate(scores)
    )
    # Trees of the default depth, as deep as there are trials, would take minutes for a thousand of them.
    evaluator = FanovaImportanceEvaluator(n_trees=32, max_depth=8, seed=0)
    return {name: float(share) for name, share in get_param_importances(study, evaluator=evaluator).items()}


def _distribution(values: Sequence[Value]) -> "BaseDistribution":
    """What a setting may be, from the values that it took: a span of numbers, or a choice."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    numbers = [value for value in values if isinstance(value, float)]
    if len(numbers) == len(values):
        return FloatDistribution(min(numbers), max(numbers))
    return CategoricalDistribution(list(dict.fromkeys(str(value) for value in values)))


def main() -> None:
    """Reads pairs of settings and scores from standard input, and writes their shares to standard output."""
    json.dump([variance_shares(settings, scores) for settings, scores in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
