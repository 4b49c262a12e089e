"""Proposed points: seeded, resumable from the trials alone, each once, and repeated with every seed."""

from collections.abc import Sequence
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from ser.config import FoldConfiguration
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.search.points import PointGenerator, point_key, points_of

FEW = dict.fromkeys(("layers", "stack"), "2") | {"cells": "64", "normalisation": "zscore_speaker"}


def searched(**others: Any) -> StudyPlan:
    values: dict[str, Any] = {"corpus": "emodb", "recipe": "extended", "attentions": ("all",), "trials": 30}
    return StudyPlan.from_options(StudyOptions(**values | others))


def told(points: PointGenerator, point: FoldConfiguration, state: TrialState, value: float = 0.5) -> FrozenTrial:
    """A trial of a point as the storage would hold it."""
    parameters = points.parameters(point)
    return create_trial(
        state=state,
        params=parameters,
        distributions=points.distributions(parameters),
        value=value if state == TrialState.COMPLETE else None,
    )


def worth(point: FoldConfiguration) -> float:
    """A made-up score that is best with quantum attention, 256 cells and learning rates of 3e-3."""
    score = 0.3 * (point.attention == "quantum") + 0.2 * (point.cells == 256)
    return score - 0.1 * abs(point.learning_rate - 3e-3) / 3e-3


def run(points: PointGenerator, trials: list[FrozenTrial], number: int) -> list[FrozenTrial]:
    """Goes on with a study whose trials end one after another, in place."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for _ in range(number):
        following = points.next(trials, "fp32")
        trials += [told(points, point, TrialState.COMPLETE, worth(point)) for point in following]
    return trials


def keys(trials: Sequence[FrozenTrial]) -> list[str]:
    return [point_key(trial.params) for trial in trials]


@pytest.fixture(scope="module")
def undisturbed() -> list[FrozenTrial]:
    return run(points_of(searched(), "a study"), [], 30)


def test_a_study_proposes_as_many_points_as_asked_for_each_once(undisturbed: list[FrozenTrial]) -> None:
    assert len(set(keys(undisturbed))) == len(undisturbed) == 30
    assert points_of(searched(), "a study").next(undisturbed, "fp32") == ()
    (one_more,) = points_of(searched(trials=31), "a study").next(undisturbed, "fp32")
    assert points_of(searched(trials=31), "a study").key(one_more) not in keys(undisturbed)


def test_a_killed_study_proposes_the_same_points(undisturbed: list[FrozenTrial]) -> None:
    for number in (0, 1, 9, 10, 11, 20, 29):
        trials = undisturbed[:number]
        # Another process: nothing but the trials is left.
        run(points_of(searched(), "a study"), trials, 1)
        assert keys(trials) == keys(undisturbed[: number + 1])


def test_another_study_proposes_other_points(undisturbed: list[FrozenTrial]) -> None:
    assert keys(run(points_of(searched(), "another study"), [], 1)) != keys(undisturbed[:1])


def test_the_search_learns_from_values(undisturbed: list[FrozenTrial]) -> None:
    first, last = undisturbed[:10], undisturbed[20:]
    quantum = [sum(trial.params["attention"] == "quantum" for trial in part) for part in (first, last)]
    assert quantum[1] >= 6 > 4 >= quantum[0]


def test_a_failed_trial_teaches_nothing_and_a_running_one_does(undisturbed: list[FrozenTrial]) -> None:
    points, trials = points_of(searched(), "a study"), undisturbed[:12]
    again = points.known(undisturbed, "fp32")[12]
    (plain,) = points.next([*trials, told(points, again, TrialState.FAIL)], "fp32")
    (beside,) = points.next([*trials, told(points, again, TrialState.RUNNING)], "fp32")
    assert plain != beside


def test_many_slots_get_different_points_at_once() -> None:
    points = points_of(searched(), "a study")
    trials: list[FrozenTrial] = []
    for _ in range(12):
        trials += [told(points, point, TrialState.RUNNING) for point in points.next(trials, "fp32")]
    assert len(set(keys(trials))) == 12


def test_every_point_is_repeated_with_every_seed() -> None:
    points = points_of(searched(seeds=3), "a study")
    following = points.next([], "fp32")
    assert [point.seed for point in following] == [1, 2, 3]
    assert len({point.model_copy(update={"seed": 0}) for point in following}) == 1
    # Its first trial alone tells what the others are.
    assert points.known([told(points, following[0], TrialState.RUNNING)], "fp32") == following


def test_seeds_are_not_searched() -> None:
    one = points_of(searched(), "a study").next([], "fp32")[0]
    three = points_of(searched(seeds=3), "a study").next([], "fp32")[0]
    assert one == three


def test_unstarted_repetitions_of_a_pruned_point_are_no_points() -> None:
    points = points_of(searched(seeds=3), "a study")
    first, second, third = points.next([], "fp32")
    pruned, running = told(points, second, TrialState.PRUNED), told(points, first, TrialState.RUNNING)
    assert points.known([running, pruned], "fp32") == (first, second)
    assert points.known([told(points, first, TrialState.FAIL)], "fp32") == (first, second, third)


def test_pruned_repetitions_reduce_the_number_of_trials() -> None:
    points = points_of(searched(seeds=3, trials=4), "a study")
    first, *_ = points.next([], "fp32")
    assert points.size([]) == 12
    assert points.size([told(points, first, TrialState.RUNNING)]) == 12
    assert points.size([told(points, first, TrialState.PRUNED)]) == 10


def test_a_small_space_ends_the_search_before_its_trials_do() -> None:
    overrides = FEW | {"learning_rate": "1e-3", "dropout": "off", "ema_decay": "off", "decision": "posterior"}
    plan = searched(attentions=("none",), overrides=overrides, labels=("words", "phonemes"))
    trials = run(points_of(plan, "a study"), [], 3)
    assert sorted(trial.params["labels"] for trial in trials) == ["phonemes", "words"]
    assert points_of(plan, "a study").next(trials, "fp32") == ()


def test_a_grid_is_known_whole_and_proposes_nothing() -> None:
    plan = StudyPlan.from_options(StudyOptions(corpus="emodb", recipe="quick", attentions=("all",)))
    points = points_of(plan, "a study")
    assert points.known([], "bf16") == plan.points("bf16")
    assert points.next([], "bf16") == ()


def test_a_trial_that_somebody_has_queued_is_no_point() -> None:
    points = points_of(searched(), "a study")
    trials = run(points, [], 2)
    queued = create_trial(state=TrialState.WAITING)
    assert points.known([*trials, queued], "fp32") == points.known(trials, "fp32")
    assert points.size([*trials, queued]) == points.size(trials)
