"""Linear support-vector machine on functionals of openSMILE: eGeMAPSv02 (88 numbers) or ComParE_2016 (6373)."""

from abc import ABC
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from typing_extensions import override

from ser.baselines.base import BaselineData, ClassicalBaseline, Progress, VectorsOfFold
from ser.baselines.vectors import describe_audio
from ser.feature_settings import OpenSmileSettings
from ser.features.frontends.opensmile import OpenSmileFrontEnd


class _FunctionalsFrontEnd(OpenSmileFrontEnd):
    feature_level = "Functionals"


class OpenSmileBaseline(ClassicalBaseline, ABC):
    """Linear support-vector machine with balanced classes, one against one, as the challenges' baselines have it.

    Its scores are a softmax of its decision function: they order the classes, and are no probabilities.
    """

    name = "linear SVM"
    inverse_penalties = (0.0001, 0.001, 0.01, 0.1)

    @override
    def describe(self, data: BaselineData, progress: Progress) -> VectorsOfFold:
        settings = OpenSmileSettings.model_validate({"feature_set": self.functionals})
        return describe_audio(data, _FunctionalsFrontEnd([settings]), progress)

    @override
    def fit(self, vectors: NDArray[np.float64], classes: NDArray[np.int64], inverse_penalty: float) -> Any:
        from sklearn.svm import SVC

        # The library's own linear kernel takes one product after the other: a second for 6373 numbers.
        return SVC(C=inverse_penalty, kernel=_products, class_weight="balanced").fit(vectors, classes)

    @override
    def scores(self, classifier: Any, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        decision = np.asarray(classifier.decision_function(vectors), dtype=np.float64)
        by_class = np.stack([-decision, decision], axis=1) if decision.ndim == 1 else decision
        return np.asarray(softmax(by_class, axis=1), dtype=np.float64)


class EgemapsBaseline(OpenSmileBaseline):
    """Linear SVM on the 88 functionals of eGeMAPSv02."""

    functionals = "eGeMAPSv02"


class CompareBaseline(OpenSmileBaseline):
    """Linear SVM on the 6373 functionals of ComParE_2016."""

    functionals = "ComParE_2016"


def _products(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the linear kernel, shape `(left utterance, right utterance)`."""
    return left @ right.T
