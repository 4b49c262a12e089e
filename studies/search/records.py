"""Records of a study in Optuna: points, the location of its runs, and the inputs of identities."""

from dataclasses import dataclass

from ser.config import FoldConfiguration
from ser.results import Fold


@dataclass(frozen=True)
class Point:
    """Point of a plan with its Optuna trial.

    Attributes:
        configuration: The point.
        number: Number of its Optuna trial, or None where it has not started.
        complete: Whether Optuna has its value.
        pruned: Reason for which it was pruned, or None.
    """

    configuration: FoldConfiguration
    number: int | None
    complete: bool
    pruned: str | None = None


@dataclass(frozen=True)
class StudyLocation:
    """Location of a study's runs, stored beside its plan.

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

    def same_data_as(self, location: "StudyLocation | None") -> bool:
        """Return whether another study has the same corpus and fold scheme, so that one report may show both."""
        return location is not None and (self.corpus_digest, self.scheme) == (location.corpus_digest, location.scheme)


@dataclass(frozen=True)
class IdentityInputs:
    """Inputs of fold identities that all points of a study share.

    Attributes:
        scheme: All folds, in order.
        device_type: 'cpu' or 'cuda'.
    """

    scheme: tuple[Fold, ...]
    device_type: str
