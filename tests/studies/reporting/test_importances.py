from itertools import product

import pytest

from studies.planning.search_space import IMPORTANCE_MIN_TRIALS
from studies.reporting.importances import compute_importances, trial_groups
from tests.support.scored_trials import World, configuration, table_of, trial
from tracking.analysis.report_context import ParameterImportances
from tracking.analysis.results_table import ResultsTable

WORLD = World(per_speaker=16)


def importances(table: ResultsTable) -> tuple[ParameterImportances, ...]:
    return tuple(map(compute_importances, trial_groups(table)))


def swept(attention: str, *scopes: int, effect: float = 0.0) -> list:
    labels = (("words", 0.4), ("phonemes", 0.8))
    return [
        trial(WORLD, configuration(attention, scope=scope, labels=strategy), accuracy + effect * scope)
        for scope, (strategy, accuracy) in product(scopes, labels)
    ]


def test_the_decisive_setting_is_the_most_important_one() -> None:
    trials = [*swept("none", 9), *swept("quantum", 9), *swept("local", 3, 5, 9), *swept("component", 3, 5)]
    every, windowed = importances(table_of(*trials))
    assert (every.group, every.trials) == ("all trials", 14)
    assert set(every.shares) == {"attention", "labels"}
    assert every.shares["labels"] > 0.8
    assert windowed.trials == 10
    assert {"scope", "labels"} <= set(windowed.shares)
    for group in (every, windowed):
        assert sum(group.shares.values()) == pytest.approx(1)
        assert list(group.shares.values()) == sorted(group.shares.values(), reverse=True)


def test_importances_are_the_same_every_time() -> None:
    table = table_of(*swept("none", 9), *swept("local", 3, 5, 9))
    assert importances(table) == importances(table)


def test_few_or_incomplete_trials_give_no_importance() -> None:
    trials = [*swept("none", 9), *swept("local", 3, 5), *swept("quantum", 9)]
    assert len(trials) == IMPORTANCE_MIN_TRIALS
    assert importances(table_of(*trials))
    unfinished = trials[-1].model_copy(update={"folds": trials[-1].folds[:3]})
    assert importances(table_of(*trials[:-1], unfinished)) == ()


def test_test_scores_do_not_enter() -> None:
    trials = [*swept("none", 9), *swept("local", 3, 5, 9)]
    wrong = [
        one.model_copy(
            update={
                "folds": tuple(
                    fold.model_copy(
                        update={"test": fold.test.model_copy(update={"predicted": fold.test.predicted[::-1]})}
                    )
                    for fold in one.folds
                )
            }
        )
        for one in trials
    ]
    assert importances(table_of(*trials)) == importances(table_of(*wrong))
