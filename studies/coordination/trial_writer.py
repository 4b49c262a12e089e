"""Writer of trials: their runs, the runs of their folds, and their values in Optuna.

A run is written before Optuna is told of it, so that the run of every trial that Optuna calls complete is finished.
"""

from dataclasses import replace

from mlflow.entities import Run

from ser.results import FoldResult
from ser.training.checkpoint import StoredFold
from studies.coordination.trial_state import FoldState, TrialState
from studies.search.session import StudySession
from tracking import schema
from tracking.analysis.trial_result import TrialResult
from tracking.writing import payloads
from tracking.writing.recorder import Recorder


class TrialWriter:
    """Only writer of a study's trials.

    Args:
        session: The study.
        recorder: Recorder of its runs.
        study_run: The study's run.
    """

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

    def record(self, trial: TrialState, fold: StoredFold) -> None:
        """Write the run of a fold, then remove its result from the outbox."""
        run = self._recorder.log_fold(self.ensure_started(trial), fold)
        self._session.outbox.remove(fold.result.identity)
        self.mark_recorded(trial, fold.result, run)

    def mark_recorded(self, trial: TrialState, result: FoldResult, run: Run) -> None:
        """Note the run of a fold: this study's, or another one's."""
        if self.owns(run):
            trial.add_result(result, FoldState.RECORDED)
        else:
            trial.external_runs[result.identity] = str(run.info.run_id)
            trial.add_result(result, FoldState.EXTERNAL)

    def owns(self, run: Run) -> bool:
        """Return whether a run is this study's."""
        return bool(run.data.tags[schema.STUDY] == self._session.name)

    def reuse(self, trial: TrialState, source: TrialResult) -> float:
        """Copy the scores of a trial that another study has trained, without runs of folds.

        Args:
            trial: The trial.
            source: The other study's trial.

        Returns:
            The trial's value, the mean validation UA of its folds, 0..1.
        """
        self.ensure_started(trial)
        trial.results.clear()
        trial.external_runs.clear()
        for result in source.folds:
            trial.add_result(result, FoldState.EXTERNAL)
        return self.finish(trial, reused_from=source.run_id)

    def finish(self, trial: TrialState, reused_from: str | None = None) -> float:
        """Write a complete trial; return its value, the mean validation UA of its folds, 0..1."""
        run_id, number = self._run_and_number(trial)
        self._supersede_duplicates(trial)
        result = TrialResult(
            study=self._session.name,
            recipe=self._session.plan.recipe,
            trial_id=trial.identity,
            scheme=self._session.scheme,
            folds=tuple(trial.results[identity] for identity in trial.folds),
            run_id=run_id,
            reused_from=reused_from,
        )
        tags = {} if reused_from is None else {schema.REUSED_FROM: reused_from}
        if trial.external_runs:
            tags[schema.REUSED_FOLDS] = ", ".join(trial.external_runs.values())
        self._recorder.finish_trial(run_id, result, tags, trial.failures)
        self._search.report_intermediate(number, trial.validation_ua)
        value = payloads.mean_validation_ua(result)
        self._search.complete(number, value)
        return value

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

    def is_pruned(self, trial: TrialState) -> bool:
        """Return whether a trial's run says that it was pruned."""
        return self._recorder.trial_is_pruned(trial.identity)

    def _supersede_duplicates(self, trial: TrialState) -> None:
        """Note the canonical runs of folds of a trial that another data directory has written at the same time."""
        for identity, run in self._recorder.supersede_duplicates(trial.point.configuration).items():
            has_own_run = identity in trial.external_runs or trial.states.get(identity) is FoldState.RECORDED
            if has_own_run and not self.owns(run):
                trial.external_runs[identity] = str(run.info.run_id)
                trial.states[identity] = FoldState.EXTERNAL

    def _run_and_number(self, trial: TrialState) -> tuple[str, int]:
        if trial.run_id is None or trial.point.number is None:
            raise RuntimeError(f"trial {trial.identity} has not started")
        return trial.run_id, trial.point.number
