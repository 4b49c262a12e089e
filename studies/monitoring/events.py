"""What a running study tells whoever watches it."""

from dataclasses import dataclass

from ser.results import EpochRecord


@dataclass(frozen=True)
class StudyProgress:
    """How far a study is.

    Attributes:
        trials: Trials of the study.
        trials_done: Trials that are complete or were pruned.
        folds: Folds of all trials.
        folds_done: Folds that have a result.
        folds_reused: Of these, the ones that were there before this start.
        best: The trial with the highest mean validation UA and that value, 0..1, or None before any is complete.
    """

    trials: int
    trials_done: int
    folds: int
    folds_done: int
    folds_reused: int
    best: tuple[str, float] | None = None


@dataclass(frozen=True)
class FoldFailure:
    """An attempt at a fold that failed.

    Attributes:
        slot: The slot, from 0.
        fold: Readable name of trial and fold.
        reason: One line.
        traceback: The worker's traceback, or the reason again where there is none.
        attempts_left: Times that the fold is tried again.
    """

    slot: int
    fold: str
    reason: str
    traceback: str
    attempts_left: int


class StudyCallback:
    """Watches a study; by itself it says nothing. Every method may be overridden."""

    def on_progress(self, standing: StudyProgress) -> None:
        """The study has come to a new standing."""

    def epoch_ended(self, slot: int, fold: str, epochs: int, record: EpochRecord) -> None:
        """A fold in a slot has ended an epoch.

        Args:
            slot: The slot, from 0.
            fold: Readable name of trial and fold.
            epochs: Epochs that the fold will have.
            record: The epoch.
        """

    def fold_ended(self, slot: int, fold: str) -> None:
        """A fold in a slot is finished, and its result is on disk; its run is written soon after.

        Args:
            slot: The slot, from 0.
            fold: Readable name of trial and fold.
        """

    def fold_failed(self, failure: FoldFailure) -> None:
        """A fold has failed; it is tried again while attempts are left."""

    def on_message(self, what: str) -> None:
        """Machines have come or gone, a damage was mended, or something else that the user should know has happened."""


class CallbackList(StudyCallback):
    """Several watchers of one study, told in turn.

    Args:
        observers: The watchers.
    """

    def __init__(self, *observers: StudyCallback) -> None:
        self._observers = observers

    def on_progress(self, standing: StudyProgress) -> None:
        """See the base class."""
        for each in self._observers:
            each.on_progress(standing)

    def epoch_ended(self, slot: int, fold: str, epochs: int, record: EpochRecord) -> None:
        """See the base class."""
        for each in self._observers:
            each.epoch_ended(slot, fold, epochs, record)

    def fold_ended(self, slot: int, fold: str) -> None:
        """See the base class."""
        for each in self._observers:
            each.fold_ended(slot, fold)

    def fold_failed(self, failure: FoldFailure) -> None:
        """See the base class."""
        for each in self._observers:
            each.fold_failed(failure)

    def on_message(self, what: str) -> None:
        """See the base class."""
        for each in self._observers:
            each.on_message(what)
