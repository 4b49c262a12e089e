"""The coordinator: hands out folds, takes in results, and is the only writer of its study.

A result is on disk in the outbox before anything is told of it; then its run is written; then it
leaves the outbox. Killed anywhere, the same study finds at its next start what is finished and
what waits in the outbox, and trains only the rest.
"""

from collections import deque
from dataclasses import dataclass, field, replace
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
        pruned: Why it was given up before its last fold, or None.
    """

    point: Point
    identity: str
    folds: dict[str, Fold]
    results: dict[str, FoldResult] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)
    run_id: str | None = None
    failures: dict[str, str] = field(default_factory=dict)
    pruned: str | None = None

    @property
    def missing(self) -> list[str]:
        """Identities of folds without a result, in the order of the scheme."""
        return [identity for identity in self.folds if identity not in self.results]

    @property
    def validation_ua(self) -> dict[int, float]:
        """Validation UA, 0..1, of the folds that have a result, by number of the fold, from 1."""
        return {result.fold.index + 1: rows.validation_ua(result) for result in self.results.values()}

    def repeats(self, other: "Trial") -> bool:
        """Whether it is another trial's point, perhaps with another seed."""
        seed = {"seed": other.point.configuration.seed}
        return self.point.configuration.model_copy(update=seed) == other.point.configuration


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
        self._device_type = device_type
        self._ended = self._done = sum(point.complete or point.pruned is not None for point in points)
        self._points = max(len(points), search.size)
        open_points = [point for point in points if not point.complete]
        self._pruned = [self._trial_of(point) for point in open_points if point.pruned is not None]
        self._trials = [self._trial_of(point) for point in open_points if point.pruned is None]
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
        self._take_up(study_run, self._trials)
        for trial in self._pruned:
            self._settle(study_run, trial)
        self._tell_standing()
        while self._queue or self._in_hand or self._propose(study_run):
            while self._executor.free_slots() and (self._queue or self._propose(study_run)):
                self._hand_out(study_run)
            for event in self._executor.wait(_WAIT_S):
                self._take_in(study_run, event)
        failed = [trial for trial in self._trials if trial.failures]
        for trial in failed:
            self._give_up(trial)
        return [reason for trial in failed for reason in trial.failures.values()]

    def _propose(self, study_run: str) -> bool:
        """Takes up the next point that the search proposes, if there is one with folds to train."""
        precision = self._search.precision
        while not self._queue and precision is not None:
            trials = [self._trial_of(point) for point in self._search.propose(precision)]
            if not trials:
                return False
            self._trials += trials
            self._take_up(study_run, trials)
        return bool(self._queue)

    def _take_up(self, study_run: str, trials: list[Trial]) -> None:
        """Finds what exists of unfinished trials, finishes what is whole, queues the rest."""
        waiting = self._outbox.waiting()
        for trial in trials:
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
        self._reused += sum(len(trial.results) for trial in trials)
        for trial in trials:
            self._judge(study_run, trial)

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
            trial.point = replace(trial.point, number=number)
            trial.run_id = self._recorder.trial_run(study_run, trial.identity, trial.point.configuration)
        return trial.run_id

    def _hand_out(self, study_run: str) -> None:
        trial, identity = self._queue.popleft()
        self._begin(study_run, trial)
        self._in_hand[identity] = trial
        self._attempts[identity] = self._attempts.get(identity, 0) + 1
        self._executor.submit(FoldTask(identity, trial.point.configuration, trial.folds[identity], self._store))

    def _take_in(self, study_run: str, event: Event) -> None:
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
                if not trial.missing and trial.pruned is None:
                    self._finish(trial)
                self._judge(study_run, trial)
                self._tell_standing()
            case Failed(identity=identity, reason=reason, traceback=traceback):
                del self._in_hand[identity]
                if trial.pruned is not None:
                    return
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
        self._search.report(trial.point.number, trial.validation_ua)
        self._search.complete(trial.point.number, rows.mean_validation_ua(result))
        self._done += 1

    def _give_up(self, trial: Trial) -> None:
        if trial.run_id is None or trial.point.number is None:
            raise RuntimeError(f"trial {trial.identity} was not begun")
        self._recorder.fail_trial(trial.run_id, "\n".join(trial.failures.values()))
        self._search.fail(trial.point.number)

    def _judge(self, study_run: str, trial: Trial) -> None:
        """Gives up an unfinished trial that has begun, and with it its point, where its folds so far say so."""
        if trial.point.number is None or not trial.missing or trial.failures or trial.pruned is not None:
            return
        self._search.report(trial.point.number, trial.validation_ua)
        reason = self._search.verdict(trial.point.number)
        if reason is not None:
            self._prune(study_run, trial, reason)

    def _prune(self, study_run: str, trial: Trial, reason: str) -> None:
        """Gives up a trial and the unfinished repetitions of its point; folds in hand may end and are recorded.

        The trial itself comes last: once it is written, so are the others.
        """
        repetitions = [each for each in self._trials if each.missing and each.pruned is None and each.repeats(trial)]
        seed = trial.point.configuration.seed
        for each in [*(each for each in repetitions if each is not trial), trial]:
            each.pruned = reason if each is trial else f"its repetition with seed {seed} was pruned: {reason}"
            if each.point.number is not None:
                self._recorder.prune_trial(self._begin(study_run, each), each.pruned)
                self._search.prune(each.point.number, each.pruned)
        self._done += len(repetitions)
        self._queue = deque(entry for entry in self._queue if entry[0].pruned is None)

    def _settle(self, study_run: str, trial: Trial) -> None:
        """Writes what a kill left unwritten of a trial that was given up."""
        waiting = [identity for identity in self._outbox.waiting() if identity in trial.folds]
        if trial.point.pruned is None or (not waiting and self._recorder.trial_is_pruned(trial.identity)):
            return
        self._begin(study_run, trial)
        for identity in waiting:
            content = self._outbox.read(identity)
            if content is not None:
                self._record(trial, content)
        self._prune(study_run, trial, trial.point.pruned)

    def _trial_of(self, point: Point) -> Trial:
        digest, scheme = self._context.corpus.digest, self._context.scheme
        folds = {fold_identity(point.configuration, digest, fold, self._device_type): fold for fold in scheme}
        return Trial(point, trial_identity(list(folds)), folds)

    def _tell_standing(self) -> None:
        folds = len(self._context.scheme)
        spared = sum(len(trial.missing) for trial in self._trials if trial.pruned is not None)
        done = self._ended * folds + sum(len(trial.results) for trial in self._trials)
        reused = self._ended * folds + self._reused
        self._observer.stood(Standing(self._points, self._done, self._points * folds - spared, done, reused))


def _as_fold_of(trial: Trial, result: FoldResult) -> FoldResult:
    """The result under its place in this trial's scheme: an equal fold may bear another index and name elsewhere."""
    return result.model_copy(update={"fold": trial.folds[result.identity]})
