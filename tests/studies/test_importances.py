from itertools import product

import pytest

from studies import importances as module
from studies.importances import LEAST_TRIALS, importances_meanwhile
from tests.tracking.analysis.factory import World, configuration, table_of, trial
from tracking.analysis.overview import Overview, oversee
from tracking.analysis.report.background import Importances

WORLD = World(per_speaker=16)


def importances(overview: Overview) -> tuple[Importances, ...]:
    with importances_meanwhile(overview) as wait:
        return wait()


def swept(attention: str, *scopes: int, effect: float = 0.0) -> list:
    labels = (("words", 0.4), ("phonemes", 0.8))
    return [
        trial(WORLD, configuration(attention, scope=scope, labels=strategy), accuracy + effect * scope)
        for scope, (strategy, accuracy) in product(scopes, labels)
    ]


def test_the_setting_that_decides_is_the_most_important_one() -> None:
    trials = [*swept("none", 9), *swept("quantum", 9), *swept("local", 3, 5, 9), *swept("component", 3, 5)]
    every, windowed = importances(oversee(table_of(*trials)))
    assert (every.among, every.trials) == ("all trials", 14)
    assert set(every.shares) == {"attention", "labels"}
    assert every.shares["labels"] > 0.8
    assert windowed.trials == 10
    assert {"scope", "labels"} <= set(windowed.shares)
    for group in (every, windowed):
        assert sum(group.shares.values()) == pytest.approx(1)
        assert list(group.shares.values()) == sorted(group.shares.values(), reverse=True)


def test_importances_are_the_same_every_time() -> None:
    overview = oversee(table_of(*swept("none", 9), *swept("local", 3, 5, 9)))
    assert importances(overview) == importances(overview)


def test_few_trials_and_unfinished_ones_give_no_importance() -> None:
    trials = [*swept("none", 9), *swept("local", 3, 5), *swept("quantum", 9)]
    assert len(trials) == LEAST_TRIALS
    assert importances(oversee(table_of(*trials)))
    unfinished = trials[-1].model_copy(update={"folds": trials[-1].folds[:3]})
    assert importances(oversee(table_of(*trials[:-1], unfinished))) == ()


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
    assert importances(oversee(table_of(*trials))) == importances(oversee(table_of(*wrong)))


def test_another_process_computes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    overview = oversee(table_of(*swept("none", 9), *swept("local", 3, 5, 9)))
    here = importances(overview)
    monkeypatch.setattr(module, "MANY_TRIALS", 1)
    monkeypatch.setattr(module, "variance_shares", None)
    assert importances(overview) == here


def test_a_process_that_fails_is_no_empty_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    overview = oversee(table_of(*swept("none", 9), *swept("local", 3, 5, 9)))
    monkeypatch.setattr(module, "MANY_TRIALS", 1)
    monkeypatch.setattr(module.sys, "executable", "false")
    with pytest.raises(RuntimeError, match="ended with status 1"):
        importances(overview)


def test_a_report_that_fails_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    overview = oversee(table_of(*swept("none", 9), *swept("local", 3, 5, 9)))
    monkeypatch.setattr(module, "MANY_TRIALS", 1)
    started = []
    popen = module.subprocess.Popen
    monkeypatch.setattr(module.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[0])
    with pytest.raises(KeyError), importances_meanwhile(overview):
        raise KeyError
    assert started[0].returncode == -9
