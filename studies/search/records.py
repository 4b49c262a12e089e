"""Records that a study keeps in Optuna: its points, where its runs are, and what identities are made of."""

from dataclasses import dataclass

from ser.config import FoldConfiguration
from ser.results import Fold


@dataclass(frozen=True)
class Point:
    """A point of the plan and the Optuna trial that stands for it.

    Attributes:
        configuration: The point.
        number: Optuna's number of its trial, or None where it has not begun.
        complete: Whether the search was told its value.
        pruned: Why it was given up, or None.
    """

    configuration: FoldConfiguration
    number: int | None
    complete: bool
    pruned: str | None = None


@dataclass(frozen=True)
class StudyLocation:
    """Where a study's runs are found, kept beside its plan.

    Attributes:
        experiment: Id of its MLflow experiment.
        corpus_digest: Digest of its corpus.
        scheme: Name of its fold scheme.
        folds: Number of folds of the scheme.
    """

    experiment: str
    corpus_digest: str
    scheme: str
    folds: int

    def same_data_as(self, other: "StudyLocation | None") -> bool:
        """Whether another study's results may stand in the same report: those of its corpus and fold scheme."""
        return other is not None and (self.corpus_digest, self.scheme) == (other.corpus_digest, other.scheme)


@dataclass(frozen=True)
class IdentityInputs:
    """What, beside the points, the identities of a study's folds rest on.

    Attributes:
        scheme: All folds, in order.
        device_type: 'cpu' or 'cuda'.
    """

    scheme: tuple[Fold, ...]
    device_type: str
