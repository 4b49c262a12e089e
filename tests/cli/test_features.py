"""Feature stores by command: built without a study, listed, checked, exported and read again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ser.feature_settings import LogMelSettings
from ser.features.store import FeatureStore
from studies.cli.main import app
from studies.search.summaries import list_studies
from studies.storages.sqlite import SqliteStorage
from tests.support.corpora import write_emodb

STEMS = [f"{speaker}a01{letter}a" for speaker in ("03", "08", "09", "10") for letter in "WLEAFTN"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_home: Callable[[Path], Path]) -> Path:
    folder = tmp_path_factory.mktemp("features")
    make_home(folder / "home")
    write_emodb(folder / "emodb", STEMS)
    return folder


def ser(folder: Path, *arguments: str, code: int = 0) -> Result:
    answer = CliRunner().invoke(app, [*arguments, "--home", str(folder / "home")], env={"COLUMNS": "200"})
    assert answer.exit_code == code, answer.output
    return answer


def build(folder: Path, *features: str, code: int = 0, export: str = "") -> Result:
    words = [word for name in features for word in ("--features", name)]
    words += ["--export", str(folder / export)] if export else []
    return ser(folder, "features", "build", "--corpus", "emodb", "--root", str(folder / "emodb"), *words, code=code)


def test_stores_are_built_listed_and_checked(folder: Path) -> None:
    build(folder, "log_mel", "log_mel_prosody")
    listed = ser(folder, "features", "list").stdout
    rows = [line for line in listed.splitlines() if "emodb" in line]
    assert len(rows) == 2
    assert any("log_mel_prosody" in row and " 70 " in row for row in rows)
    assert "2 of 2 stores hold what was written" in ser(folder, "features", "check").stdout


@pytest.mark.parametrize("command", ["list", "check"])
def test_a_home_without_stores_is_named(tmp_path: Path, command: str) -> None:
    answer = CliRunner().invoke(app, ["features", command, "--home", str(tmp_path)])
    assert (answer.exit_code, answer.stdout) == (0, f"no feature stores in {tmp_path / 'features'}\n")


def test_a_store_of_earlier_frames_is_not_read_but_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = folder / "earlier"
    words = ["features", "build", "--corpus", "emodb", "--root", str(folder / "emodb"), "--home", str(home)]
    words += ["--features", "log_mel"]
    monkeypatch.setattr(LogMelSettings, "frames_version", LogMelSettings.frames_version - 1)
    assert CliRunner().invoke(app, words).exit_code == 0
    (earlier,) = (home / "features").glob("[!.]*")
    monkeypatch.undo()
    assert CliRunner().invoke(app, words).exit_code == 0
    (newer,) = set((home / "features").glob("[!.]*")) - {earlier}
    listed = CliRunner().invoke(app, ["features", "list", "--home", str(home)], env={"COLUMNS": "200"}).stdout
    assert f"{earlier}: frames of an earlier version" in listed
    assert str(newer) not in listed
    assert "2 of 2 stores" in CliRunner().invoke(app, ["features", "check", "--home", str(home)]).stdout


def test_a_damaged_store_is_named(folder: Path) -> None:
    build(folder, "log_mel")
    (path,) = [path for path in (folder / "home" / "features").iterdir() if (path / "frames.f32").exists()][:1]
    content = (path / "frames.f32").read_bytes()
    try:
        (path / "frames.f32").write_bytes(b"x" + content[1:])
        output = ser(folder, "features", "check", code=1).stdout
        assert f"{path / 'frames.f32'}: expected frames with digest" in output
    finally:
        (path / "frames.f32").write_bytes(content)


def test_a_study_of_exported_frames_equals_that_of_the_front_end(folder: Path) -> None:
    output = build(folder, "log_mel", export="exported").stdout
    frames = folder / "exported" / "log_mel"
    assert f"read by files:{frames}@0.01" in output
    frames = frames.rename(folder / "exported" / "lab")
    words = ["--attention", "none", "--labels", "words", "--set", "cells=4", "--set", "epochs=1", "--workers", "1"]
    words += ["--set", "precision=fp32", "--features", "log_mel", "--features", f"files:{frames}@0.01"]
    ser(folder, "study", "run", "--corpus", "emodb", "--root", str(folder / "emodb"), *words)
    (study,) = list_studies(SqliteStorage(folder / "home" / "optuna.db"))
    assert "-none-log_mel+lab-" in study.name
    trials = {trial.params["features"]: trial.value for trial in study.optuna_trials}
    assert trials.keys() == {"log_mel", "lab"}
    assert trials["log_mel"] == trials["lab"]
    stores = {FeatureStore.open(path).settings.label for path in (folder / "home" / "features").glob("[!.]*")}
    assert stores >= {"log_mel", "lab"}


def test_an_export_overwrites_nothing(folder: Path) -> None:
    (folder / "full" / "log_mel").mkdir(parents=True)
    (folder / "full" / "log_mel" / "notes.txt").write_text("mine")
    assert "expected a new or an empty folder" in build(folder, "log_mel", export="full", code=1).output
    assert "unknown features 'mel'" in build(folder, "mel", code=1).output
