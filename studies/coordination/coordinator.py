"""The coordinator: hands out folds, takes in results, and is the only writer of its study.

A result is on disk in the outbox before anything is told of it; then its run is written; then it
leaves the outbox. Killed anywhere, the same study finds at its next start what is finished and
what waits in the outbox, and trains only the rest. While folds are trained everything that reads or
writes a database or server is left to a sender, for each trial in the order in which it came about, so
that no worker waits for one that is away.
"""

import time
from collections import deque
from collections.abc import Collection
from functools import partial
from pathlib import Path

from ser.training.checkpoint import parse_result
from studies.coordination.retries import STALL_TIMEOUT_S, RetryPolicy
from studies.coordination.reuse import ResultReuse
from studies.coordination.trial_state import TrialState, compute_progress
from studies.coordination.trial_writer import TrialWriter
from studies.execution.base import Event, Executor, Failed, Finished, FoldTask, Progress
from studies.monitoring.events import FoldFailure, StudyCallback, StudyProgress
from studies.search.optuna_study import OptunaStudy
from studies.search.records import Point
from tracking.context import StudyContext
from tracking.outbox.background_writer import BackgroundWriter
from tracking.outbox.outbox import Outbox
from tracking.reading.reader import Reader
from tracking.writing.payloads import trial_run_name
from tracking.writing.recorder import Recorder

_WAIT_S = 1.0
HOLD_EVERY_S = 15.0
"""Time after which it is made sure that the study is still held, however long no fold ends."""


class Coordinator:
    """Runs one study to its end.

    Args:
        context: The study.
        study_run: The study's run.
        points: Its points.
        search: Its memory in Optuna.
        store: Path of the feature store.
        device_type: 'cpu' or 'cuda'.
        outbox: Where results are kept first.
        recorder: Writes its runs.
        reader: Reads what any study has written.
        executor: Computes folds.
        observer: Is told what happens.
        sender: Carries out what is read and written while folds are trained.
        stall_timeout_s: Time without an ended epoch after which a fold is ended and tried again, or None for never.
    """

    def __init__(
        self,
        context: StudyContext,
        study_run: str,
        points: list[Point],
        search: OptunaStudy,
        store: Path,
        device_type: str,
        outbox: Outbox,
        recorder: Recorder,
        reader: Reader,
        executor: Executor,
        observer: StudyCallback,
        sender: BackgroundWriter,
        stall_timeout_s: float | None = STALL_TIMEOUT_S,
    ) -> None:
        self._context = context
        self._search = search
        self._store = store
        self._outbox = outbox
        self._recorder = recorder
        self._writer = TrialWriter(context, study_run, search, outbox, recorder)
        self._earlier = ResultReuse(context.study, outbox, reader, self._writer)
        self._executor = executor
        self._observer = observer
        self._sender = sender
        self._device_type = device_type
        self._attempts = RetryPolicy(stall_timeout_s)
        self._ended = sum(point.complete or point.pruned is not None for point in points)
        self._points = max(len(points), search.size)
        values = search.completed_values()
        complete = [point.configuration for point in points if point.complete]
        self._values = {search.key(each): (trial_run_name(each), values[search.key(each)]) for each in complete}
        open_points = [point for point in points if not point.complete]
        self._pruned = [self._trial_of(point) for point in open_points if point.pruned is not None]
        self._trials = [self._trial_of(point) for point in open_points if point.pruned is None]
        self._queue: deque[tuple[TrialState, str]] = deque()
        self._in_flight: dict[str, TrialState] = {}
        self._reused = 0
        self._last_progress: StudyProgress | None = None
        self._proposal_pending = False
        self._exhausted = False
        self._proposed: list[TrialState] = []
        self._held_s = time.monotonic()

    def run(self) -> list[str]:
        """Trains what is missing and records everything.

        Returns:
            What failed, one text a fold; empty when the study is complete.

        Raises:
            UnavailableError: Everything is trained, and a database or server that is needed to write it is still away.
        """
        self._enqueue_trials(self._trials, self._earlier.started_configurations())
        for trial in self._pruned:
            self._finish_pruned(trial)
        self._publish_progress()
        while self._queue or self._in_flight or self._wait_for_proposal():
            self._dispatch()
            # Nothing is in hand and something waits where a cluster has lost its last node: it notices the next one.
            for event in self._executor.wait(_WAIT_S) if self._in_flight or self._queue else ():
                self._handle_event(event)
            for identity in self._attempts.find_stalled():
                self._executor.cancel(identity)
            self._renew_lease()
        failed = [trial for trial in self._trials if trial.failed_folds]
        for trial in failed:
            self._sender.submit(partial(self._writer.fail, trial))
        self._sender.flush()
        self._publish_progress()
        return [reason for trial in failed for reason in trial.failed_folds.values()]

    def _renew_lease(self) -> None:
        """Stops where another coordinator has the study; else its place, if it was lost, is taken again soon."""
        self._sender.raise_failure()
        if time.monotonic() - self._held_s > HOLD_EVERY_S:
            self._held_s = time.monotonic()
            self._sender.renew_lease()

    def _request_proposal(self) -> bool:
        """Asks the search for the next point, behind all that is still to be written; whether there is one by now."""
        if not self._exhausted and not self._proposal_pending:
            self._proposal_pending = True
            self._sender.submit(self._enqueue_proposal)
        if self._proposal_pending:
            self._sender.wait(_WAIT_S)
        return bool(self._queue)

    def _wait_for_proposal(self) -> bool:
        """Whether the search proposes a point when nothing else is left to do."""
        if not self._request_proposal():
            self._sender.flush()
        return bool(self._queue)

    def _enqueue_proposal(self) -> None:
        """Takes up the next point that the search proposes and that has folds to train."""
        precision = self._search.precision
        while not self._queue and not self._exhausted and precision is not None:
            if not self._proposed:
                self._proposed = [self._trial_of(point) for point in self._search.propose(precision)]
                self._trials += self._proposed
                self._exhausted = not self._proposed
            # Tried again after an absence, this goes on with the same trials.
            self._enqueue_trials(self._proposed)
            self._proposed = []
        self._proposal_pending = False

    def _enqueue_trials(self, trials: list[TrialState], begun: Collection[str] | None = None) -> None:
        """Finds what exists of unfinished trials, finishes what is whole, queues the rest."""
        waiting = self._outbox.pending()
        for trial in trials:
            if trial.ended:
                continue
            self._sender.check_lease()
            self._earlier.flush_outbox(trial, waiting)
            value = self._earlier.reuse_finished_folds(trial, begun)
            if value is not None:
                self._mark_complete(trial, value)
        for trial in trials:
            self._check_pruning(trial)
        # Last, since all before it may be done again after an absence, and no fold may be queued twice.
        self._queue.extend((trial, identity) for trial in trials for identity in trial.missing)
        self._reused += sum(len(trial.done) for trial in trials)

    def _dispatch(self) -> None:
        """Fills the free slots; a fold that has failed in every slot that is free waits for another one."""
        held_back: list[tuple[TrialState, str]] = []
        while self._executor.free_slots() and (self._queue or (not held_back and self._request_proposal())):
            trial, identity = self._queue.popleft()
            if trial.pruned is not None:
                continue
            fold, avoid = trial.folds[identity], self._attempts.failed_in(identity)
            task = FoldTask(identity, trial.point.configuration, fold, self._store, avoid)
            if not self._executor.can_take(task):
                held_back.append((trial, identity))
                continue
            if trial.run_id is None:
                self._sender.submit(partial(self._writer.ensure_started, trial), self._queue_key(trial))
            self._in_flight[identity] = trial
            self._attempts.begin(identity)
            self._executor.submit(task)
        self._queue.extendleft(reversed(held_back))

    def _handle_event(self, event: Event) -> None:
        trial = self._in_flight.get(event.identity)
        if trial is None:
            # A fold's last progress travels another way than its result and may come after it.
            return
        name = trial.fold_name(event.identity)
        match event:
            case Progress(identity=identity, slot=slot, record=record):
                self._attempts.heartbeat(identity)
                self._observer.epoch_ended(slot, name, trial.point.configuration.epochs, record)
            case Finished(identity=identity, slot=slot, content=content):
                del self._in_flight[identity]
                self._attempts.end(identity)
                self._outbox.put(identity, content)
                trial.add_result(parse_result(content))
                self._sender.submit(partial(self._write, trial, identity), self._queue_key(trial))
                self._observer.fold_ended(slot, name)
                self._publish_progress()
            case Failed():
                del self._in_flight[event.identity]
                self._handle_failure(trial, event, name)

    def _handle_failure(self, trial: TrialState, failed: Failed, name: str) -> None:
        """Queues a failed fold again, behind all others, or gives it up."""
        reason, left = self._attempts.fail(failed)
        if trial.pruned is not None:
            return
        text = f"{name}: {reason}\n{failed.traceback}"
        trial.failures.append(text)
        self._observer.fold_failed(FoldFailure(failed.slot, name, reason, failed.traceback, left))
        if left > 0:
            self._queue.append((trial, failed.identity))
        else:
            trial.failed_folds[failed.identity] = text

    def _write(self, trial: TrialState, identity: str) -> None:
        """Writes a result that is in the outbox, and what follows from it for its trial."""
        if identity not in trial.recorded:
            content = self._outbox.read(identity)
            if content is not None:
                self._writer.record(trial, content)
            else:
                self._earlier.adopt_foreign_run(trial, identity)
        if len(trial.recorded) == len(trial.folds) and trial.pruned is None:
            self._mark_complete(trial, self._writer.finish(trial))
        else:
            self._check_pruning(trial)

    def _mark_complete(self, trial: TrialState, value: float) -> None:
        configuration = trial.point.configuration
        self._values[self._search.key(configuration)] = trial_run_name(configuration), value
        trial.release_results()

    def _check_pruning(self, trial: TrialState) -> None:
        """Gives up an unfinished trial that has begun, and with it its point, where its folds so far say so."""
        if not self._search.is_order_dependent or trial.point.number is None:
            return
        if not trial.missing or trial.failed_folds or trial.pruned is not None:
            return
        self._search.report(trial.point.number, trial.validation_ua)
        reason = self._search.prune_reason(trial.point.number)
        if reason is not None:
            self._prune(trial, reason)

    def _prune(self, trial: TrialState, reason: str) -> None:
        """Gives up a trial and the unfinished repetitions of its point; folds in hand may end and are recorded.

        The trial itself comes last: once it is written, so are the others.
        """
        repetitions = [
            each for each in self._trials if each.missing and each.pruned is None and each.is_repetition_of(trial)
        ]
        seed = trial.point.configuration.seed
        for each in [*(each for each in repetitions if each is not trial), trial]:
            each.pruned = reason if each is trial else f"its repetition with seed {seed} was pruned: {reason}"
            self._sender.submit(partial(self._writer.prune, each, each.pruned))

    def _finish_pruned(self, trial: TrialState) -> None:
        """Writes what a kill left unwritten of a trial that was given up."""
        waiting = [identity for identity in self._outbox.pending() if identity in trial.folds]
        if trial.point.pruned is None or (not waiting and self._recorder.trial_is_pruned(trial.identity)):
            return
        self._earlier.flush_outbox(trial, waiting)
        self._prune(trial, trial.point.pruned)

    def _queue_key(self, trial: TrialState) -> str | None:
        """What a trial's writes keep their order with: the trial itself, or in a search everything."""
        return None if self._search.is_order_dependent else trial.identity

    def _trial_of(self, point: Point) -> TrialState:
        return TrialState.of(point, self._context.corpus.digest, self._context.scheme, self._device_type)

    def _publish_progress(self) -> None:
        folds = len(self._context.scheme)
        standing = compute_progress(
            self._trials, self._points, self._ended, self._reused, folds, list(self._values.values())
        )
        if standing != self._last_progress:
            self._observer.on_progress(standing)
        self._last_progress = standing
