"""`ser predict` prints what programs read, and refuses what an output cannot hold before it computes anything."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from studies.cli.main import app
from tests.support.corpora import write_wav
from tests.support.toy_models import write_model

_UA = {"speaker": 0.8, "stranger": 0.5}
BY_SITUATION: dict[str, Any] = {"expected_ua": _UA, "expected_wa": _UA}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_model(tmp_path / "model")
    return tmp_path / "model"


def predict(*arguments: object) -> tuple[int, str, str]:
    answer = CliRunner().invoke(app, ["predict", *map(str, arguments)])
    return answer.exit_code, answer.stdout, answer.stderr


def test_formats_agree_on_the_emotion(tmp_path: Path, model: Path) -> None:
    path = write_wav(tmp_path / "a.wav")
    _, lines, _ = predict(path, "--model", model, "--format", "jsonl")
    emotion = json.loads(lines)["emotion"]
    _, table, _ = predict(path, "--model", model, "--format", "audformat")
    assert table.splitlines()[0] == "file,emotion,anger,sadness,entropy"
    assert table.splitlines()[1].startswith(f"{path},{emotion},0.")
    _, grid, _ = predict(path, "--model", model, "--format", "textgrid")
    assert f'text = "{emotion}"' in grid


def test_text_grids_of_several_recordings_go_to_a_folder(tmp_path: Path, model: Path) -> None:
    paths = [write_wav(tmp_path / name) for name in ("a.wav", "b.wav")]
    code, _, errors = predict(*paths, "--model", model, "--format", "textgrid")
    assert (code, "a TextGrid holds one recording, and there are 2" in errors) == (1, True)
    grids = tmp_path / "grids"
    code, output, _ = predict(*paths, "--model", model, "--format", "textgrid", "--output", grids)
    assert (code, output) == (0, "")
    assert sorted(path.name for path in grids.iterdir()) == ["a.TextGrid", "b.TextGrid"]
    code, _, errors = predict(*paths, "--model", model, "--format", "textgrid", "--output", grids)
    assert (code, "a.TextGrid: exists already" in errors) == (1, True)


def test_text_grids_of_one_name_are_refused(tmp_path: Path, model: Path) -> None:
    paths = [write_wav(tmp_path / name) for name in ("a.wav", "a.flac")]
    code, _, errors = predict(*paths, "--model", model, "--format", "textgrid", "--output", tmp_path / "grids")
    assert (code, "would both be written to" in errors) == (1, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--page", "talk.html"], "add --timeline"),
        (["--timeline", "--page", "a.wav"], "expected a name that ends in .html, got a.wav"),
        (["--timeline", "--speaker-from", "folder"], "drop --speaker-from"),
        (["--output", "grids"], "add --format textgrid"),
        (["--timeline", "--window", "0"], "window 0 s: expected 0.25 to 30 s"),
        (["--window-s", "2"], "--window-s and --step-s are those of a timeline: add --timeline"),
        (["--encoder", "folder"], "its front end log_mel is no pretrained encoder"),
        (["--timeline", "--step-s", "9"], "step 9 s: expected 0.1 s to the window's 3 s"),
    ],
)
def test_contradicting_options_are_refused(tmp_path: Path, model: Path, options: list[str], message: str) -> None:
    code, _, errors = predict(write_wav(tmp_path / "a.wav"), "--model", model, *options)
    assert (code, message in " ".join(errors.split())) == (1, True)


def test_a_recording_that_is_named_twice_is_predicted_once(tmp_path: Path, model: Path) -> None:
    path = write_wav(tmp_path / "talks" / "a.wav")
    options = ("--model", model, "--format", "csv")
    code, table, errors = predict(path, tmp_path / "talks", tmp_path / "model" / ".." / "talks" / "a.wav", *options)
    assert (code, len(table.splitlines()), "1 recording: " in errors) == (0, 2, True)


def test_a_folder_without_audio_is_named(tmp_path: Path, model: Path) -> None:
    code, _, errors = predict(model, "--model", model)
    assert (code, f"{model}: holds no audio file" in " ".join(errors.split())) == (1, True)


def test_timeline_skips_what_it_cannot_read(tmp_path: Path, model: Path) -> None:
    pytest.importorskip("silero_vad")
    (tmp_path / "text.wav").write_text("no sound")
    noise = write_wav(tmp_path / "noise.wav")
    page = tmp_path / "talk.html"
    code, output, errors = predict(
        noise, tmp_path / "text.wav", "--model", model, "--timeline", "--format", "csv", "--page", page
    )
    assert (code, output) == (0, "file,start_s,end_s,emotion,anger,sadness,entropy\n")
    assert "text.wav: cannot be decoded as audio" in errors
    assert "noise.wav" in page.read_text(encoding="utf-8")


def test_few_recordings_of_a_speaker_are_warned_of(tmp_path: Path) -> None:
    samples = {"f1": ("0",) * 9, "m1": ("1",) * 11}
    write_model(
        tmp_path / "model", settings={"normalisation": "zscore_speaker"}, samples_digests=samples, **BY_SITUATION
    )
    for name in ("s1/a.wav", "s1/b.wav", *(f"s2/{number}.wav" for number in range(5))):
        write_wav(tmp_path / name)
    options = ("--model", tmp_path / "model", "--speaker-from", "folder")
    _, _, errors = predict(tmp_path / "s1", tmp_path / "s2", *options)
    warning = "s1 has 2 recordings; the expected UA is that of about 10 recordings of a speaker, and lower with few"
    assert warning in " ".join(errors.split())
    _, _, errors = predict(tmp_path / "s2", *options)
    assert "lower with few" not in errors


def test_timeline_does_not_ask_for_folders_of_speakers(tmp_path: Path) -> None:
    pytest.importorskip("silero_vad")
    write_model(tmp_path / "model", settings={"normalisation": "zscore_speaker"}, **BY_SITUATION)
    options = (write_wav(tmp_path / "a.wav"), "--model", tmp_path / "model")
    assert "--speaker-from folder" in " ".join(predict(*options)[2].split())
    assert "--speaker-from" not in predict(*options, "--timeline")[2]


def test_only_readable_recording_of_a_folder_is_a_strangers(tmp_path: Path) -> None:
    write_model(tmp_path / "model", settings={"normalisation": "zscore_speaker"})
    folder = tmp_path / "anna"
    folder.mkdir()
    (folder / "text.wav").write_text("no sound")
    alone = write_wav(folder / "a.wav")
    said = f"{alone}: the only readable recording of its folder, so no speaker known"
    code, _, errors = predict(folder, "--model", tmp_path / "model", "--speaker-from", "folder", "--format", "csv")
    assert (code, said in errors.splitlines()) == (0, True), errors
    write_wav(folder / "b.wav")
    _, _, errors = predict(folder, "--model", tmp_path / "model", "--speaker-from", "folder", "--format", "csv")
    assert "no speaker known" not in errors
