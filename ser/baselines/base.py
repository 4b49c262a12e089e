"""Interface of a classical baseline: functionals of each utterance, and a linear classifier with one penalty."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ser.config import Normalisation
from ser.corpora.corpus import Corpus
from ser.features.store import FeatureStore
from ser.results import Fold, FunctionalsName

VectorsOfFold = Callable[[Fold], NDArray[np.float64]]
"""Function that returns the vectors of all utterances as a fold normalises them, shape `(utterance, number)`."""

Progress = Callable[[int, int], None]
"""Called with the steps done and their number."""


@dataclass(frozen=True)
class BaselineData:
    """Data that a baseline is trained on.

    Attributes:
        corpus: The corpus, in the order of the store.
        store: Raw frames of the front end; functionals that are not made of frames do not read it.
        normalisation: Normalisation of the frames, or of the functionals.
    """

    corpus: Corpus
    store: FeatureStore
    normalisation: Normalisation


class ClassicalBaseline(ABC):
    """Classical baseline.

    Attributes:
        name: Readable name of the classifier.
        functionals: Set of functionals.
        inverse_penalties: Values of C, ascending, among which each fold's validation speakers choose.
    """

    name: ClassVar[str]
    functionals: ClassVar[FunctionalsName]
    inverse_penalties: ClassVar[tuple[float, ...]]

    @abstractmethod
    def describe(self, data: BaselineData, progress: Progress) -> VectorsOfFold:
        """Compute the functionals of all utterances.

        Raises:
            SerError: They cannot be computed; the text says why.
        """

    @abstractmethod
    def fit(self, vectors: NDArray[np.float64], classes: NDArray[np.int64], inverse_penalty: float) -> Any:
        """Train the classifier.

        Args:
            vectors: Standardised vectors of the training utterances, shape `(utterance, number)`.
            classes: Their classes, shape `(utterance,)`; every class occurs.
            inverse_penalty: C.

        Returns:
            The fitted classifier of scikit-learn.
        """

    @abstractmethod
    def scores(self, classifier: Any, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores of a fitted classifier, shape `(utterance, class)`; each row sums to 1."""
