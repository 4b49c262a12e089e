"""Progress of a study on terminals of any width, and in logs."""

import io
from typing import Any

import pytest
from rich.console import Console

from ser.results import EpochRecord
from studies.cli.terminal import progress
from studies.cli.terminal.progress import StudyDisplay
from studies.monitoring.events import FoldFailure, StudyProgress

HOSTILE = "[/x] [bold]f1"
LONG = "component · scope 9 · phonemes · fold 01 · a speaker with a very long name indeed"


class Screen:
    """A display on a console of a given width, and a clock that the test moves."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, width: int = 80, terminal: bool = True, term: str = "xterm"
    ) -> None:
        monkeypatch.setenv("TERM", term)
        self.now_s = 0.0
        self.file = io.StringIO()
        console = Console(file=self.file, force_terminal=terminal, width=width, legacy_windows=False)
        monkeypatch.setattr(progress, "Console", lambda **_: console)
        self.display = StudyDisplay(lambda: self.now_s)

    def epoch(self, slot: int, number: int, fold: str = LONG, epochs: int = 4) -> None:
        record = EpochRecord(epoch=number, ended_ms=0, values={"validation_ua": 0.5})
        self.display.on_epoch_end(slot, fold, epochs, record)

    def progress(self, folds_done: int, **changes: Any) -> None:
        values = {"trials": 2, "trials_done": 0, "folds": 8, "folds_done": folds_done, "folds_reused": 0}
        self.display.on_progress(StudyProgress(**values | changes))

    def lines(self) -> list[str]:
        """Render the bars as they are now."""
        console = Console(file=io.StringIO(), record=True, width=self.display._console.width)
        console.print(self.display._bars.get_renderable())
        return [line.rstrip() for line in console.export_text().splitlines() if line.strip()]


def test_a_speakers_name_that_looks_like_markup_is_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, width=200)
    with screen.display as display:
        screen.epoch(0, 1, HOSTILE)
        display.on_message(HOSTILE)
    output = screen.file.getvalue()
    assert output.count(HOSTILE) >= 2
    assert "UA 50% val." in output


@pytest.mark.parametrize("width", [80, 200])
def test_a_bar_is_one_line_with_all_its_numbers(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, width)
    screen.progress(0)
    for screen.now_s, number in ((60.0, 1), (120.0, 2)):
        screen.epoch(0, number)
        screen.epoch(1, number)
    study, *workers = screen.lines()
    assert study.startswith("study: 0 of 2 trials done ")
    assert study.endswith("0/8 folds 14 min left")
    assert len(workers) == 2
    for line in workers:
        name = line.partition("━")[0].strip()
        assert name == LONG or (name.startswith(LONG[:20]) and name.endswith(LONG[-10:]))
        assert line.endswith("2/4 epochs UA 50% val.")
        assert len(line) <= width
        assert line.index("━") <= len(LONG) + 1


def test_a_workers_bar_restarts_with_each_fold_and_goes_with_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch)
    screen.progress(6)
    screen.epoch(0, 4, "first")
    screen.epoch(1, 3, "second")
    screen.display.on_fold_end(0, "first")
    screen.progress(6)
    assert [line.split()[0] for line in screen.lines()] == ["study:", "next", "second"]
    assert "0/4 epochs" in screen.lines()[1]
    screen.epoch(0, 1, "third")
    assert "1/4 epochs" in screen.lines()[1]
    screen.display.on_fold_end(0, "third")
    screen.progress(7)
    assert [line.split()[0] for line in screen.lines()] == ["study:", "second"]
    screen.display.on_fold_failed(FoldFailure(1, "second", "out of memory", "", 2))
    assert [line.split()[0] for line in screen.lines()] == ["study:", "next"]


def test_a_stage_shows_no_number_that_is_unknown_and_ends_with_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch)
    update = screen.display.progress_bar("reading the corpus")
    assert "0/?" not in "".join(screen.lines())
    update(3, 20)
    assert "3/20" in "".join(screen.lines())
    screen.display.progress_bar("computing features")
    (line,) = screen.lines()
    assert line.startswith("computing features")
    screen.progress(0)
    (line,) = screen.lines()
    assert line.startswith("study:")


@pytest.mark.parametrize(("terminal", "term"), [(False, "xterm"), (True, "dumb")])
def test_a_log_has_at_most_a_line_in_ten_seconds_with_what_remains(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, term: str
) -> None:
    screen = Screen(monkeypatch, terminal=terminal, term=term)
    screen.progress(0)
    for done in range(1, 8):
        for number in range(1, 5):
            screen.now_s += 1
            screen.epoch(0, number)
        screen.display.on_fold_end(0, LONG)
        screen.progress(done)
    screen.progress(8)
    screen.progress(8, trials_done=2)
    assert screen.file.getvalue().splitlines() == [
        "trials 0 of 2, folds 0 of 8",
        "trials 0 of 2, folds 3 of 8, 20 s left",
        "trials 0 of 2, folds 6 of 8, 8 s left",
        "trials 2 of 2, folds 8 of 8",
    ]
