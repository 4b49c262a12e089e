import io

import pytest
from rich.console import Console

from ser.results import EpochRecord
from studies.cli.terminal import progress
from studies.cli.terminal.progress import StudyDisplay

HOSTILE = "[/x] [bold]f1"


def test_a_speakers_name_that_looks_like_markup_is_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=200)
    monkeypatch.setattr(progress, "Console", lambda **_: screen)
    with StudyDisplay() as display:
        display.on_epoch_end(0, HOSTILE, 3, EpochRecord(epoch=1, ended_ms=0, values={"validation_ua": 0.5}))
        display.on_message(HOSTILE)
    output = screen.file.getvalue()  # type: ignore[attr-defined]
    assert output.count(HOSTILE) >= 2
    assert "validation UA 50%" in output
