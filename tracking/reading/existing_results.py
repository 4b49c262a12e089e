"""Existing results of one configuration: finished folds and trials of any study."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mlflow.entities import Run

from tracking import schema
from tracking.backend.artifacts import has_result_artifact
from tracking.backend.queries import is_finished


@dataclass(frozen=True)
class ExistingResults:
    """Finished runs of one configuration whose result files exist.

    Attributes:
        folds: Fold runs by fold identity.
        trials: Trial runs, the oldest first.
    """

    folds: Mapping[str, Run]
    trials: tuple[Run, ...]

    @classmethod
    def from_runs(cls, runs: Iterable[Run]) -> "ExistingResults":
        """Select the finished runs with a result file from all runs of a configuration.

        Args:
            runs: Trial runs and fold runs, the oldest first.
        """
        complete = [run for run in runs if is_finished(run) and has_result_artifact(run)]
        folds = {run.data.tags[schema.FOLD_IDENTITY]: run for run in complete if run.data.tags[schema.KIND] == "fold"}
        return cls(folds, tuple(run for run in complete if run.data.tags[schema.KIND] == "trial"))

    def reusable_trial(self, trial_id: str, study: str) -> Run | None:
        """Find the run of a trial that another study has trained itself.

        Args:
            trial_id: Identity of the trial.
            study: Name of the study that would reuse it.
        """
        for run in self.trials:
            tags = run.data.tags
            if tags[schema.TRIAL_ID] == trial_id and tags[schema.STUDY] != study and schema.REUSED_FROM not in tags:
                return run
        return None
