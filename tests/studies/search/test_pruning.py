"""Pruners on studies of made-up folds: what is compared with what, and when nothing is decided."""

from collections.abc import Mapping, Sequence

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from ser.errors import ConfigurationError
from studies.search.pruning import FoldPruner, check_pruner, make_pruner

# Speakers differ more than variants do: the first is easy, the fourth is hard.
SPEAKERS = (0.9, 0.6, 0.5, 0.2, 0.6, 0.7, 0.5, 0.6, 0.6, 0.7)


def pruner(name: str) -> FoldPruner:
    made = make_pruner(name)  # type: ignore[arg-type]
    assert made is not None
    return made


def folds(shift: float, number: int = len(SPEAKERS)) -> dict[int, float]:
    return {step: ua + shift for step, ua in enumerate(SPEAKERS[:number], start=1)}


def study_of(of: FoldPruner, shifts: Sequence[float]) -> optuna.Study:
    """A study whose complete trials are the speakers, each shifted."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    for shift in shifts:
        done = folds(shift)
        value = sum(done.values()) / len(done)
        reports = of.intermediate_values(done)
        study.add_trial(create_trial(state=TrialState.COMPLETE, value=value, intermediate_values=reports))
    return study


def verdict(of: FoldPruner, study: optuna.Study, done: Mapping[int, float]) -> str | None:
    return of.prune_reason(
        study, create_trial(state=TrialState.RUNNING, intermediate_values=of.intermediate_values(done))
    )


SHIFTS = (-0.02, -0.01, 0.0, 0.01, 0.02)


def test_the_median_is_of_means_over_the_same_folds() -> None:
    median = pruner("median")
    study = study_of(median, SHIFTS)
    assert verdict(median, study, folds(0.005, 4)) is None
    reason = verdict(median, study, folds(-0.015, 4))
    assert reason == (
        "its mean validation UA over the first 4 folds, 53.5%, is below the median of 5 complete trials over the same "
        "folds, 55.0%"
    )


def test_an_early_stroke_of_luck_does_not_keep_a_trial() -> None:
    median = pruner("median")
    lucky = {1: 1.0, 2: 0.1, 3: 0.1, 4: 0.1}
    assert verdict(median, study_of(median, SHIFTS), lucky) is not None


def test_running_means_end_at_the_first_missing_fold() -> None:
    assert pruner("median").intermediate_values({1: 0.5, 2: 0.7, 4: 0.1}) == {1: 0.5, 2: pytest.approx(0.6)}
    assert pruner("median").intermediate_values({2: 0.7}) == {}


@pytest.mark.parametrize(("done", "shifts"), [(2, SHIFTS), (0, SHIFTS), (9, SHIFTS[:4]), (9, ())])
def test_the_median_waits_for_three_folds_and_five_trials(done: int, shifts: Sequence[float]) -> None:
    median = pruner("median")
    assert verdict(median, study_of(median, shifts), folds(-0.2, done)) is None


def test_from_the_third_fold_on_the_median_decides() -> None:
    median = pruner("median")
    assert verdict(median, study_of(median, SHIFTS), folds(-0.2, 3)) is not None


def test_wilcoxon_compares_fold_by_fold_with_the_best_trial() -> None:
    wilcoxon = pruner("wilcoxon")
    study = study_of(wilcoxon, (-0.1, 0.0, -0.05))
    reason = verdict(wilcoxon, study, folds(-0.02, 8))
    assert reason is not None
    assert reason.startswith("over 8 folds its validation UA is below that of the best complete trial, number 1, by")
    # Fold for fold no worse, although its mean is far below the best trial's: its folds are the hard ones.
    hard = {step: folds(0.0)[step] + 0.001 * (-1) ** step for step in (2, 3, 4, 5, 7, 8, 9, 10)}
    assert verdict(wilcoxon, study, hard) is None


@pytest.mark.parametrize("done", [0, 3, 7])
def test_wilcoxon_waits_for_eight_folds(done: int) -> None:
    wilcoxon = pruner("wilcoxon")
    assert verdict(wilcoxon, study_of(wilcoxon, (0.0,)), folds(-0.2, done)) is None
    assert verdict(wilcoxon, study_of(wilcoxon, (0.0,)), folds(-0.2, 8)) is not None


def test_without_a_complete_trial_wilcoxon_says_nothing() -> None:
    assert verdict(pruner("wilcoxon"), study_of(pruner("wilcoxon"), ()), folds(-0.2, 9)) is None


def test_none_is_no_pruner() -> None:
    assert make_pruner("none") is None


def test_wilcoxon_is_refused_where_it_would_come_too_late() -> None:
    for name in ("none", "median"):
        check_pruner(name, 1, "given")  # type: ignore[arg-type]
    check_pruner("wilcoxon", 9, "groups")
    with pytest.raises(ConfigurationError, match="'wilcoxon' needs more than 8 folds, scheme groups has 8; use"):
        check_pruner("wilcoxon", 8, "groups")
