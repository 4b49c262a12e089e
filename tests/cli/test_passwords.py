"""No password of a URL is in what a command prints or in what other users can read of its process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from studies.cli.main import app
from studies.cli.options import move_passwords

SECRET = "s3cr3t-p@ssword"
TRACKING = f"http://bob:{SECRET}@127.0.0.1"
STORAGE = f"postgresql+psycopg://bob:{SECRET}@127.0.0.1"

FAILURES = {
    "a server that is down": ({"SER_TRACKING": f"{TRACKING}:1"}, ["storage", "check"]),
    "a port that cannot exist": ({"SER_TRACKING": f"{TRACKING}:99999"}, ["storage", "check"]),
    "a port that is no number": ({"SER_TRACKING": f"{TRACKING}:port"}, ["storage", "check"]),
    "another protocol": ({"SER_TRACKING": TRACKING.replace("http", "ftp")}, ["storage", "check"]),
    "a database that is down": ({"SER_STORAGE": f"{STORAGE}:1/ser"}, ["study", "list"]),
    "a database port that is no number": ({"SER_STORAGE": f"{STORAGE}:port/ser"}, ["study", "list"]),
    "a password as parameter": (
        {"SER_STORAGE": f"postgresql://127.0.0.1:1/ser?user=bob&password={SECRET}"},
        ["study", "list"],
    ),
    "another database": ({"SER_STORAGE": f"mysql://bob:{SECRET}@127.0.0.1/ser"}, ["study", "list"]),
    "a word too many": ({}, ["storage", "check", f"{TRACKING}:1"]),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_no_error_line_has_a_password(failure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables, command = FAILURES[failure]
    for name, value in {"SER_HOME": str(tmp_path), **variables}.items():
        monkeypatch.setenv(name, value)
    answer = CliRunner().invoke(app, command)
    assert answer.exit_code in (1, 2, 75), answer.output
    assert "Traceback" not in answer.output
    assert answer.stderr.strip()
    assert all(part not in answer.output for part in ("s3cr3t", "p@ssword"))


# Stands in for a command's body, which would import MLflow.
BODY = """
import sys, types
body = sys.modules["studies.cli.storage"] = types.ModuleType("studies.cli.storage")
"""

BUG = f"""{BODY}
import threading, warnings
from studies.cli import main
def fail(*_):
    raise RuntimeError("no answer from {TRACKING}:1")
def check(options):
    warnings.warn("{TRACKING} is slow")
    thread = threading.Thread(target=fail); thread.start(); thread.join()
    fail()
body.check = check
main.app()
"""


def test_no_traceback_has_a_password() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", BUG, "storage", "check"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert answer.stderr.count("RuntimeError: no answer from http://bob:***@127.0.0.1:1") == 2
    assert "http://bob:***@127.0.0.1 is slow" in answer.stderr
    assert all(part not in answer.stderr + answer.stdout for part in ("s3cr3t", "p@ssword"))


ARGUMENTS = f"""{BODY}
import os
body.check = lambda options: print(sys.orig_argv[3:], os.environ["SER_TRACKING"])
from studies.cli.main import app
app()
"""


def test_arguments_of_a_running_command_have_no_password(tmp_path: Path) -> None:
    command = ["storage", "check", "--tracking", f"{TRACKING}:1", f"--home={tmp_path}"]
    answer = subprocess.run([sys.executable, "-c", ARGUMENTS, *command], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == f"['storage', 'check', '--home={tmp_path}'] http://bob:***@127.0.0.1:1\n"


@pytest.mark.parametrize("words", [["--storage", STORAGE], [f"--storage={STORAGE}"]])
def test_only_urls_with_a_password_are_moved(words: list[str]) -> None:
    assert move_passwords(["ser", *words, "study", "list"]) == (["ser", "study", "list"], {"SER_STORAGE": STORAGE})
    unchanged = ["ser", "report", "--tracking", "http://host:5000", "--storage=postgresql://me@host/x", "--corpus", "a"]
    assert move_passwords(unchanged) == (unchanged, {})


def test_an_option_without_its_value_stays() -> None:
    assert move_passwords(["ser", "report", "--tracking"])[1] == {}
    assert "SER_TRACKING" not in os.environ
