"""A running study as other terminals see it: one small file, written whole, and a log of failures."""

import json
import os
import platform
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from ser.config import FrozenModel
from ser.errors import StudyError
from ser.files import atomic_write
from ser.results import EpochRecord
from studies.monitoring.events import FoldFailure, StudyCallback, StudyProgress

_EVERY_S = 0.5
_RECENT_FOLDS = 50
_RECENT_FAILURES = 20


class WorkerStatus(FrozenModel):
    """One slot.

    Attributes:
        done: Folds that it has finished since the start.
        failed: Folds that have failed in it since the start.
        fold: Readable name of the fold in hand, or None.
        epoch: Epochs of that fold that have ended.
        epochs: Epochs that it will have.
    """

    done: int = 0
    failed: int = 0
    fold: str | None = None
    epoch: int = 0
    epochs: int = 0


class FailureStatus(FrozenModel):
    """One failed attempt.

    Attributes:
        at: When, ISO 8601.
        slot: Where.
        fold: Readable name of trial and fold.
        reason: One line.
        attempts_left: Times that the fold is tried again.
    """

    at: str
    slot: int
    fold: str
    reason: str
    attempts_left: int


class LiveStatus(FrozenModel):
    """A study as its coordinator last described it.

    Attributes:
        study: Its name.
        host: The coordinator's machine.
        process: The coordinator's process.
        begun: Start of the coordinator, ISO 8601.
        updated: When this was written, ISO 8601.
        trials: Trials of the study.
        trials_done: Trials that are complete or pruned.
        folds: Folds of all trials.
        folds_done: Folds that have a result.
        workers: Slots by number.
        folds_per_min: Folds finished a minute, over the last ones, or None before the first.
        left_s: Time left at that speed, in seconds, or None.
        best_trial: The trial with the best mean validation UA, or None. Test scores have no part in it.
        best_validation_ua: That value, 0..1.
        failures: The latest failed attempts.
    """

    study: str
    host: str
    process: int
    begun: str
    updated: str
    trials: int = 0
    trials_done: int = 0
    folds: int = 0
    folds_done: int = 0
    workers: dict[int, WorkerStatus] = Field(default_factory=dict)
    folds_per_min: float | None = None
    left_s: float | None = None
    best_trial: str | None = None
    best_validation_ua: float | None = None
    failures: tuple[FailureStatus, ...] = ()


class StatusWriter(StudyCallback):
    """Keeps a study's live status in a file, and appends every failure with its traceback to a log.

    Args:
        path: The status file.
        log: The log of failures.
        study: Name of the study.
        clock: Tells the time, in seconds.
    """

    def __init__(self, path: Path, log: Path, study: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._log = log
        self._clock = clock
        self._begun_s = clock()
        self._written_s = -1e9
        self._ends_s: deque[float] = deque(maxlen=_RECENT_FOLDS)
        self._workers: dict[int, WorkerStatus] = {}
        self._failures: deque[FailureStatus] = deque(maxlen=_RECENT_FAILURES)
        now = _now()
        self._status = LiveStatus(study=study, host=platform.node(), process=os.getpid(), begun=now, updated=now)

    def on_progress(self, standing: StudyProgress) -> None:
        """Notes the standing; see the base class."""
        best_trial, best_value = standing.best or (None, None)
        self._status = self._status.model_copy(
            update={
                "trials": standing.trials,
                "trials_done": standing.trials_done,
                "folds": standing.folds,
                "folds_done": standing.folds_done,
                "best_trial": best_trial,
                "best_validation_ua": best_value,
            }
        )
        # The first and the last one must not be skipped.
        self._write(at_once=standing.folds_done in (standing.folds_reused, standing.folds))

    def epoch_ended(self, slot: int, fold: str, epochs: int, record: EpochRecord) -> None:
        """Notes what a slot has in hand; see the base class."""
        self._update_worker(slot, fold=fold, epoch=record.epoch, epochs=epochs)
        self._write()

    def fold_ended(self, slot: int, fold: str) -> None:
        """Counts it; see the base class."""
        self._ends_s.append(self._clock())
        self._update_worker(slot, done=self._worker(slot).done + 1, fold=None)

    def fold_failed(self, failure: FoldFailure) -> None:
        """Counts it and keeps its traceback; see the base class."""
        now = _now()
        self._update_worker(failure.slot, failed=self._worker(failure.slot).failed + 1, fold=None)
        self._failures.append(
            FailureStatus(
                at=now,
                slot=failure.slot,
                fold=failure.fold,
                reason=failure.reason,
                attempts_left=failure.attempts_left,
            )
        )
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("a") as file:
            file.write(f"{now} worker {failure.slot}: {failure.fold}: {failure.reason}\n{failure.traceback}\n\n")
        self._write(at_once=True)

    def _worker(self, slot: int) -> WorkerStatus:
        return self._workers.get(slot, WorkerStatus())

    def _update_worker(self, slot: int, **values: object) -> None:
        self._workers[slot] = self._worker(slot).model_copy(update=values)

    def _write(self, at_once: bool = False) -> None:
        """Writes the file by an atomic rename, a few times a second at most."""
        now_s = self._clock()
        if not at_once and now_s - self._written_s < _EVERY_S:
            return
        self._written_s = now_s
        speed = _folds_per_min(self._ends_s, self._begun_s, now_s)
        left = self._status.folds - self._status.folds_done
        status = self._status.model_copy(
            update={
                "updated": _now(),
                "workers": dict(sorted(self._workers.items())),
                "failures": tuple(self._failures),
                "folds_per_min": speed,
                "left_s": None if speed is None else 60 * left / speed,
            }
        )
        self._path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(self._path, status.model_dump_json(indent=2))


def read_live_status(path: Path) -> LiveStatus | None:
    """What a study's coordinator last wrote, or None where none ever did.

    Raises:
        StudyError: The file is not a status; the text names it.
    """
    try:
        return LiveStatus.model_validate(json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except ValueError as error:
        first = str(error).splitlines()[0]
        raise StudyError(f"{path}: expected a study's status ({first}); it can be removed safely") from None


def _folds_per_min(ends_s: "deque[float]", begun_s: float, now_s: float) -> float | None:
    """Speed over the last folds, the time since the last of them included, so that it sinks where nothing ends."""
    if not ends_s:
        return None
    whole = len(ends_s) < _RECENT_FOLDS
    since_s = now_s - (begun_s if whole else ends_s[0])
    return 60 * (len(ends_s) - (0 if whole else 1)) / max(since_s, 1e-3)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
