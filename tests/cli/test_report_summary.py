"""What a study prints at its end: a table that fits, and commands that can be copied."""

import shlex
from pathlib import Path

import pytest

from studies.cli.report.summary import next_steps, print_results
from studies.reporting.report_runner import Report
from studies.storages.home import Home
from tests.support.scored_trials import study_table
from tracking.analysis.comparison.overview import analyse

STUDY = "demo-quick-all-1a2b3c4d"


def test_the_summary_fits_80_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    print_results(STUDY, Report(analyse(study_table()), Path("data/reports/index.html")), Home(Path("data")))
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 80 and not line.startswith("report: ")] == []
    assert any(line.startswith("Verdict: ") for line in lines)
    assert any(line.startswith("Power: ") for line in lines)
    (row,) = (line.split() for line in lines if line.startswith("quantum · words"))
    assert len(row) == len(["quantum", "·", "words", "UA", "±", "half", "WA", "base", "p", "z", "LR", "p"])
    assert sum("stands for it" in line for line in lines) == 1


def test_commands_of_the_default_home_need_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert next_steps(STUDY, Path("data/reports/index.html"), Home(Path("data"))) == [
        f"study:  {STUDY}",
        f"report: {tmp_path / 'data' / 'reports' / 'index.html'}",
        f"model:  ser model make --study {STUDY}",
        "        ser predict AUDIO",
        "runs:   make ui",
    ]


def test_commands_of_another_home_name_it_whole(tmp_path: Path) -> None:
    home = tmp_path / "a home"
    *_, model, prediction, runs = next_steps(STUDY, home / "index.html", Home(home))
    assert shlex.split(model)[-2:] == ["--home", str(home)]
    assert shlex.split(prediction)[-2:] == ["--home", str(home)]
    assert shlex.split(runs)[1:] == ["make", "ui", f"SER_HOME={home}"]
