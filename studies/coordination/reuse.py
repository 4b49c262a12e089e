"""Reuse of existing results: outbox files, finished folds, trials of other studies."""

from collections.abc import Collection

from ser.errors import StudyError
from ser.training.checkpoint import StoredFold
from studies.coordination.trial_state import TrialState
from studies.coordination.trial_writer import TrialWriter
from studies.search.session import StudySession
from tracking.writing import payloads


class ResultReuse:
    """Reuse of what earlier starts and other studies have trained.

    Args:
        session: The study.
        writer: Writer of its trials.
    """

    def __init__(self, session: StudySession, writer: TrialWriter) -> None:
        self._session = session
        self._reader = session.reader
        self._writer = writer

    def started_configurations(self) -> Collection[str]:
        """Digests of the configurations of which any study has started a trial, for `reuse_finished_folds`."""
        return self._reader.started_configurations()

    def flush_outbox(self, trial: TrialState, pending: Collection[str]) -> None:
        """Write the runs of a trial's results that are in the outbox.

        Args:
            trial: The trial.
            pending: Identities of all results in the outbox.
        """
        for identity in trial.folds:
            content = self._session.outbox.read(identity) if identity in pending else None
            if content is not None:
                self._writer.record(trial, StoredFold.parse(content))

    def reuse_finished_folds(self, trial: TrialState, started: Collection[str] | None = None) -> float | None:
        """Add the folds of a trial that any study has finished, and finish the trial where none is missing.

        Args:
            trial: The trial.
            started: Result of `started_configurations`, so that nothing is asked for a trial that nobody has started;
                None asks.

        Returns:
            The trial's value, the mean validation UA of its folds, 0..1, where it is complete now, else None.
        """
        model = payloads.model_digest(trial.point.configuration)
        if started is not None and model not in started and len(trial.missing) == len(trial.folds):
            return None
        existing = self._reader.existing_results(model)
        finished = {identity: existing.folds[identity] for identity in trial.folds if identity in existing.folds}
        if not any(self._writer.owns(run) for run in finished.values()):
            # A trial with folds of this study stays this study's, even if another one has completed the same since.
            source = existing.reusable_trial(trial.identity, self._session.name)
            if source is not None:
                return self._writer.reuse(trial, self._reader.trial_result(source))
        for identity, run in finished.items():
            if not trial.states[identity].has_result:
                self._writer.mark_recorded(trial, self._reader.fold_result(run), run)
        if trial.missing:
            return None
        self._writer.ensure_started(trial)
        return self._writer.finish(trial)

    def adopt_foreign_run(self, trial: TrialState, identity: str) -> None:
        """Note the run of a fold whose result another study has taken out of the outbox and written.

        Raises:
            StudyError: It has no run.
        """
        run = self._reader.existing_results(payloads.model_digest(trial.point.configuration)).folds.get(identity)
        if run is None:
            raise StudyError(f"fold {identity} has left the outbox, but has no run; run the same command again")
        self._writer.mark_recorded(trial, self._reader.fold_result(run), run)
