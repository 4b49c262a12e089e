"""What exists of a trial before its folds are handed out: results that wait, finished folds, another study's trial."""

from collections.abc import Collection

from mlflow.entities import Run

from ser.errors import StudyError
from studies.coordination.trial_state import TrialState
from studies.coordination.trial_writer import TrialWriter
from tracking.outbox.outbox import Outbox
from tracking.reading.reader import Reader
from tracking.writing import payloads


class ResultReuse:
    """Takes over what earlier starts and other studies have left.

    Args:
        study: Name of the study.
        outbox: Where results wait.
        reader: Reads what any study has written.
        writer: Writes trials.
    """

    def __init__(self, study: str, outbox: Outbox, reader: Reader, writer: TrialWriter) -> None:
        self._study = study
        self._outbox = outbox
        self._reader = reader
        self._writer = writer

    def started_configurations(self) -> Collection[str]:
        """Digests of the configurations of which any study has begun a trial, for `take_over`."""
        return self._reader.started_configurations()

    def flush_outbox(self, trial: TrialState, waiting: Collection[str]) -> None:
        """Writes a trial's results that wait in the outbox.

        Args:
            trial: The trial.
            waiting: Identities of all folds that wait.
        """
        for identity in trial.folds:
            content = self._outbox.read(identity) if identity in waiting else None
            if content is not None:
                self._writer.record(trial, content)

    def reuse_finished_folds(self, trial: TrialState, begun: Collection[str] | None = None) -> float | None:
        """Notes the folds of a trial that are finished anywhere, and finishes it where none is missing.

        Args:
            trial: The trial.
            begun: What `begun_models` said, so that nothing is asked for a trial that nobody has begun; None asks.

        Returns:
            The trial's value, the mean validation UA of its folds, 0..1, where it is finished now, else None.
        """
        if begun is not None and payloads.model_digest(trial.point.configuration) not in begun and not trial.done:
            return None
        finished = self._finished_folds(trial)
        if not any(self._writer.owns(run) for run in finished.values()):
            # A trial with folds of its own stays its own, even if another study has completed the same one since.
            other = self._reader.find_reusable_trial(trial.identity, self._study)
            if other is not None:
                return self._writer.reuse(trial, other)
        for identity, run in finished.items():
            if identity not in trial.done:
                self._writer.mark_recorded(trial, self._reader.fold_result(run), run)
        if trial.missing:
            return None
        self._writer.ensure_started(trial)
        return self._writer.finish(trial)

    def adopt_foreign_run(self, trial: TrialState, identity: str) -> None:
        """Notes the run of a fold that another study needed, too, and has taken out of the outbox and written.

        Raises:
            StudyError: It has no run.
        """
        run = self._finished_folds(trial).get(identity)
        if run is None:
            raise StudyError(f"fold {identity} has left the outbox, but has no run; give the same command again")
        self._writer.mark_recorded(trial, self._reader.fold_result(run), run)

    def _finished_folds(self, trial: TrialState) -> dict[str, Run]:
        finished = self._reader.finished_folds(payloads.model_digest(trial.point.configuration))
        return {identity: run for identity, run in finished.items() if identity in trial.folds}
