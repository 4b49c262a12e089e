"""Live status of a running study, in a small file for other terminals, and a log of its failures."""

import os
import platform
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field
from typing_extensions import override

from ser.errors import StudyError
from ser.files import atomic_write, parse_json_object
from ser.frozen_model import FrozenModel
from ser.results import EpochRecord
from studies.monitoring.events import FoldFailure, StudyCallback, StudyProgress
from studies.monitoring.time_left import TimeLeft

_MIN_INTERVAL_S = 0.5
_RECENT_FOLDS = 50
_RECENT_FAILURES = 20


class WorkerStatus(FrozenModel):
    """Status of a worker.

    Attributes:
        done: Folds finished since the start.
        failed: Folds failed since the start.
        fold: Readable name of the running fold, or None.
        epoch: Last epoch of that fold that has ended.
        epochs: Number of epochs of that fold.
    """

    done: int = 0
    failed: int = 0
    fold: str | None = None
    epoch: int = 0
    epochs: int = 0


class FailureStatus(FrozenModel):
    """Failed attempt at a fold.

    Attributes:
        at: Time, ISO 8601.
        slot: The slot, from 0.
        fold: Readable name of trial and fold.
        reason: One line.
        attempts_left: Number of further attempts.
    """

    at: str
    slot: int
    fold: str
    reason: str
    attempts_left: int


class LiveStatus(FrozenModel):
    """Status of a study as its coordinator last wrote it.

    Attributes:
        study: Name of the study.
        host: Host of the coordinator.
        process: Process id of the coordinator.
        begun: Start of the coordinator, ISO 8601.
        updated: Time of writing, ISO 8601.
        trials: Trials of the study.
        trials_done: Trials that are complete or pruned.
        folds: Folds of all trials.
        folds_done: Folds that have a result.
        workers: Workers by slot.
        folds_per_min: Folds per minute over the last folds, or None before the first.
        left_s: Estimate of the remaining time, in seconds, or None.
        best_trial: Trial with the best mean validation UA, or None; test scores are not used.
        best_validation_ua: That value, 0..1.
        failures: Latest failed attempts.
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
    """Writes a study's live status to a file, and appends every failure with its traceback to a log.

    Args:
        path: The status file.
        log: The log of failures.
        study: Name of the study.
        clock: Returns the time, in seconds.
    """

    def __init__(self, path: Path, log: Path, study: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._log = log
        self._clock = clock
        self._start_s = clock()
        self._time_left = TimeLeft(clock)
        self._written_s = -1e9
        self._ends_s: deque[float] = deque(maxlen=_RECENT_FOLDS)
        self._workers: dict[int, WorkerStatus] = {}
        self._failures: deque[FailureStatus] = deque(maxlen=_RECENT_FAILURES)
        now = _now()
        self._status = LiveStatus(study=study, host=platform.node(), process=os.getpid(), begun=now, updated=now)

    @override
    def on_progress(self, progress: StudyProgress) -> None:
        best_trial, best_value = progress.best or (None, None)
        self._status = self._status.model_copy(
            update={
                "trials": progress.trials,
                "trials_done": progress.trials_done,
                "folds": progress.folds,
                "folds_done": progress.folds_done,
                "best_trial": best_trial,
                "best_validation_ua": best_value,
            }
        )
        # The first and the last status must not be skipped.
        self._write(force=progress.folds_done in (progress.folds_reused, progress.folds))

    @override
    def on_epoch_end(self, slot: int, fold: str, epochs: int, record: EpochRecord) -> None:
        self._time_left.end_epoch(slot, record.epoch, epochs)
        self._update_worker(slot, fold=fold, epoch=record.epoch, epochs=epochs)
        self._write()

    @override
    def on_fold_end(self, slot: int, fold: str) -> None:
        self._ends_s.append(self._clock())
        self._time_left.end_fold(slot)
        self._update_worker(slot, done=self._worker(slot).done + 1, fold=None)

    @override
    def on_fold_failed(self, failure: FoldFailure) -> None:
        now = _now()
        self._time_left.fail_fold(failure.slot)
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
        self._write(force=True)

    def _worker(self, slot: int) -> WorkerStatus:
        return self._workers.get(slot, WorkerStatus())

    def _update_worker(self, slot: int, **values: object) -> None:
        self._workers[slot] = self._worker(slot).model_copy(update=values)

    def _write(self, force: bool = False) -> None:
        """Write the file by an atomic rename, at most a few times per second unless forced."""
        now_s = self._clock()
        if not force and now_s - self._written_s < _MIN_INTERVAL_S:
            return
        self._written_s = now_s
        folds_left = self._status.folds - self._status.folds_done
        status = self._status.model_copy(
            update={
                "updated": _now(),
                "workers": dict(sorted(self._workers.items())),
                "failures": tuple(self._failures),
                "folds_per_min": _folds_per_min(self._ends_s, self._start_s, now_s),
                "left_s": self._time_left.estimate_s(folds_left),
            }
        )
        self._path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(self._path, status.model_dump_json(indent=2))


def read_live_status(path: Path) -> LiveStatus | None:
    """Read the live status of a study; return None if there is none.

    Raises:
        StudyError: The file is not a live status; the text names it.
    """
    try:
        return LiveStatus.model_validate(parse_json_object(path.read_bytes()))
    except FileNotFoundError:
        return None
    except ValueError as error:
        first_line = str(error).splitlines()[0]
        raise StudyError(f"{path}: not a live status ({first_line}); the file can be deleted safely") from None


def _folds_per_min(ends_s: "deque[float]", start_s: float, now_s: float) -> float | None:
    """Return the speed over the last folds up to now, so that it drops while no fold ends."""
    if not ends_s:
        return None
    since_start = len(ends_s) < _RECENT_FOLDS
    elapsed_s = now_s - (start_s if since_start else ends_s[0])
    return 60 * (len(ends_s) - (0 if since_start else 1)) / max(elapsed_s, 1e-3)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
