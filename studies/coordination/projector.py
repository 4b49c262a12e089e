"""Projection of a study's results into MLflow and Optuna, which show them and can be written again at any time.

A run is written before Optuna is told of it, so that the run of every trial that Optuna calls complete is finished.
"""

from dataclasses import replace

from mlflow.entities import Run

from studies.coordination.trial_state import TrialState
from studies.search.session import StudySession
from tracking import schema
from tracking.analysis.trial_result import TrialResult
from tracking.writing import payloads
from tracking.writing.recorder import Recorder


class Projector:
    """Only writer of a study's trials; every call may be repeated, and writes what is lacking."""

    def __init__(self, session: StudySession, recorder: Recorder, study_run: str) -> None:
        self._session = session
        self._search = session.search
        self._recorder = recorder
        self._study_run = study_run

    def ensure_started(self, trial: TrialState) -> str:
        """Make sure that a trial is in Optuna and has a run; return the run."""
        if trial.run_id is None:
            number = self._search.start_trial(trial.point)
            trial.point = replace(trial.point, number=number)
            trial.run_id = self._recorder.ensure_trial_run(self._study_run, trial.identity, trial.point.configuration)
        return trial.run_id

    def project(self, trial: TrialState) -> float | None:
        """Write the runs of a trial's results that MLflow lacks, and the trial's end where no fold is missing.

        Returns:
            Its value, the mean validation UA of its folds, 0..1, where it is complete now.

        Raises:
            SerError: The file of a result has become unreadable; the message names it.
        """
        for identity in trial.stored:
            fold = self._session.results.fold(identity)
            run = self._recorder.log_fold(self.ensure_started(trial), fold)
            trial.mark_recorded(fold.result, None if self._owns(run) else run)
        return self._finish(trial) if trial.is_recorded and trial.pruned is None else None

    def fail(self, trial: TrialState) -> None:
        """Mark a trial that lacks folds as failed; the next start of the study tries it again."""
        run_id, number = self._run_and_number(trial)
        self._supersede_duplicates(trial)
        reason = "\n".join(trial.failed_folds.values())
        self._recorder.fail_trial(run_id, reason, trial.failures)
        self._search.fail(number, reason)

    def prune(self, trial: TrialState, reason: str) -> None:
        """Mark a trial as pruned for good; one that never started is not written."""
        trial.pruned = reason
        if trial.point.number is not None:
            self._supersede_duplicates(trial)
            self._recorder.prune_trial(self.ensure_started(trial), reason)
            self._search.prune(trial.point.number, reason)

    def _finish(self, trial: TrialState) -> float:
        """Write the end of a complete trial; return its value."""
        run_id, number = self._run_and_number(trial)
        self._supersede_duplicates(trial)
        source = _source_trial(trial)
        result = TrialResult(
            study=self._session.name,
            recipe=self._session.plan.recipe,
            trial_id=trial.identity,
            scheme=self._session.scheme,
            folds=tuple(trial.results[identity] for identity in trial.folds),
            run_id=run_id,
            reused_from=source,
        )
        if source is not None:
            tags = {schema.REUSED_FROM: source}
        elif trial.external_runs:
            tags = {schema.REUSED_FOLDS: ", ".join(str(run.info.run_id) for run in trial.external_runs.values())}
        else:
            tags = {}
        self._recorder.finish_trial(run_id, result, tags, trial.failures)
        self._search.report_intermediate(number, trial.validation_ua)
        value = payloads.mean_validation_ua(result)
        self._search.complete(number, value)
        return value

    def _owns(self, run: Run) -> bool:
        return bool(run.data.tags.get(schema.STUDY) == self._session.name)

    def _supersede_duplicates(self, trial: TrialState) -> None:
        """Note the canonical runs of folds of a trial that another data directory has written at the same time."""
        for identity, run in self._recorder.supersede_duplicates(trial.point.configuration).items():
            if identity in trial.folds and not self._owns(run):
                trial.external_runs[identity] = run

    def _run_and_number(self, trial: TrialState) -> tuple[str, int]:
        if trial.run_id is None or trial.point.number is None:
            raise RuntimeError(f"trial {trial.identity} has not started")
        return trial.run_id, trial.point.number


def _source_trial(trial: TrialState) -> str | None:
    """Run of the trial of another study that has trained all folds of this one; None where there is none."""
    parents = {run.data.tags.get(schema.PARENT) for run in trial.external_runs.values()}
    if len(trial.external_runs) == len(trial.folds) and len(parents) == 1:
        return parents.pop()
    return None
