"""Errors of the user are answered in one line, without a traceback."""

import shutil
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from ser.errors import StudyError
from studies.cli import ui
from studies.cli.main import app
from studies.cli.ui import check_app_is_installed, check_port_is_free
from tests.support.corpora import write_emodb, write_text

TINY = ("--recipe", "quick", "--set", "cells=4", "--set", "epochs=1", "--set", "precision=fp32", "--workers", "1")
STEMS = [f"{speaker}a01{letter}a" for speaker in ("03", "08", "09", "10") for letter in "WLEAFTN"]


def ser(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def refused(*arguments: str) -> str:
    """Runs a command that must end with exit code 1, and returns its one line of complaint."""
    answer = ser(*arguments)
    assert answer.exit_code == 1, answer.output
    lines = answer.stderr.splitlines()
    assert len(lines) == 1, answer.stderr
    assert lines[0].startswith("error: ")
    assert answer.stdout == ""
    return lines[0].removeprefix("error: ")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results go here, and nothing else is touched."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def emodb(tmp_path: Path) -> Path:
    return write_emodb(tmp_path / "emodb", STEMS)


def study(*arguments: str, root: Path | None = None) -> str:
    """Refuses a study of EmoDB."""
    corpus_root = () if root is None else ("--root", str(root))
    return refused("study", "run", "--attention", "none", "--corpus", "emodb", *corpus_root, *TINY, *arguments)


def test_a_corpus_without_its_folder(home: Path) -> None:
    assert study() == "corpus emodb needs its folder: --root FOLDER (with make: ROOT=FOLDER)"


def test_a_folder_that_does_not_exist(home: Path, tmp_path: Path) -> None:
    assert study(root=tmp_path / "nowhere").startswith(f"{tmp_path / 'nowhere'}: no such folder")


def test_an_empty_folder(home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert study(root=tmp_path / "empty").startswith(f"{tmp_path / 'empty'}: is empty; expected EmoDB")


def test_a_file_in_place_of_a_folder(home: Path, tmp_path: Path) -> None:
    write_text(tmp_path / "file", "text")
    assert study(root=tmp_path / "file").startswith(f"{tmp_path / 'file'}: is a file")


def test_a_corpus_whose_recordings_are_text(home: Path, emodb: Path) -> None:
    for wav in (emodb / "wav").iterdir():
        wav.write_text("no sound")
    complaint = study(root=emodb)
    assert complaint.startswith(
        f"{emodb}: 28 of 28 audio files cannot be read (first: {emodb / 'wav' / min(STEMS)}.wav"
    )


def test_a_corpus_with_one_speaker(home: Path, tmp_path: Path) -> None:
    root = write_emodb(tmp_path / "one", [stem for stem in STEMS if stem.startswith("03")])
    assert study(root=root).startswith("corpus emodb has 1 speaker(s) (03)")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--attention", "quantun"), "unknown attention 'quantun' (did you mean 'quantum'?); valid: "),
        (("--recipe", "slow"), "unknown recipe 'slow'; valid: paper, recommended, quick"),
        (("--labels", "word"), "unknown labels 'word' (did you mean 'words'?)"),
        (("--criterion", "ct"), "unknown criterion 'ct' (did you mean 'ctc'?); valid: ctc, cross_entropy"),
        (("--scope", "4"), "scope 4 is not an odd number of frames, 1 or more"),
        (("--scope", "0"), "scope 0 is not an odd number of frames, 1 or more"),
        (("--attention", "local", "--scope", "9", "--scope", "8"), "scope 8 is not an odd number of frames"),
        (("--seeds", "0"), "--seeds must be 1 or more, got 0"),
        (("--workers", "0"), "--workers must be 1 or more, got 0"),
        (("--set", "epoch=3"), "unknown setting 'epoch' (did you mean 'epochs'?); valid: "),
        (("--set", "layers=few"), "layers: Input should be a valid integer"),
        (("--set", "epochs=3"), "--set epochs=3: epochs is already set to 1"),
        (("--set", "decision=vote"), "unknown decision 'vote'; valid: posterior, best_path, likelihood"),
        (("--set", "epochs"), "--set epochs: expected name=value, such as "),
    ],
)
def test_a_bad_choice(home: Path, emodb: Path, arguments: tuple[str, ...], complaint: str) -> None:
    assert study(*arguments, root=emodb).startswith(complaint)
    assert not home.exists()


def test_an_unknown_corpus(home: Path, tmp_path: Path) -> None:
    complaint = refused("study", "run", "--attention", "none", "--corpus", "emobd", "--root", str(tmp_path))
    assert complaint.startswith("unknown corpus 'emobd' (did you mean 'emodb'?); valid: ")


def test_an_unknown_corpus_is_refused_before_its_folder_is_asked_for(home: Path) -> None:
    assert refused("study", "run", "--attention", "none", "--corpus", "ravdess").startswith("unknown corpus 'ravdess'")


def test_a_tilde_is_the_folder_of_the_user(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    assert str(tmp_path / "user" / "data") in refused("study", "status", "--home=~/data")
    assert f"{tmp_path / 'user' / 'emodb'}" in ser("corpus", "check", "--corpus", "emodb", "--root=~/emodb").stderr


@pytest.mark.parametrize("command", ["ui", "dashboard"])
def test_a_port_that_cannot_exist_is_refused(home: Path, command: str) -> None:
    answer = ser(command, "--port", "80000")
    assert answer.exit_code == 2
    assert "Invalid value for '--port': Input should be less than or equal to 65535" in answer.stderr


def test_a_port_in_use_is_refused_by_the_ui() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StudyError, match=rf"port {port} of 127.0.0.1 cannot be used .*: ser ui --port {port + 1} "):
            check_port_is_free(port)
    check_port_is_free(port)


def test_no_space_for_the_features(home: Path, emodb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(total=10**6, used=10**6, free=10))
    complaint = study(root=emodb)
    assert complaint.startswith(f"{home / 'features'}: no room for the feature store: ")
    assert " bytes needed, 10 bytes free; free some and run the command again" in complaint
    assert [path.name for path in (home / "features").iterdir() if not path.name.endswith(".lock")] == []


@pytest.mark.parametrize("command", [("report",), ("ui",), ("study", "status"), ("report", "--corpus", "emodb")])
def test_no_study_yet(home: Path, command: tuple[str, ...]) -> None:
    of = " of corpus emodb" if "emodb" in command else ""
    complaint = f"there is no study{of} in SQLite {home / 'optuna.db'}; run one with: ser study run --attention none"
    assert refused(*command) == complaint
    assert not home.exists()


def test_listing_no_studies_is_no_error(home: Path) -> None:
    answer = ser("study", "list")
    assert answer.exit_code == 0
    assert "study" in answer.stdout


def test_ctrl_c_says_how_to_resume(home: Path, emodb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("studies.cli.study.run.run_study", interrupt)
    answer = ser("study", "run", "--attention", "none", "--corpus", "emodb", "--root", str(emodb), *TINY)
    assert (answer.exit_code, answer.stderr) == (130, "Stopped. Run the same command to resume.\n")


def test_an_installation_older_than_its_code_is_told_how_to_update(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui, "APP_NAME", "an app of a later version")
    with pytest.raises(StudyError, match="older than its code; update it with: make setup"):
        check_app_is_installed()
