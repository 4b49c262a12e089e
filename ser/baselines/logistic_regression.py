"""Logistic regression: the classifier of baselines on any functionals."""

from abc import ABC
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ser.baselines.base import ClassicalBaseline

# Enough for the solver to converge on a few thousand utterances of a thousand standardised numbers.
_ITERATIONS = 5000


class LogisticRegressionBaseline(ClassicalBaseline, ABC):
    """Logistic regression with balanced classes, since UA weighs them alike."""

    name = "logistic regression"
    inverse_penalties = (0.001, 0.01, 0.1, 1.0)

    @override
    def fit(self, vectors: NDArray[np.float64], classes: NDArray[np.int64], inverse_penalty: float) -> Any:
        # Only here: every start of a study would wait for more than a second, and most need no baseline.
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=inverse_penalty, class_weight="balanced", max_iter=_ITERATIONS)
        return model.fit(vectors, classes)

    @override
    def scores(self, classifier: Any, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        # The columns are the classes in order, since every class is among the training utterances.
        return np.asarray(classifier.predict_proba(vectors), dtype=np.float64)
