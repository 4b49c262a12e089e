"""What make passes on, as `make -n` prints it; nothing is run."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def recipe(*arguments: str) -> list[list[str]]:
    """Words of each command that make would run, as the shell reads them."""
    command = ["make", "--no-print-directory", "-n", *arguments]
    answer = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    return [shlex.split(line) for line in answer.stdout.replace("\\\n", " ").splitlines()]


@pytest.mark.parametrize("target", ["study", "studies"])
def test_values_with_blanks_and_quotes_are_one_word(target: str) -> None:
    values = {"ROOT": "/my corpora/a 'b'", "SER_HOME": "/my data/$HOME; ls"}
    settings = [f"{name}={value.replace('$', '$$')}" for name, value in values.items()]
    (words,) = recipe("-o", "setup", target, *settings)
    assert words[words.index("--root") + 1] == values["ROOT"]
    assert words[words.index("--home") + 1] == values["SER_HOME"]


@pytest.mark.parametrize("torch", ["cpu", "cuda"])
def test_packages_are_installed_by_their_hashes(tmp_path: Path, torch: str) -> None:
    commands = recipe(f"VENV={tmp_path}/venv", f"TORCH={torch}", "CORPUS=demo", "EXECUTOR=ray", "setup")
    installs = [words for words in commands if "install" in words and "-r" in words]
    assert len(installs) >= 4
    assert all("--require-hashes" in words and "--no-deps" in words for words in installs)
    # A package of an index beside PyPI could take the place of another one.
    assert not any("--extra-index-url" in words for words in commands)


def test_a_study_file_stands_alone_but_for_what_is_set_beside_it() -> None:
    (words,) = recipe("-o", "setup", "study", "FILE=my study.yaml")
    assert words[words.index("--file") + 1] == "my study.yaml"
    assert not {"--attention", "--corpus", "--seeds"} & set(words)
    (words,) = recipe("-o", "setup", "study", "FILE=study.yaml", "ATTN=quantum", "SEEDS=1")
    # The command refuses them, with their names.
    assert {"--file", "--attention", "--seeds"} <= set(words)
