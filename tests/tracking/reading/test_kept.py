import json
from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.toy_studies import NONE, SCHEME, trial_result
from tracking.analysis.kept import kept, read_kept
from tracking.analysis.trial_result import TrialResult

HOSTILE = '"scores":[[1.0]],"x'


def named(trial: TrialResult, name: str) -> TrialResult:
    """The trial, with that name wherever a user's words may stand."""
    folds = []
    for fold in trial.folds:
        test = fold.test.model_copy(update={"speakers": (name,) * len(fold.test.speakers)})
        own = {"fold": fold.fold.model_copy(update={"name": name}), "test": test, "environment": {name: name}}
        folds.append(fold.model_copy(update=own))
    return trial.model_copy(update={"folds": tuple(folds), "study": name})


@pytest.mark.parametrize("name", ["first", HOSTILE, "]]", "\\", '\\"scores":[['])
def test_what_a_report_reads_of_a_trial_is_as_it_was_written(name: str) -> None:
    trial = named(trial_result(NONE, "first", "run"), name)
    read = read_kept(trial.model_dump_json().encode())
    assert read == kept(trial)
    assert (read["study"], read["trial_id"], len(read["scheme"])) == (name, trial.trial_id, len(SCHEME))
    for mine, result in zip(read["folds"], trial.folds, strict=True):
        assert mine["test"]["speakers"] == result.test.speakers
        assert mine["test"]["predicted"] == result.test.predicted
        assert mine["validation"]["loss"] == result.validation.loss
        assert mine["configuration"] == result.configuration.model_dump(mode="json")
        assert mine["environment"] == {name: name}
        assert [each["values"]["training_loss"] for each in mine["curve"]] == [
            each.values["training_loss"] for each in result.curve
        ]


def test_scores_per_emotion_and_what_no_report_shows_are_left_out() -> None:
    trial = trial_result(NONE, "first", "run")
    assert trial.folds[0].test.scores
    (first, *_) = read_kept(trial.model_dump_json().encode())["folds"]
    assert "scores" not in first["test"]
    assert "scores" not in first["validation"]
    assert set(first["curve"][0]["values"]) == {"training_loss", "validation_ua"}


def test_a_trial_without_scores_or_folds_is_read() -> None:
    trial = trial_result(NONE, "first", "run")
    bare = [fold.model_copy(update={"test": fold.test.model_copy(update={"scores": ()})}) for fold in trial.folds]
    for folds in (tuple(bare), ()):
        other = trial.model_copy(update={"folds": folds})
        assert read_kept(other.model_dump_json().encode()) == kept(other)


@pytest.mark.parametrize(("part", "value"), [("predicted", ["x"]), ("actual", None), ("utterances", 3)])
def test_a_damaged_trial_is_refused(part: str, value: Any) -> None:
    damaged = json.loads(trial_result(NONE, "first", "run").model_dump_json())
    damaged["folds"][1]["test"][part] = value
    with pytest.raises(ValidationError, match=part):
        read_kept(json.dumps(damaged).encode())
