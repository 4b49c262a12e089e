"""Coordinator: it dispatches folds, takes their results, and is the only writer of its study.

A result is on disk before anything refers to it. After a kill at any moment, the next start of the study finds the
results on disk, of whatever study, and trains only what is missing. While folds are trained, all reading and writing
of databases and servers is left to background threads, for each trial in the order in which it came about, so that no
worker waits for a server that is unavailable.
"""

import time
from collections import deque
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ser.feature_settings import FeatureSettings
from studies.coordination.projector import Projector
from studies.coordination.retries import STALL_TIMEOUT_S, RetryPolicy
from studies.coordination.trial_state import FoldState, TrialState, compute_progress
from studies.execution.base import Event, Executor, Failed, Finished, FoldTask, Progress
from studies.monitoring.events import FoldFailure, StudyCallback, StudyProgress
from studies.search.records import Point
from studies.search.session import StudySession
from tracking.analysis.variants.naming import trial_run_name
from tracking.backend.errors import redact_password
from tracking.writing.background_writer import BackgroundWriter

_WAIT_S = 1.0
LEASE_CHECK_S = 15.0
"""Time after which the study's lease is checked, however long no fold ends."""


class Coordinator:
    """Coordinator of one study.

    Args:
        session: The study.
        points: Its points.
        stores: Path of the feature store of each front end.
        projector: Writer of its trials.
        executor: Trains folds.
        callback: Called with the study's progress.
        background: Threads that read and write while folds are trained.
        stall_timeout_s: Time without a finished epoch after which a fold is cancelled and tried again; None for never.
    """

    def __init__(
        self,
        session: StudySession,
        points: list[Point],
        stores: Mapping[FeatureSettings, Path],
        projector: Projector,
        executor: Executor,
        callback: StudyCallback,
        background: BackgroundWriter,
        stall_timeout_s: float | None = STALL_TIMEOUT_S,
    ) -> None:
        self._session = session
        self._search = session.search
        self._results = session.results
        self._stores = stores
        self._projector = projector
        self._executor = executor
        self._callback = callback
        self._background = background
        self._retries = RetryPolicy(stall_timeout_s)
        self._ended = sum(point.complete or point.pruned is not None for point in points)
        self._points = max(len(points), self._search.size)
        values = self._search.completed_values()
        keys = {self._search.key(point.configuration): point.configuration for point in points if point.complete}
        self._values = {
            key: (trial_run_name(configuration), values[key]) for key, configuration in keys.items() if key in values
        }
        open_trials = self._trials_of([point for point in points if not point.complete])
        self._pruned = [trial for trial in open_trials if trial.point.pruned is not None]
        self._trials = [trial for trial in open_trials if trial.point.pruned is None]
        self._queue: deque[tuple[TrialState, str]] = deque()
        self._in_flight: dict[str, TrialState] = {}
        self._reused = 0
        self._last_progress: StudyProgress | None = None
        self._proposal_pending = False
        self._exhausted = False
        self._proposed: list[TrialState] = []
        self._lease_checked_s = time.monotonic()

    def run(self) -> list[str]:
        """Train what is missing and record everything.

        Returns:
            Failures, one text per fold; empty when the study is complete.

        Raises:
            UnavailableError: Everything is trained, and a database or server that must be written is unavailable.
        """
        self._enqueue_trials(self._trials)
        for trial in self._pruned:
            self._finish_pruned(trial)
        self._publish_progress()
        while self._queue or self._in_flight or self._wait_for_proposal():
            self._dispatch()
            # Folds are queued and none is in flight where a cluster has lost its last node: the executor notices the
            # next one.
            for event in self._executor.wait(_WAIT_S) if self._in_flight or self._queue else ():
                self._handle_event(event)
            for identity in self._retries.find_stalled():
                self._executor.cancel(identity)
            self._renew_lease()
        failed = [trial for trial in self._trials if trial.failed_folds and trial.pruned is None]
        for trial in failed:
            self._background.submit(partial(self._projector.fail, trial))
        self._background.flush()
        self._publish_progress()
        return [reason for trial in failed for reason in trial.failed_folds.values()]

    def _renew_lease(self) -> None:
        """Stop where another coordinator has the study; a lease that was lost otherwise is acquired again soon."""
        self._background.raise_failure()
        if time.monotonic() - self._lease_checked_s > LEASE_CHECK_S:
            self._lease_checked_s = time.monotonic()
            self._background.renew_lease()

    def _request_proposal(self) -> bool:
        """Ask the search for the next point, behind all pending writes; return whether a fold is queued by now."""
        if not self._exhausted and not self._proposal_pending:
            self._proposal_pending = True
            self._background.submit(self._enqueue_proposal)
        if self._proposal_pending:
            self._background.wait(_WAIT_S)
        return bool(self._queue)

    def _wait_for_proposal(self) -> bool:
        """Return whether the search proposes a point when nothing else is left to do."""
        if not self._request_proposal():
            self._background.flush()
        return bool(self._queue)

    def _enqueue_proposal(self) -> None:
        """Queue the folds of the next point that the search proposes and that lacks any."""
        while not self._queue and not self._exhausted:
            if not self._proposed:
                self._proposed = self._trials_of(self._search.propose(self._session.precision))
                self._trials += self._proposed
                self._exhausted = not self._proposed
            # Repeated after an outage, this goes on with the same trials.
            self._enqueue_trials(self._proposed)
            self._proposed = []
        self._proposal_pending = False

    def _enqueue_trials(self, trials: list[TrialState]) -> None:
        """Project the results of trials that exist, and queue the folds that are missing."""
        for trial in trials:
            if not trial.stored:
                self._check_pruning(trial)
            elif self._search.is_order_dependent:
                # Whether the other folds of a trial are trained depends on those that exist.
                self._background.check_lease()
                self._project(trial)
            else:
                self._background.submit(partial(self._project, trial), self._queue_key(trial))
        # Last, since all before it may be repeated after an outage, and no fold may be queued twice.
        self._queue.extend((trial, identity) for trial in trials for identity in trial.missing)
        self._reused += sum(len(trial.folds) - len(trial.missing) for trial in trials)

    def _dispatch(self) -> None:
        """Fill the free slots; a fold that has failed in every free slot is deferred."""
        deferred: list[tuple[TrialState, str]] = []
        while self._executor.free_slots() and (self._queue or (not deferred and self._request_proposal())):
            trial, identity = self._queue.popleft()
            if trial.pruned is not None:
                continue
            fold, avoid = trial.folds[identity], self._retries.failed_in(identity)
            store = self._stores[trial.point.configuration.features]
            task = FoldTask(identity, trial.point.configuration, fold, store, avoid)
            if not self._executor.can_take(task):
                deferred.append((trial, identity))
                continue
            if trial.run_id is None:
                self._background.submit(partial(self._projector.ensure_started, trial), self._queue_key(trial))
            trial.states[identity] = FoldState.RUNNING
            self._in_flight[identity] = trial
            self._retries.begin(identity)
            self._executor.submit(task)
        self._queue.extendleft(reversed(deferred))

    def _handle_event(self, event: Event) -> None:
        trial = self._in_flight.get(event.identity)
        if trial is None:
            # A fold's last progress travels another way than its result and may come after it.
            return
        name = trial.fold_name(event.identity)
        match event:
            case Progress(identity=identity, slot=slot, record=record):
                self._retries.heartbeat(identity)
                self._callback.on_epoch_end(slot, name, trial.point.configuration.epochs, record)
            case Finished(identity=identity, slot=slot, content=content):
                self._results.put(identity, content)
                trial.states[identity] = FoldState.STORED
                del self._in_flight[identity]
                self._retries.end(identity)
                self._background.submit(partial(self._project, trial), self._queue_key(trial))
                self._callback.on_fold_end(slot, name)
                self._publish_progress()
            case Failed():
                del self._in_flight[event.identity]
                self._handle_failure(trial, event, name)

    def _handle_failure(self, trial: TrialState, failed: Failed, name: str) -> None:
        """Queue a failed fold again, behind all others, or give it up."""
        reason, attempts_left = self._retries.fail(failed)
        trial.states[failed.identity] = FoldState.QUEUED
        if trial.pruned is not None:
            return
        reason, details = redact_password(reason), redact_password(failed.traceback)
        text = f"{name}: {reason}\n{details}"
        trial.failures.append(text)
        self._callback.on_fold_failed(FoldFailure(failed.slot, name, reason, details, attempts_left))
        if attempts_left > 0:
            self._queue.append((trial, failed.identity))
        else:
            trial.states[failed.identity] = FoldState.FAILED
            trial.failed_folds[failed.identity] = text

    def _project(self, trial: TrialState) -> None:
        """Write what MLflow and Optuna lack of a trial's results, and what follows from it for the trial."""
        if trial.complete:
            return
        value = self._projector.project(trial)
        if trial.pruned is not None:
            trial.release_results()
        elif value is None:
            self._check_pruning(trial)
        else:
            configuration = trial.point.configuration
            self._values[self._search.key(configuration)] = trial_run_name(configuration), value
            trial.complete = True
            trial.release_results()

    def _check_pruning(self, trial: TrialState) -> None:
        """Prune a started trial that lacks folds, and with it its point, where its recorded folds say so."""
        if not self._search.is_order_dependent or trial.point.number is None:
            return
        if not trial.missing or trial.failed_folds or trial.pruned is not None:
            return
        self._search.report_intermediate(trial.point.number, trial.validation_ua)
        reason = self._search.prune_reason(trial.point.number)
        if reason is not None:
            self._prune(trial, reason)

    def _prune(self, trial: TrialState, reason: str) -> None:
        """Prune a trial and the open repetitions of its point; folds in flight may end and are recorded.

        The trial itself comes last: once it is written, so are its repetitions.
        """
        seed = trial.point.configuration.seed
        for repetition in self._trials:
            is_open = bool(repetition.missing) and repetition.pruned is None
            if repetition is not trial and is_open and repetition.is_repetition_of(trial):
                repetition.pruned = f"its repetition with seed {seed} was pruned: {reason}"
                self._background.submit(partial(self._projector.prune, repetition, repetition.pruned))
        trial.pruned = reason
        self._background.submit(partial(self._projector.prune, trial, reason))

    def _finish_pruned(self, trial: TrialState) -> None:
        """Write what a kill left unwritten of a pruned trial."""
        if trial.point.pruned is not None:
            trial.pruned = trial.point.pruned
            self._background.check_lease()
            self._projector.project(trial)
            self._prune(trial, trial.pruned)

    def _queue_key(self, trial: TrialState) -> str | None:
        """Key of the writes that keep a trial's order: the trial, or None, for all writes, in a search."""
        return None if self._search.is_order_dependent else trial.identity

    def _trials_of(self, points: list[Point]) -> list[TrialState]:
        stored = self._results.identities()
        return [TrialState.of(point, self._session.folds_of(point.configuration), stored) for point in points]

    def _publish_progress(self) -> None:
        folds = len(self._session.scheme)
        progress = compute_progress(
            self._trials, self._points, self._ended, self._reused, folds, list(self._values.values())
        )
        if progress != self._last_progress:
            self._callback.on_progress(progress)
        self._last_progress = progress
