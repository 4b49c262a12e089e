"""Records of a study in Optuna: points, the location of its runs, the inputs of identities, and its latest start."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ser.config import FoldConfiguration
from ser.corpora.corpus import Corpus
from ser.identity import RESULTS_VERSION, installed_torch_version
from ser.results import Fold
from tracking import schema


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

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> "IdentityInputs":
        """Parse the inputs as Optuna stores them."""
        return cls(tuple(Fold.model_validate(fold) for fold in stored["scheme"]), stored["device_type"])


@dataclass(frozen=True)
class StartRecord:
    """Facts of a study's latest start that reports show, stored beside its plan.

    Attributes:
        roots: Folder of its corpus by the name of each data directory that has started it, the latest last.
        notes: Notes on the corpus, and files of it that were skipped.
        commit: Git commit of the code; empty outside a checkout.
        dirty: Whether the checkout had uncommitted changes.
        torch: Version of torch.
        results_version: Version of the code's results.
    """

    roots: Mapping[str, str]
    notes: tuple[str, ...]
    commit: str
    dirty: bool
    torch: str
    results_version: int

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> "StartRecord":
        """Parse the record as Optuna stores it."""
        return cls(**{**stored, "notes": tuple(stored["notes"])})

    def root_of(self, home: str) -> str:
        """Return the folder of the corpus that a data directory has last named, else the one of the latest start."""
        return self.roots.get(home, list(self.roots.values())[-1])

    @classmethod
    def of(cls, corpus: Corpus, root: Path, home: str, tags: Mapping[str, str]) -> "StartRecord":
        """Record a start with the installed versions.

        Args:
            corpus: The corpus.
            root: Its folder, as the command names it.
            home: Name of the data directory.
            tags: Provenance tags, with the git commit.
        """
        skipped = (f"skipped: {file.name}: {file.reason}" for file in corpus.skipped)
        return cls(
            roots={home: str(root)},
            notes=(*corpus.notes, *skipped),
            commit=tags.get(schema.GIT_COMMIT, ""),
            dirty=tags.get(schema.GIT_DIRTY) == "true",
            torch=installed_torch_version(),
            results_version=RESULTS_VERSION,
        )
