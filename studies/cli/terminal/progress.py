"""Progress on the terminal: a bar for the study with the time left, one per worker, and one per stage before them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.cells import cell_len, set_cell_size
from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text
from typing_extensions import override

from ser.results import EpochRecord
from studies.cli.terminal.console import Console
from studies.cli.terminal.text_output import duration_text
from studies.monitoring.events import FoldFailure, StudyCallback, StudyProgress
from studies.monitoring.time_left import TimeLeft

_LINE_INTERVAL_S = 10.0
"""Time between two lines of progress, at least, where standard error is no terminal."""

_BAR_WIDTH = 16
_WIDE_COLUMNS = 120


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


class _StepsColumn(ProgressColumn):
    """Number of steps done and of all, with their unit; nothing before their number is known."""

    @override
    def render(self, task: Task) -> Text:
        steps = "" if task.total is None else f"{task.completed:.0f}/{task.total:.0f} {task.fields['unit']}"
        return Text(steps.rstrip(), justify="right", no_wrap=True)


class _Name:
    """Name that is cut in its middle where there is no room: a fold's name begins with its variant."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> RenderResult:
        text, width = self._text, options.max_width
        if cell_len(text) > width:
            end = max(0, width - 1) // 3
            start = set_cell_size(text, max(0, width - 1 - end)).rstrip()
            text = f"{start}…{text[len(text) - end :]}"
        yield Text(text, no_wrap=True, overflow="ellipsis")

    def __rich_measure__(self, console: RichConsole, options: ConsoleOptions) -> Measurement:
        return Measurement(1, max(1, cell_len(self._text)))


class _NameColumn(ProgressColumn):
    """Description of a bar, on one line."""

    @override
    def render(self, task: Task) -> _Name:
        return _Name(task.description)


class StudyDisplay(StudyCallback):
    """Context that shows stages and a study's progress on standard error.

    Where standard error is no terminal that can redraw lines, such as a log or with TERM=dumb, it writes a line for a
    change instead, at most one in ten seconds, but the first and the last.

    Args:
        clock: Returns the time, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = Console(stderr=True)
        # On a wide terminal the bars stand beside the names, and not at its far edge.
        wide = self._console.width >= _WIDE_COLUMNS
        names = Column(min_width=_WIDE_COLUMNS // 2, no_wrap=True) if wide else Column(ratio=1, no_wrap=True)
        self._bars = Progress(
            _NameColumn(table_column=names),
            BarColumn(bar_width=_BAR_WIDTH),
            _StepsColumn(),
            TextColumn("{task.fields[remark]}", markup=False, table_column=Column(no_wrap=True, min_width=12)),
            console=self._console,
            transient=True,
            expand=not wide,
        )
        self._clock = clock
        self._time_left = TimeLeft(clock)
        self._progress: StudyProgress | None = None
        self._line_s = -_LINE_INTERVAL_S
        self._stage: TaskID | None = None
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
        """Open a bar for a stage before or after training, in place of the one before."""
        self._hide_stage()
        bar = self._stage = self._add(name, total=None)

        def update(done: int, total: int) -> None:
            self._bars.update(bar, completed=done, total=total, visible=done < total)

        return update

    @override
    def on_progress(self, progress: StudyProgress) -> None:
        is_first, self._progress = self._progress is None, progress
        if self._study is None:
            self._hide_stage()
            self._study = self._add("study", total=progress.folds, unit="folds")
        self._update_study()
        if progress.folds - progress.folds_done <= self._time_left.running:
            # The idle workers have nothing left to do.
            self._hide_idle_workers()
        is_last = (progress.folds_done, progress.trials_done) == (progress.folds, progress.trials)
        is_due = is_first or is_last or self._clock() - self._line_s >= _LINE_INTERVAL_S
        if is_due and not self._console.is_interactive:
            self._line_s = self._clock()
            left = self._left_text()
            text = (
                f"trials {progress.trials_done} of {progress.trials}, folds {progress.folds_done} of {progress.folds}"
            )
            self._console.print(text + (f", {left}" if left else ""), soft_wrap=True)

    @override
    def on_epoch_end(self, slot: int, fold: str, epochs: int, record: EpochRecord) -> None:
        self._time_left.end_epoch(slot, record.epoch, epochs)
        if slot not in self._slots:
            self._slots[slot] = self._add(fold, total=epochs, unit="epochs")
        remark = f"UA {100 * record.values['validation_ua']:.0f}% val."
        self._bars.update(
            self._slots[slot], description=fold, total=epochs, completed=record.epoch, remark=remark, visible=True
        )
        self._update_study()

    @override
    def on_fold_end(self, slot: int, fold: str) -> None:
        self._time_left.end_fold(slot)
        self._restart_worker(slot)

    @override
    def on_fold_failed(self, failure: FoldFailure) -> None:
        self._time_left.fail_fold(failure.slot)
        self._restart_worker(failure.slot)
        left = failure.attempts_left
        consequence = f"retrying, {left} attempts left" if left else "giving up"
        text = f"fold {failure.fold} failed ({failure.reason}); {consequence}"
        self._console.print(text, soft_wrap=True, markup=False)

    @override
    def on_message(self, message: str) -> None:
        self._console.print(message, soft_wrap=True, markup=False)

    def _add(self, name: str, total: float | None, unit: str = "") -> TaskID:
        return self._bars.add_task(name, total=total, unit=unit, remark="")

    def _hide_stage(self) -> None:
        if self._stage is not None:
            self._bars.update(self._stage, visible=False)

    def _update_study(self) -> None:
        if self._progress is None or self._study is None:
            return
        text = f"study: {self._progress.trials_done} of {self._progress.trials} trials done"
        done = self._progress.folds_done
        self._bars.update(self._study, description=text, completed=done, remark=self._left_text())

    def _left_text(self) -> str:
        """Return the time left in words; empty before it can be estimated, and where no fold is left."""
        left = 0 if self._progress is None else self._progress.folds - self._progress.folds_done
        left_s = self._time_left.estimate_s(left)
        return f"{duration_text(left_s)} left" if left_s else ""

    def _restart_worker(self, slot: int) -> None:
        if slot in self._slots:
            self._bars.update(self._slots[slot], description="next fold", completed=0, remark="")

    def _hide_idle_workers(self) -> None:
        for bar in self._slots.values():
            task = self._bars.tasks[self._bars.task_ids.index(bar)]
            if task.completed == 0:
                self._bars.update(bar, visible=False)
