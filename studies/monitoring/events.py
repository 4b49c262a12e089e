"""Callbacks of a running study, and the records that they receive."""

from dataclasses import dataclass

from typing_extensions import override

from ser.results import EpochRecord


@dataclass(frozen=True)
class StudyProgress:
    """Progress of a study.

    Attributes:
        trials: Trials of the study.
        trials_done: Trials that are complete or were pruned.
        folds: Folds of all trials.
        folds_done: Folds that have a result.
        folds_reused: Those of them that had a result before this start.
        best: Trial with the highest mean validation UA, and that value, 0..1, or None before any is complete.
    """

    trials: int
    trials_done: int
    folds: int
    folds_done: int
    folds_reused: int
    best: tuple[str, float] | None = None


@dataclass(frozen=True)
class FoldFailure:
    """Failed attempt at a fold.

    Attributes:
        slot: The slot, from 0.
        fold: Readable name of trial and fold.
        reason: One line.
        traceback: Traceback of the worker, or the reason again if there is none.
        attempts_left: Number of further attempts.
    """

    slot: int
    fold: str
    reason: str
    traceback: str
    attempts_left: int


class StudyCallback:
    """Callback of a study. Every method may be overridden; by default they do nothing."""

    def on_progress(self, progress: StudyProgress) -> None:
        """Receive the progress whenever it changes."""

    def on_epoch_end(self, slot: int, fold: str, epochs: int, record: EpochRecord) -> None:
        """Receive an epoch that has ended.

        Args:
            slot: The slot, from 0.
            fold: Readable name of trial and fold.
            epochs: Number of epochs of the fold.
            record: The epoch.
        """

    def on_fold_end(self, slot: int, fold: str) -> None:
        """Receive a fold whose result is on disk; its MLflow run is written soon after.

        Args:
            slot: The slot, from 0.
            fold: Readable name of trial and fold.
        """

    def on_fold_failed(self, failure: FoldFailure) -> None:
        """Receive a failed attempt at a fold."""

    def on_message(self, message: str) -> None:
        """Receive a line for the user, such as a node that joined or an inconsistency that was repaired."""


class CallbackList(StudyCallback):
    """Several callbacks of one study, called in turn."""

    def __init__(self, *callbacks: StudyCallback) -> None:
        self._callbacks = callbacks

    @override
    def on_progress(self, progress: StudyProgress) -> None:
        for callback in self._callbacks:
            callback.on_progress(progress)

    @override
    def on_epoch_end(self, slot: int, fold: str, epochs: int, record: EpochRecord) -> None:
        for callback in self._callbacks:
            callback.on_epoch_end(slot, fold, epochs, record)

    @override
    def on_fold_end(self, slot: int, fold: str) -> None:
        for callback in self._callbacks:
            callback.on_fold_end(slot, fold)

    @override
    def on_fold_failed(self, failure: FoldFailure) -> None:
        for callback in self._callbacks:
            callback.on_fold_failed(failure)

    @override
    def on_message(self, message: str) -> None:
        for callback in self._callbacks:
            callback.on_message(message)
