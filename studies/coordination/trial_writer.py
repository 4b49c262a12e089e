"""Writing trials: their runs, the runs of their folds, and what the search is told.

A run is written before the search is told of it, so that a told trial is always a written one.
"""

from dataclasses import replace

from mlflow.entities import Run

from ser.results import FoldResult
from ser.training.checkpoint import parse_result
from studies.coordination.trial_state import TrialState
from studies.search.optuna_study import OptunaStudy
from tracking import schema
from tracking.analysis.trial_result import TrialResult
from tracking.context import StudyContext
from tracking.outbox.outbox import Outbox
from tracking.writing import payloads
from tracking.writing.recorder import Recorder


class TrialWriter:
    """The only writer of a study's trials.

    Args:
        context: The study.
        study_run: The study's run.
        search: Its memory in Optuna.
        outbox: Where results are kept first.
        recorder: Writes its runs.
    """

    def __init__(
        self, context: StudyContext, study_run: str, search: OptunaStudy, outbox: Outbox, recorder: Recorder
    ) -> None:
        self._context = context
        self._study_run = study_run
        self._search = search
        self._outbox = outbox
        self._recorder = recorder

    def ensure_started(self, trial: TrialState) -> str:
        """Makes sure that a trial stands in Optuna and has a run; returns the run."""
        if trial.run_id is None:
            number = self._search.start_trial(trial.point)
            trial.point = replace(trial.point, number=number)
            trial.run_id = self._recorder.ensure_trial_run(self._study_run, trial.identity, trial.point.configuration)
        return trial.run_id

    def record(self, trial: TrialState, content: bytes) -> None:
        """Writes a result's run, then lets it leave the outbox."""
        result = parse_result(content)
        run = self._recorder.log_fold(self.ensure_started(trial), content)
        self._outbox.remove(result.identity)
        self.mark_recorded(trial, result, run)

    def mark_recorded(self, trial: TrialState, result: FoldResult, run: Run) -> None:
        """Counts a fold that has a run as done, and notes the run where it is another study's."""
        trial.add_result(result)
        trial.recorded.add(result.identity)
        if not self.owns(run):
            trial.external_runs[result.identity] = str(run.info.run_id)

    def owns(self, run: Run) -> bool:
        """Whether a run is this study's."""
        return bool(run.data.tags[schema.STUDY] == self._context.study)

    def reuse(self, trial: TrialState, other: TrialResult) -> float:
        """Takes over a trial that another study has trained: its scores, no runs of folds; returns its value."""
        self.ensure_started(trial)
        trial.results.clear()
        trial.external_runs.clear()
        for result in other.folds:
            trial.add_result(result)
        return self.finish(trial, reused_from=other.run_id)

    def finish(self, trial: TrialState, reused_from: str | None = None) -> float:
        """Writes a whole trial; returns its value, the mean validation UA of its folds, 0..1."""
        run_id, number = self._begun(trial)
        self._supersede_duplicates(trial)
        result = TrialResult(
            study=self._context.study,
            recipe=self._context.recipe,
            trial_id=trial.identity,
            scheme=self._context.scheme,
            folds=tuple(trial.results[identity] for identity in trial.folds),
            run_id=run_id,
            reused_from=reused_from,
        )
        tags = {} if reused_from is None else {schema.REUSED_FROM: reused_from}
        if trial.external_runs:
            tags[schema.REUSED_FOLDS] = ", ".join(trial.external_runs.values())
        self._recorder.finish_trial(run_id, result, tags, trial.failures)
        self._search.report(number, trial.validation_ua)
        value = payloads.mean_validation_ua(result)
        self._search.complete(number, value)
        return value

    def fail(self, trial: TrialState) -> None:
        """Marks a trial that lacks folds; the next start of the study tries it again."""
        run_id, number = self._begun(trial)
        self._supersede_duplicates(trial)
        self._recorder.fail_trial(run_id, "\n".join(trial.failed_folds.values()), trial.failures)
        self._search.fail(number)

    def prune(self, trial: TrialState, reason: str) -> None:
        """Marks a trial that is given up for good; one that never began is not written."""
        trial.pruned = reason
        if trial.point.number is not None:
            self._supersede_duplicates(trial)
            self._recorder.prune_trial(self.ensure_started(trial), reason)
            self._search.prune(trial.point.number, reason)

    def _supersede_duplicates(self, trial: TrialState) -> None:
        """Notes the runs that stand for folds of a trial which another home has written at the same time."""
        for identity, run in self._recorder.supersede_duplicates(trial.point.configuration).items():
            if identity in trial.recorded and not self.owns(run):
                trial.external_runs[identity] = str(run.info.run_id)

    def _begun(self, trial: TrialState) -> tuple[str, int]:
        if trial.run_id is None or trial.point.number is None:
            raise RuntimeError(f"trial {trial.identity} was not begun")
        return trial.run_id, trial.point.number
