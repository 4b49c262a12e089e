import os
import platform
from pathlib import Path

import pytest
from typer.testing import CliRunner

from studies.cli.main import app
from studies.search.optuna_study import OptunaStudy
from studies.storages.home import Home
from tests.support.postgresql import PASSWORD
from tests.support.toy_coordinator import StudyFixture, plan_of


def shown(command: str, home: Path, *options: str) -> dict[str, str]:
    """Return the table of `ser storage` by name; long values continue on the next lines."""
    answer = CliRunner().invoke(app, ["storage", command, "--home", str(home), *options])
    assert answer.exit_code == 0, answer.output
    assert PASSWORD not in answer.output
    rows = [[cell.strip() for cell in line.split("│")[1:3]] for line in answer.output.splitlines() if "│" in line]
    facts: dict[str, str] = {}
    name = ""
    for first, second in rows:
        name = first or name
        facts[name] = f"{facts[name]} {second}" if name in facts and not first else second
    return facts


def test_a_check_of_nothing_makes_nothing(tmp_path: Path) -> None:
    facts = shown("check", tmp_path / "home")
    assert "missing" in facts["studies"]
    assert "missing" in facts["runs"]
    assert not (tmp_path / "home").exists()


def test_init_makes_both_databases_once_with_the_write_ahead_log(tmp_path: Path) -> None:
    facts = shown("init", tmp_path / "home")
    assert facts["write-ahead log"] == "on"
    assert facts["number of studies"] == facts["number of runs"] == "0"
    assert shown("init", tmp_path / "home") == shown("check", tmp_path / "home") == facts


def test_a_check_says_what_is_there_and_who_runs_it(place: StudyFixture) -> None:
    place.start(plan_of("none"))
    home = Home(place.folder)
    with home.storage.acquire_lease("first"):
        facts = shown("check", place.folder)
    assert facts["number of studies"] == "1"
    assert facts["running"].startswith(f"first, by process {os.getpid()} on {platform.node()} since ")
    assert facts["results"] == "2 folds on disk"
    assert int(facts["number of runs"]) == len(place.store.runs())


def test_a_check_of_postgresql_names_server_and_schema(tmp_path: Path, postgresql_url: str) -> None:
    options = ("--storage", postgresql_url)
    assert "missing" in shown("check", tmp_path, *options)["studies"]
    facts = shown("init", tmp_path, *options)
    assert facts["server"].startswith("PostgreSQL ")
    OptunaStudy.open(Home(tmp_path, postgresql_url).storage, "a study", plan_of("none"))
    assert shown("check", tmp_path, *options)["number of studies"] == "1"


@pytest.mark.parametrize("options", [("--tracking", "http://127.0.0.1:1"), ("--tracking", "ftp://somewhere")])
def test_a_tracking_server_that_cannot_be_used_is_one_line(tmp_path: Path, options: tuple[str, str]) -> None:
    answer = CliRunner().invoke(app, ["storage", "check", "--home", str(tmp_path), *options])
    assert answer.exit_code == (75 if "127" in options[1] else 1)
    assert len(answer.stderr.strip().splitlines()) == 1
    assert answer.stderr.startswith("error: ")
    assert "tracking server" in answer.stderr
