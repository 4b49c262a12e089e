"""Opened study: its Optuna study, its MLflow runs, its results on disk, and the identities of its folds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from mlflow.tracking import MlflowClient

from ser.config import FoldConfiguration, Precision
from ser.errors import StudyError
from ser.identity import fold_identity
from ser.results import Fold
from studies.planning.plan import StudyPlan
from studies.planning.study_name import study_name
from studies.search.optuna_study import OptunaStudy
from studies.search.records import IdentityInputs, Point, StudyLocation
from studies.search.summaries import StudySummary
from studies.storages.home import Home
from tracking.backend.client import connect, experiment_id
from tracking.results.store import ResultStore


def find_experiment(client: MlflowClient, home: Home, study: StudySummary, notify: Callable[[str], None]) -> str:
    """Find the experiment of a study's corpus by its name: its id is another one in a new MLflow database.

    Args:
        client: The tracking store.
        home: The data directory.
        study: The study.
        notify: Called with one line where the experiment was deleted, and is restored.

    Returns:
        MLflow's id; an experiment that is missing is created.
    """
    artifacts = home.artifacts if home.tracking_uri is None else None
    return experiment_id(client, study.plan.corpus_name, artifacts, notify)


@dataclass(frozen=True)
class StudySession:
    """Opened study.

    It reads and repairs. The recorder, which writes runs, is not part of it: only a coordinator has one.

    Attributes:
        plan: Its plan.
        home: The data directory.
        search: Its Optuna study.
        precision: Its resolved precision.
        client: The tracking store.
        location: Its experiment, corpus digest and fold scheme.
        identity_inputs: Folds and device type, which enter the identities of its folds.
    """

    plan: StudyPlan
    home: Home
    search: OptunaStudy
    precision: Precision
    client: MlflowClient
    location: StudyLocation
    identity_inputs: IdentityInputs

    @classmethod
    def reopen(cls, home: Home, summary: StudySummary, notify: Callable[[str], None]) -> "StudySession":
        """Open a study that was started before, without its corpus.

        Args:
            home: The data directory.
            summary: The study.
            notify: Called with one line where its experiment in MLflow was deleted, and is restored.

        Raises:
            StudyError: The study was never started, or was made by other versions.
        """
        search = OptunaStudy.reopen(home.storage, summary.name, summary.plan)
        location, identity_inputs, precision = summary.location, search.identity_inputs, search.precision
        if location is None or identity_inputs is None or precision is None:
            raise StudyError(f"study {summary.name} has no runs to check yet; run its command first")
        if study_name(summary.plan, location.corpus_digest, identity_inputs.device_type) != summary.name:
            raise StudyError(
                f"study {summary.name} was made by another version of torch or of this program, with other fold "
                "identities; check it with that version"
            )
        client = connect(home.tracking_uri_or_path)
        location = replace(location, experiment=find_experiment(client, home, summary, notify))
        return cls(summary.plan, home, search, precision, client, location, identity_inputs)

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.search.name

    @property
    def experiment(self) -> str:
        """Id of its MLflow experiment."""
        return self.location.experiment

    @property
    def scheme(self) -> tuple[Fold, ...]:
        """All folds, in order."""
        return self.identity_inputs.scheme

    @property
    def results(self) -> ResultStore:
        """Results on disk, of all studies of the data directory."""
        return ResultStore(self.home.results)

    def points(self) -> list[Point]:
        """Read all points that are known by now, each with its Optuna trial."""
        return self.search.points(self.precision)

    def folds_of(self, configuration: FoldConfiguration) -> Mapping[str, Fold]:
        """Return the folds of a configuration by identity, in the order of the scheme."""
        digest, device_type = self.location.corpus_digest, self.identity_inputs.device_type
        return {fold_identity(configuration, digest, fold, device_type): fold for fold in self.scheme}

    def is_complete(self, points: list[Point]) -> bool:
        """Return whether every point has ended, and no further one would be proposed."""
        ended = all(point.complete or point.pruned is not None for point in points)
        return ended and self.search.is_exhausted(self.precision)
