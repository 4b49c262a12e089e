"""Writing trials: their runs, the runs of their folds, and what the search is told.

A run is written before the search is told of it, so that a told trial is always a written one.
"""

from dataclasses import replace

from mlflow.entities import Run

from ser.results import FoldResult
from ser.training.checkpoint import result_of
from studies.coordination.trial_state import Trial
from studies.search.optuna_study import Search
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
        self, context: StudyContext, study_run: str, search: Search, outbox: Outbox, recorder: Recorder
    ) -> None:
        self._context = context
        self._study_run = study_run
        self._search = search
        self._outbox = outbox
        self._recorder = recorder

    def begin(self, trial: Trial) -> str:
        """Makes sure that a trial stands in Optuna and has a run; returns the run."""
        if trial.run_id is None:
            number = self._search.begin(trial.point)
            trial.point = replace(trial.point, number=number)
            trial.run_id = self._recorder.trial_run(self._study_run, trial.identity, trial.point.configuration)
        return trial.run_id

    def record(self, trial: Trial, content: bytes) -> None:
        """Writes a result's run, then lets it leave the outbox."""
        result = result_of(content)
        run = self._recorder.record_fold(self.begin(trial), content)
        self._outbox.remove(result.identity)
        self.keep(trial, result, run)

    def keep(self, trial: Trial, result: FoldResult, run: Run) -> None:
        """Counts a fold that has a run as done, and notes the run where it is another study's."""
        trial.keep(result)
        trial.recorded.add(result.identity)
        if not self.is_own(run):
            trial.elsewhere[result.identity] = str(run.info.run_id)

    def is_own(self, run: Run) -> bool:
        """Whether a run is this study's."""
        return bool(run.data.tags[schema.STUDY] == self._context.study)

    def adopt(self, trial: Trial, other: TrialResult) -> float:
        """Takes over a trial that another study has trained: its scores, no runs of folds; returns its value."""
        self.begin(trial)
        trial.results.clear()
        trial.elsewhere.clear()
        for result in other.folds:
            trial.keep(result)
        return self.finish(trial, reused_from=other.run_id)

    def finish(self, trial: Trial, reused_from: str | None = None) -> float:
        """Writes a whole trial; returns its value, the mean validation UA of its folds, 0..1."""
        run_id, number = self._begun(trial)
        self._settle_doubles(trial)
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
        if trial.elsewhere:
            tags[schema.REUSED_FOLDS] = ", ".join(trial.elsewhere.values())
        self._recorder.finish_trial(run_id, result, tags, trial.failures)
        self._search.report(number, trial.validation_ua)
        value = payloads.mean_validation_ua(result)
        self._search.complete(number, value)
        return value

    def give_up(self, trial: Trial) -> None:
        """Marks a trial that lacks folds; the next start of the study tries it again."""
        run_id, number = self._begun(trial)
        self._settle_doubles(trial)
        self._recorder.fail_trial(run_id, "\n".join(trial.given_up.values()), trial.failures)
        self._search.fail(number)

    def prune(self, trial: Trial, reason: str) -> None:
        """Marks a trial that is given up for good; one that never began is not written."""
        trial.pruned = reason
        if trial.point.number is not None:
            self._settle_doubles(trial)
            self._recorder.prune_trial(self.begin(trial), reason)
            self._search.prune(trial.point.number, reason)

    def _settle_doubles(self, trial: Trial) -> None:
        """Notes the runs that stand for folds of a trial which another home has written at the same time."""
        for identity, run in self._recorder.settle_doubles(trial.point.configuration).items():
            if identity in trial.recorded and not self.is_own(run):
                trial.elsewhere[identity] = str(run.info.run_id)

    def _begun(self, trial: Trial) -> tuple[str, int]:
        if trial.run_id is None or trial.point.number is None:
            raise RuntimeError(f"trial {trial.identity} was not begun")
        return trial.run_id, trial.point.number
