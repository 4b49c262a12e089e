import pytest

from ser.checkpoint import result_of
from tests.tracking.studies_of_toys import NONE, SCHEME, trained, trial_result
from tracking.results import TrialResult, read_unscored

HOSTILE = '"scores":[[1.0]],"x'


def unscored(trial: TrialResult) -> TrialResult:
    folds = [
        fold.model_copy(
            update={part: getattr(fold, part).model_copy(update={"scores": ()}) for part in ("test", "validation")}
        )
        for fold in trial.folds
    ]
    return trial.model_copy(update={"folds": tuple(folds)})


def named(trial: TrialResult, name: str) -> TrialResult:
    """The trial, with that name wherever a user's words may stand."""
    folds = []
    for fold in trial.folds:
        test = fold.test.model_copy(update={"speakers": (name,) * len(fold.test.speakers)})
        own = {"fold": fold.fold.model_copy(update={"name": name}), "test": test, "environment": {name: name}}
        folds.append(fold.model_copy(update=own))
    return trial.model_copy(update={"folds": tuple(folds), "study": name})


@pytest.mark.parametrize("name", ["first", HOSTILE, "]]", "\\", '\\"scores":[['])
def test_a_trial_is_read_whole_but_for_its_scores(name: str) -> None:
    trial = named(trial_result(NONE, "first", "run"), name)
    assert trial.folds[0].test.scores
    assert read_unscored(trial.model_dump_json().encode()) == unscored(trial)


def test_a_trial_without_scores_or_folds_is_read_as_it_is() -> None:
    trial = trial_result(NONE, "first", "run")
    for other in (unscored(trial), trial.model_copy(update={"folds": ()})):
        assert read_unscored(other.model_dump_json().encode()) == other
    assert [fold.fold for fold in trial.folds] == list(SCHEME)
    assert trial.folds[0] == result_of(trained(NONE, 0))
