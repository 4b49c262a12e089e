"""UA, WA, recall, precision, F1 and confusion against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_score, recall_score
from sklearn.metrics import confusion_matrix as sklearn_confusion

from ser.metrics import (
    absent_classes,
    class_f1_scores,
    class_precisions,
    class_recalls,
    confusion_matrix,
    evaluation_confusion,
    macro_f1,
    unweighted_accuracy,
    weighted_accuracy,
)
from ser.results import Evaluation

DECISIONS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=200)


@given(DECISIONS)
def test_metrics_equal_sklearns(decisions: list[tuple[int, int]]) -> None:
    actual, predicted = zip(*decisions, strict=True)
    matrix = confusion_matrix(actual, predicted, classes=5)
    assert np.array_equal(matrix, sklearn_confusion(actual, predicted, labels=range(5)))
    present = sorted(set(actual))
    theirs = recall_score(actual, predicted, labels=present, average=None, zero_division=0)
    np.testing.assert_allclose(class_recalls(matrix)[present], theirs)
    assert weighted_accuracy(matrix) == pytest.approx(accuracy_score(actual, predicted))
    assert unweighted_accuracy(matrix) == pytest.approx(np.mean(theirs))
    assert absent_classes(matrix) == tuple(index for index in range(5) if index not in present)


@given(DECISIONS)
def test_precision_and_f1_equal_sklearns(decisions: list[tuple[int, int]]) -> None:
    actual, predicted = zip(*decisions, strict=True)
    matrix, present, decided = confusion_matrix(actual, predicted, classes=5), sorted(set(actual)), set(predicted)
    theirs = f1_score(actual, predicted, labels=present, average=None, zero_division=0)
    np.testing.assert_allclose(class_f1_scores(matrix)[present], theirs)
    assert macro_f1(matrix) == pytest.approx(np.mean(theirs))
    precisions = precision_score(actual, predicted, labels=range(5), average=None, zero_division=np.nan)
    np.testing.assert_allclose(class_precisions(matrix), precisions)
    assert np.isnan(class_precisions(matrix)).tolist() == [label not in decided for label in range(5)]


@given(DECISIONS)
def test_ua_equals_balanced_accuracy_where_all_classes_are_there(decisions: list[tuple[int, int]]) -> None:
    actual, predicted = zip(*decisions, *((emotion, 0) for emotion in range(5)), strict=True)
    matrix = confusion_matrix(actual, predicted, classes=5)
    assert unweighted_accuracy(matrix) == pytest.approx(balanced_accuracy_score(actual, predicted))


def test_an_absent_class_is_left_out_of_ua_not_counted_as_zero() -> None:
    matrix = confusion_matrix([0, 0, 1], [0, 0, 2], classes=3)
    assert unweighted_accuracy(matrix) == pytest.approx(0.5)
    assert absent_classes(matrix) == (2,)
    assert np.isnan(class_recalls(matrix)[2])


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), min_size=1, max_size=300))
def test_ua_is_the_mean_of_recalls_to_the_last_digit(decisions: list[tuple[int, int]]) -> None:
    actual, predicted = zip(*decisions, strict=True)
    matrix = confusion_matrix(actual, predicted, classes=12)
    assert unweighted_accuracy(matrix) == np.nanmean(class_recalls(matrix))


def test_no_decisions_have_no_score() -> None:
    matrix = confusion_matrix([], [], classes=3)
    with pytest.raises(ValueError, match="UA of no utterances"):
        unweighted_accuracy(matrix)
    with pytest.raises(ValueError, match="WA of no utterances"):
        weighted_accuracy(matrix)
    with pytest.raises(ValueError, match="macro-F1 of no utterances"):
        macro_f1(matrix)


def test_an_evaluations_confusion_counts_its_decisions() -> None:
    evaluation = Evaluation(
        utterances=("a", "b", "c"),
        speakers=("s",) * 3,
        sessions=(None,) * 3,
        actual=(0, 1, 1),
        predicted=(1, 1, 0),
        scores=((0.2, 0.8),) * 3,
    )
    assert evaluation_confusion(evaluation, 2).tolist() == [[0, 1], [1, 1]]
