import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from studies import provenance
from studies.provenance import provenance_tags


def test_tags_name_versions_and_processor() -> None:
    tags = provenance_tags("a processor")
    for package in ("torch", "optuna", "mlflow", "numpy", "ser-studies"):
        assert tags[f"ser.version.{package}"] == version(package)
    assert tags["ser.processor"] == "a processor"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git checkout with one commit that the code seems to lie in."""
    git = ("git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "code.py").write_text("x = 1\n")
    subprocess.run([*git, "add", "code.py"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True)
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "code.py"))
    return tmp_path


def test_the_commit_and_whether_it_was_changed(checkout: Path) -> None:
    head = subprocess.run(["git", "-C", str(checkout), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    (checkout / "untracked.txt").write_text("new")
    tags = provenance_tags("a processor")
    assert (tags["ser.git_commit"], tags["ser.git_dirty"]) == (head.stdout.strip(), "false")
    (checkout / "code.py").write_text("x = 2\n")
    assert provenance_tags("a processor")["ser.git_dirty"] == "true"


def test_installed_into_somebody_elses_checkout_there_is_no_commit(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "packages").mkdir()
    monkeypatch.setattr(provenance, "__file__", str(checkout / "packages" / "code.py"))
    assert "ser.git_commit" not in provenance_tags("a processor")


def test_outside_of_a_checkout_or_without_git_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "code.py"))
    assert "ser.git_commit" not in provenance_tags("a processor")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "ser.git_commit" not in provenance_tags("a processor")
