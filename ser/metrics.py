"""Confusion, recall, UA and WA of decisions on speech emotions.

The class set is the corpus's, given, never inferred: a class without test utterances has no recall
and is left out of UA, never counted as zero. A confusion matrix holds counts, shape `(class, class)`, rows true;
shares are 0..1.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ser.results import Evaluation


def confusion_matrix(actual: Sequence[int], predicted: Sequence[int], classes: int) -> NDArray[np.int64]:
    """Count decisions by true class (row) and decided class (column).

    Args:
        actual: True classes, 0 to classes - 1.
        predicted: Decided classes, 0 to classes - 1.
        classes: Number of classes.

    Returns:
        Counts, shape `(class, class)`.

    Examples:
        >>> confusion_matrix([0, 0, 1], [0, 1, 1], classes=2).tolist()
        [[1, 1], [0, 1]]
    """
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (np.asarray(actual, dtype=np.int64), np.asarray(predicted, dtype=np.int64)), 1)
    return matrix


def evaluation_confusion(evaluation: Evaluation, classes: int) -> NDArray[np.int64]:
    """Return the confusion matrix of an evaluation, shape `(class, class)`."""
    return confusion_matrix(evaluation.actual, evaluation.predicted, classes)


def class_recalls(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Recall of each class; NaN for a class without utterances.

    Returns:
        Recalls in 0..1, shape `(class,)`.
    """
    totals = confusion.sum(axis=1)
    shares = np.full(len(totals), np.nan)
    np.divide(np.diagonal(confusion), totals, out=shares, where=totals > 0)
    return shares


def class_precisions(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Precision of each class; NaN for a class that was never decided."""
    return class_recalls(confusion.T)


def class_f1_scores(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """F1 of each class, the harmonic mean of recall and precision; NaN for a class without utterances.

    Returns:
        F1 scores in 0..1, shape `(class,)`; 0 for a class that was never decided.

    Examples:
        >>> class_f1_scores(np.array([[3, 1], [0, 0]])).round(2).tolist()
        [0.86, nan]
    """
    utterances, decisions = confusion.sum(axis=1), confusion.sum(axis=0)
    scores = np.full(len(utterances), np.nan)
    np.divide(2 * np.diagonal(confusion), utterances + decisions, out=scores, where=utterances > 0)
    return scores


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Macro-F1: the mean F1 over the classes that have utterances.

    Raises:
        ValueError: There is no utterance at all.
    """
    scores = class_f1_scores(confusion)
    if np.isnan(scores).all():
        raise ValueError("macro-F1 of no utterances")
    return float(np.nanmean(scores))


def unweighted_accuracy(confusion: NDArray[np.int64]) -> float:
    """UA: the mean recall over the classes that have utterances.

    Raises:
        ValueError: There is no utterance at all.
    """
    return float(unweighted_accuracies(confusion[np.newaxis])[0])


def unweighted_accuracies(confusions: NDArray[np.int64]) -> NDArray[np.float64]:
    """UA of each of several confusion matrices.

    Args:
        confusions: Counts, shape `(matrix, class, class)`, rows true.

    Returns:
        UAs in 0..1, shape `(matrix,)`.

    Raises:
        ValueError: A matrix has no utterance at all.
    """
    totals = confusions.sum(axis=2)
    present = totals > 0
    classes = present.sum(axis=1)
    if not classes.all():
        raise ValueError("UA of no utterances")
    # Zeros stand for absent classes in the sum; `numpy.nanmean` gives the same numbers at five times the cost.
    hits = np.diagonal(confusions, axis1=1, axis2=2)
    shares = np.divide(hits, totals, out=np.zeros(totals.shape), where=present)
    return np.asarray(shares.sum(axis=1) / classes, dtype=np.float64)


def weighted_accuracy(confusion: NDArray[np.int64]) -> float:
    """WA: the share of correct decisions.

    Raises:
        ValueError: There is no utterance at all.
    """
    return float(weighted_accuracies(confusion[np.newaxis])[0])


def weighted_accuracies(confusions: NDArray[np.int64]) -> NDArray[np.float64]:
    """WA of each of several confusion matrices.

    Args:
        confusions: Counts, shape `(matrix, class, class)`, rows true.

    Returns:
        WAs in 0..1, shape `(matrix,)`.

    Raises:
        ValueError: A matrix has no utterance at all.
    """
    totals = confusions.sum(axis=(1, 2))
    if not totals.all():
        raise ValueError("WA of no utterances")
    return np.asarray(np.trace(confusions, axis1=1, axis2=2) / totals, dtype=np.float64)


def absent_classes(confusion: NDArray[np.int64]) -> tuple[int, ...]:
    """Classes without utterances, which UA leaves out."""
    return tuple(int(index) for index in np.flatnonzero(confusion.sum(axis=1) == 0))


def row_shares(confusion: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.float64]:
    """Shares of each true class by decision, shape `(class, class)`; zeros for a class without utterances."""
    totals = confusion.sum(axis=1, keepdims=True)
    shares = np.zeros(confusion.shape)
    np.divide(confusion, totals, out=shares, where=totals > 0)
    return shares
