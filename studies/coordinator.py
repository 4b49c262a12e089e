"""The coordinator: hands out folds, takes in results, and is the only writer of its study.

A result is on disk in the outbox before anything is told of it; then its run is written; then it
leaves the outbox. Killed anywhere, the same study finds at its next start what is finished and
what waits in the outbox, and trains only the rest.
"""

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from mlflow.entities import Run

from ser.checkpoint import result_of
from ser.identity import fold_identity, trial_identity
from ser.results import Fold, FoldResult
from studies.executors.base import Event, Executor, Failed, Finished, FoldTask, Progress
from studies.observer import Observer, Standing
from studies.search import Point, Search
from tracking import rows, schema
from tracking.analysis.variants import variant_label
from tracking.outbox import Outbox
from tracking.reading import Reader
from tracking.recorder import Recorder, StudyContext
from tracking.results import TrialResult

ATTEMPTS = 3
"""Times that a fold is tried before it is given up in this start of the study."""

_WAIT_S = 1.0


@dataclass
class Trial:
    """A point on its way: its folds, and the results that exist.

    Attributes:
        point: The point.
        identity: The trial's identity.
        folds: Folds by identity, in the order of the scheme.
        results: Results by fold identity.
        elsewhere: Runs of folds that another trial had trained, by fold identity.
        run_id: Its run, once it is known.
        failures: Reasons of folds that were given up, by fold identity.
    """

    point: Point
    identity: str
    folds: dict[str, Fold]
    results: dict[str, FoldResult] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)
    run_id: str | None = None
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """Identities of folds without a result, in the order of the scheme."""
        return [identity for identity in self.folds if identity not in self.results]


class Coordinator:
    """Runs one study to its end.

    Args:
        context: The study.
        points: Its points.
        search: Its memory in Optuna.
        store: Path of the feature store.
        device_type: 'cpu' or 'cuda'.
        outbox: Where results are kept first.
        recorder: Writes its runs.
        reader: Reads what any study has written.
        executor: Computes folds.
        observer: Is told what happens.
    """

    def __init__(
        self,
        context: StudyContext,
        points: list[Point],
        search: Search,
        store: Path,
        device_type: str,
        outbox: Outbox,
        recorder: Recorder,
        reader: Reader,
        executor: Executor,
        observer: Observer,
    ) -> None:
        self._context = context
        self._search = search
        self._store = store
        self._outbox = outbox
        self._recorder = recorder
        self._reader = reader
        self._executor = executor
        self._observer = observer
        self._done = sum(point.complete for point in points)
        self._points = len(points)
        self._trials = [self._trial_of(point, device_type) for point in points if not point.complete]
        self._queue: deque[tuple[Trial, str]] = deque()
        self._in_hand: dict[str, Trial] = {}
        self._attempts: dict[str, int] = {}
        self._reused = 0

    def run(self, study_run: str) -> list[str]:
        """Trains what is missing and records everything.

        Args:
            study_run: The study's run.

        Returns:
            What failed, one line a fold; empty when the study is complete.
        """
        self._reconcile(study_run)
        self._tell_standing()
        while self._queue or self._in_hand:
            while self._queue and self._executor.free_slots():
                self._hand_out(study_run)
            for event in self._executor.wait(_WAIT_S):
                self._take_in(event)
        failed = [trial for trial in self._trials if trial.failures]
        for trial in failed:
            self._give_up(trial)
        return [reason for trial in failed for reason in trial.failures.values()]

    def _reconcile(self, study_run: str) -> None:
        """Finds what exists of every unfinished trial, finishes what is whole, queues the rest."""
        waiting = self._outbox.waiting()
        for trial in self._trials:
            for identity in trial.folds:
                content = self._outbox.read(identity) if identity in waiting else None
                if content is not None:
                    self._begin(study_run, trial)
                    self._record(trial, content)
            finished = self._finished_folds(trial)
            other = None
            if not any(self._is_own(run) for run in finished.values()):
                # A trial with folds of its own stays its own, even if another study has completed the same one since.
                other = self._reader.trial_trained_elsewhere(trial.identity, self._context.study)
            if other is not None:
                self._adopt(study_run, trial, other)
                continue
            for identity, run in finished.items():
                if identity not in trial.results:
                    self._keep(trial, self._reader.fold_result(run), run)
            if not trial.missing:
                self._begin(study_run, trial)
                self._finish(trial)
            self._queue.extend((trial, identity) for identity in trial.missing)
        self._reused = sum(len(trial.results) for trial in self._trials)

    def _finished_folds(self, trial: Trial) -> dict[str, Run]:
        finished = self._reader.finished_folds(rows.model_digest(trial.point.configuration))
        return {identity: run for identity, run in finished.items() if identity in trial.folds}

    def _is_own(self, run: Run) -> bool:
        return bool(run.data.tags[schema.STUDY] == self._context.study)

    def _adopt(self, study_run: str, trial: Trial, other: TrialResult) -> None:
        """Takes over a trial that another study has trained: its scores, no runs of folds."""
        self._begin(study_run, trial)
        trial.results = {result.identity: _as_fold_of(trial, result) for result in other.folds}
        trial.elsewhere = {}
        self._finish(trial, reused_from=other.run_id)

    def _begin(self, study_run: str, trial: Trial) -> str:
        """Makes sure that a trial stands in Optuna and has a run."""
        if trial.run_id is None:
            number = self._search.begin(trial.point)
            trial.point = Point(trial.point.configuration, number, complete=False)
            trial.run_id = self._recorder.trial_run(study_run, trial.identity, trial.point.configuration)
        return trial.run_id

    def _hand_out(self, study_run: str) -> None:
        trial, identity = self._queue.popleft()
        self._begin(study_run, trial)
        self._in_hand[identity] = trial
        self._attempts[identity] = self._attempts.get(identity, 0) + 1
        self._executor.submit(FoldTask(identity, trial.point.configuration, trial.folds[identity], self._store))

    def _take_in(self, event: Event) -> None:
        trial = self._in_hand.get(event.identity)
        if trial is None:
            # A fold's last progress travels another way than its result and may come after it.
            return
        name = f"{variant_label(trial.point.configuration)} · {trial.folds[event.identity].name}"
        match event:
            case Progress(slot=slot, record=record):
                self._observer.epoch_ended(slot, name, trial.point.configuration.epochs, record)
            case Finished(identity=identity, content=content):
                del self._in_hand[identity]
                self._outbox.put(identity, content)
                self._record(trial, content)
                if not trial.missing:
                    self._finish(trial)
                self._tell_standing()
            case Failed(identity=identity, reason=reason, traceback=traceback):
                del self._in_hand[identity]
                left = ATTEMPTS - self._attempts[identity]
                self._observer.fold_failed(name, reason, left)
                if left > 0:
                    self._queue.append((trial, identity))
                else:
                    trial.failures[identity] = f"{name}: {reason}\n{traceback}"

    def _record(self, trial: Trial, content: bytes) -> None:
        """Writes a result's run, then lets it leave the outbox."""
        if trial.run_id is None:
            raise RuntimeError(f"trial {trial.identity} has no run yet")
        result = result_of(content)
        run = self._recorder.record_fold(trial.run_id, content)
        self._outbox.remove(result.identity)
        self._keep(trial, result, run)

    def _keep(self, trial: Trial, result: FoldResult, run: Run) -> None:
        """Counts a fold that has a run as done, and notes the run where it is another study's."""
        trial.results[result.identity] = _as_fold_of(trial, result)
        if not self._is_own(run):
            trial.elsewhere[result.identity] = str(run.info.run_id)

    def _finish(self, trial: Trial, reused_from: str | None = None) -> None:
        """Writes a whole trial: its run first, then the search, so that a told trial is always a written one."""
        if trial.run_id is None or trial.point.number is None:
            raise RuntimeError(f"trial {trial.identity} was not begun")
        result = TrialResult(
            study=self._context.study,
            recipe=self._context.recipe,
            trial_id=trial.identity,
            scheme=self._context.scheme,
            folds=tuple(trial.results[identity] for identity in trial.folds),
            run_id=trial.run_id,
            reused_from=reused_from,
        )
        tags = {} if reused_from is None else {schema.REUSED_FROM: reused_from}
        if trial.elsewhere:
            tags[schema.REUSED_FOLDS] = ", ".join(trial.elsewhere.values())
        self._recorder.finish_trial(trial.run_id, result, tags)
        self._search.complete(trial.point.number, rows.mean_validation_ua(result))
        self._done += 1

    def _give_up(self, trial: Trial) -> None:
        if trial.run_id is None or trial.point.number is None:
            raise RuntimeError(f"trial {trial.identity} was not begun")
        self._recorder.fail_trial(trial.run_id, "\n".join(trial.failures.values()))
        self._search.fail(trial.point.number)

    def _trial_of(self, point: Point, device_type: str) -> Trial:
        digest = self._context.corpus.digest
        folds = {fold_identity(point.configuration, digest, fold, device_type): fold for fold in self._context.scheme}
        return Trial(point, trial_identity(list(folds)), folds)

    def _tell_standing(self) -> None:
        folds = len(self._context.scheme)
        already = self._points - len(self._trials)
        done = already * folds + sum(len(trial.results) for trial in self._trials)
        reused = already * folds + self._reused
        self._observer.stood(Standing(self._points, self._done, self._points * folds, done, reused))


def _as_fold_of(trial: Trial, result: FoldResult) -> FoldResult:
    """The result under its place in this trial's scheme: an equal fold may bear another index and name elsewhere."""
    return result.model_copy(update={"fold": trial.folds[result.identity]})
