"""A home that can be read alone, such as a colleague's or an archived one."""

import errno
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from studies.cli.main import app
from studies.reporting import report_runner
from studies.storages.home import Home
from studies.storages.takeover import take_over_results
from tests.support.toy_coordinator import StudyFixture, plan_of


@pytest.fixture
def home(place: StudyFixture, monkeypatch: pytest.MonkeyPatch) -> Path:
    place.start(plan_of("none"))
    session = place.session(plan_of("none"))
    session.search.save_location(session.location)
    take_over_results(Home(place.folder), print, lambda title: lambda done, total: None)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    return place.folder


def content(home: Path) -> dict[str, bytes]:
    """All files but SQLite's index of its log, which readers mark, too."""
    files = sorted(path for path in home.rglob("*") if path.is_file() and path.suffix != ".db-shm")
    return {str(path.relative_to(home)): path.read_bytes() for path in files}


def test_all_that_only_reads_changes_nothing(home: Path, tmp_path: Path) -> None:
    before = content(home)
    commands = [("study", "list"), ("study", "status"), ("storage", "check")]
    for command in [*commands, ("report", "--output", str(tmp_path / "report"))]:
        answer = CliRunner().invoke(app, [*command, "--home", str(home)])
        assert answer.exit_code == 0, answer.output
    assert content(home) == before
    assert (tmp_path / "report" / "index.html").is_file()


def test_a_home_of_an_earlier_version_is_not_changed(home: Path) -> None:
    (home / "results" / "taken-over.txt").unlink()
    before = content(home)
    answer = CliRunner().invoke(app, ["results", "list", "--home", str(home)])
    assert answer.exit_code == 0, answer.output
    assert f"{home} cannot be written, so its results of an earlier version are not shown" in answer.output
    assert content(home) == before


def test_a_report_that_cannot_be_written_names_the_option(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(analysis: object, folder: Path, context: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(folder))

    monkeypatch.setattr(report_runner, "write_report", refuse)
    answer = CliRunner().invoke(app, ["report", "--home", str(home)])
    assert answer.exit_code == 1
    complaint = r"error: \S+: cannot be written \(Read-only file system\); name another folder with --output\n"
    assert re.fullmatch(complaint, answer.stderr)
