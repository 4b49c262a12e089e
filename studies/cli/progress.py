"""A running study on the terminal: stages before it, trials and folds with the time left, each slot's epoch."""

from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as TimeLeftColumn

from ser.results import EpochRecord
from studies.monitoring.events import FoldFailure, StudyCallback, StudyProgress


class StudyDisplay(StudyCallback):
    """Shows stages and a study's progress on standard error; use it as a context.

    Where standard error is no terminal, such as in a log, it writes a line at each new standing instead.
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
        if kind in (KeyboardInterrupt, SystemExit):
            self._console.print("Stopped. The same command goes on where it was.")

    def progress_bar(self, name: str) -> Callable[[int, int], None]:
        """Opens a bar for something that comes before or after training."""
        bar = self._bars.add_task(name, total=None)

        def tell(done: int, total: int) -> None:
            self._bars.update(bar, completed=done, total=total, visible=done < total)

        return tell

    def on_progress(self, standing: StudyProgress) -> None:
        """Moves the study's bar; see the base class."""
        text = f"trials {standing.trials_done} of {standing.trials}, folds"
        if self._study is None:
            self._study = self._bars.add_task(text, total=standing.folds, completed=standing.folds_reused)
        self._bars.update(self._study, description=text, completed=standing.folds_done)
        if not self._console.is_terminal:
            self._console.print(f"{text} {standing.folds_done} of {standing.folds}", soft_wrap=True)

    def epoch_ended(self, slot: int, fold: str, epochs: int, record: EpochRecord) -> None:
        """Moves a slot's bar; see the base class."""
        if slot not in self._slots:
            self._slots[slot] = self._bars.add_task(fold, total=epochs)
        text = f"{fold} · validation UA {100 * record.values['validation_ua']:.0f}%, epoch"
        self._bars.update(self._slots[slot], description=text, total=epochs, completed=record.epoch)

    def fold_failed(self, failure: FoldFailure) -> None:
        """Says that a fold failed; see the base class."""
        left = failure.attempts_left
        then = f"it is tried again, {left} attempts left" if left else "it is given up"
        self._console.print(f"fold failed: {failure.fold}: {failure.reason}; {then}", soft_wrap=True, markup=False)

    def on_message(self, what: str) -> None:
        """Says it; see the base class."""
        self._console.print(what, soft_wrap=True, markup=False)
