"""Progress on the terminal: one bar per stage, for trials and folds with the time left, and per worker slot."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as TimeLeftColumn
from typing_extensions import override

from ser.results import EpochRecord
from studies.cli.terminal.console import Console
from studies.monitoring.events import FoldFailure, StudyCallback, StudyProgress


@contextmanager
def progress_bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on standard error; yields a function of the number done and the total."""
    with Progress(console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(name, total=None)

        def update(done: int, total: int) -> None:
            bars.update(bar, completed=done, total=total)

        yield update


def print_message(message: str) -> None:
    """Print a line on standard error."""
    Console(stderr=True).print(message, soft_wrap=True, markup=False)


class StudyDisplay(StudyCallback):
    """Context that shows stages and a study's progress on standard error.

    Where standard error is no terminal, such as in a log, it writes one line per change instead.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bars = Progress(
            # A fold bears a speaker's name, which may look like markup.
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeLeftColumn(),
            console=self._console,
            transient=True,
        )
        self._study: TaskID | None = None
        self._slots: dict[int, TaskID] = {}

    def __enter__(self) -> "StudyDisplay":
        # Off a terminal the bars would end in an empty line.
        if self._console.is_interactive:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_interactive:
            self._bars.stop()

    def progress_bar(self, name: str) -> Callable[[int, int], None]:
        """Open a bar for a stage before or after training."""
        bar = self._bars.add_task(name, total=None)

        def update(done: int, total: int) -> None:
            self._bars.update(bar, completed=done, total=total, visible=done < total)

        return update

    @override
    def on_progress(self, progress: StudyProgress) -> None:
        text = f"trials {progress.trials_done} of {progress.trials}, folds"
        if self._study is None:
            self._study = self._bars.add_task(text, total=progress.folds, completed=progress.folds_reused)
        self._bars.update(self._study, description=text, completed=progress.folds_done)
        if not self._console.is_terminal:
            self._console.print(f"{text} {progress.folds_done} of {progress.folds}", soft_wrap=True)

    @override
    def on_epoch_end(self, slot: int, fold: str, epochs: int, record: EpochRecord) -> None:
        if slot not in self._slots:
            self._slots[slot] = self._bars.add_task(fold, total=epochs)
        text = f"{fold} · validation UA {100 * record.values['validation_ua']:.0f}%, epoch"
        self._bars.update(self._slots[slot], description=text, total=epochs, completed=record.epoch)

    @override
    def on_fold_failed(self, failure: FoldFailure) -> None:
        left = failure.attempts_left
        consequence = f"retrying, {left} attempts left" if left else "giving up"
        text = f"fold {failure.fold} failed ({failure.reason}); {consequence}"
        self._console.print(text, soft_wrap=True, markup=False)

    @override
    def on_message(self, message: str) -> None:
        self._console.print(message, soft_wrap=True, markup=False)
