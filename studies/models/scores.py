"""Scores of a model's decisions on speakers that it was not trained on, with intervals over the speakers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser.inference.description import Interval
from ser.metrics import class_recalls, confusion_matrix, unweighted_accuracy, weighted_accuracy
from tracking.analysis.statistics.sign_flip import ua_interval


@dataclass(frozen=True, eq=False)
class Decisions:
    """Decisions on utterances, once or by each of several networks.

    Attributes:
        actual: True class of each utterance, shape `(utterance,)`.
        predicted: Decided class, shape `(repetition, utterance)`.
        speakers: Speaker of each utterance.
        classes: Number of classes.
    """

    actual: NDArray[np.int64]
    predicted: NDArray[np.int64]
    speakers: Sequence[str]
    classes: int

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Confusion matrix over all repetitions, rows true, shape `(class, class)`."""
        actual = np.broadcast_to(self.actual, self.predicted.shape)
        return confusion_matrix(actual.ravel().tolist(), self.predicted.ravel().tolist(), self.classes)


@dataclass(frozen=True)
class ModelScores:
    """Scores of decisions.

    Attributes:
        ua: UA, 0..1.
        wa: WA, 0..1.
        ua_interval: 95% t interval of the UA over speakers; None with one speaker.
        wa_interval: The same of the WA.
        recalls: Recall of each class, 0..1; None for a class without utterances.
    """

    ua: float
    wa: float
    ua_interval: Interval | None
    wa_interval: Interval | None
    recalls: tuple[float | None, ...]


def score_decisions(decisions: Decisions) -> ModelScores:
    """Score decisions on at least one utterance."""
    confusion = decisions.confusion
    recalls = [None if np.isnan(recall) else float(recall) for recall in class_recalls(confusion)]
    return ModelScores(
        ua=unweighted_accuracy(confusion),
        wa=weighted_accuracy(confusion),
        ua_interval=_interval(decisions, decisions.actual, decisions.classes),
        # WA is the UA of utterances that are all of one class.
        wa_interval=_interval(decisions, np.zeros_like(decisions.actual), 1),
        recalls=tuple(recalls),
    )


def _interval(decisions: Decisions, classes_of_utterances: NDArray[np.int64], classes: int) -> Interval | None:
    correct = (decisions.predicted == decisions.actual).mean(axis=0)
    _, speakers = np.unique(np.asarray(decisions.speakers), return_inverse=True)
    interval = ua_interval(correct, classes_of_utterances, speakers, classes)
    return None if interval is None else (interval.low, interval.high)
