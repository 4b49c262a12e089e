import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ser.corpora.loading import load_corpus
from ser.corpora.synthetic import LAYOUTS
from ser.errors import ConfigurationError, CorpusError
from studies.cli.corpus.commands import app
from tests.support.corpora import write_emodb, write_fau_aibo, write_text, write_wav
from tracking.analysis.corpus_summary import as_json, summarise

runner = CliRunner()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_emodb(tmp_path / "emodb", ["03a01Wa", "03a02Na", "08a01Wa", "08a01Wb", "09a01Fa"])


def test_every_command_has_help_with_an_example() -> None:
    for command in ("make-demo", "make-layout", "check"):
        answer = runner.invoke(app, [command, "--help"])
        assert answer.exit_code == 0
        assert f"Example: ser corpus {command}" in answer.output


def test_check_shows_classes_counts_digest_and_what_was_left_out(root: Path) -> None:
    write_text(root / "wav" / "09a01Fa.wav", "no sound")
    (root / "lablaut" / "03a01Waxx.lablaut").unlink()
    answer = runner.invoke(app, ["check", "--corpus", "emodb", "--root", str(root)])
    assert answer.exit_code == 0, answer.output
    lines = [" ".join(line.split()) for line in answer.output.splitlines()]
    assert "speaker anger boredom disgust fear happiness sadness neutral all min" in lines
    assert "03 1 0 0 0 0 0 1 2 0.0" in lines
    assert "08 2 0 0 0 0 0 0 2 0.0" in lines
    assert "all 3 0 0 0 0 0 1 4 0.0" in lines
    assert "phonemes_x2 0 of 4 0 of 4 0 of 4" in lines
    assert "anger 0.50 0.50 0.50 0.0" in lines
    assert "words transcript 4 6.0 6 6" in lines
    assert "voiced phonemes labels 3 3.0 3 3" in lines
    assert "imputed 1 3.0 3 3" in " ".join(lines)
    assert f"digest: {load_corpus('emodb', root).digest}" in lines
    assert any(line.startswith("03a01Wa: 3 voiced phonemes imputed") for line in lines)
    assert f"09a01Fa: {root / 'wav' / '09a01Fa.wav'}: cannot be decoded as audio: Format not recognised." in lines


def test_names_that_look_like_markup_are_shown_as_they_are(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_wav(tmp_path / f"{name}.wav")
    rows = ["a.wav,[/x],[bold]joy", "b.wav,[/x],anger", "c.wav,s2,[bold]joy"]
    (tmp_path / "manifest.csv").write_text("\n".join(["path,speaker,emotion", *rows]) + "\n")
    answer = runner.invoke(app, ["check", "--corpus", "manifest", "--root", str(tmp_path)])
    assert answer.exit_code == 0, answer.output
    lines = [" ".join(line.split()) for line in answer.output.splitlines()]
    assert "speaker [bold]joy anger all min" in lines
    assert "[/x] 1 1 2 0.0" in lines


def test_check_prints_the_same_as_one_json_object(root: Path) -> None:
    write_text(root / "wav" / "09a01Fa.wav", "no sound")
    answer = runner.invoke(app, ["check", "--corpus", "emodb", "--root", str(root), "--json"])
    assert answer.exit_code == 0, answer.output
    printed = json.loads(answer.stdout)
    assert printed == json.loads(json.dumps(as_json(summarise(load_corpus("emodb", root)))))
    assert (printed["corpus"], printed["utterances"], printed["synthetic"]) == ("emodb", 4, False)
    (by_speaker,) = printed["classes"]
    assert by_speaker["by"] == "speaker"
    assert by_speaker["rows"][1]["emotions"] == dict.fromkeys(printed["emotions"], 0) | {"anger": 2}
    assert [(row["count"], row["source"], row["utterances"]) for row in printed["counts"]] == [
        ("words", "transcript", 4),
        ("voiced phonemes", "labels", 4),
    ]
    assert [file["name"] for file in printed["skipped"]] == ["09a01Fa"]


def test_check_shows_both_schools_of_fau_aibo_and_the_parts(tmp_path: Path) -> None:
    chunks = {f"Ohm_0{n}_000_00": label for n, label in enumerate("AENPR", start=1)} | {"Mont_01_000_00": "N"}
    root = write_fau_aibo(tmp_path / "aibo", chunks)
    answer = runner.invoke(app, ["check", "--corpus", "fau_aibo", "--root", str(root)])
    assert answer.exit_code == 0, answer.output
    lines = [" ".join(line.split()) for line in answer.stdout.splitlines()]
    assert "site anger emphatic neutral positive rest all min" in lines
    assert "Mont 0 0 1 0 0 1 0.0" in lines
    assert "Ohm 1 1 1 1 1 5 0.0" in lines
    assert "all 1 1 2 1 1 6 0.1" in lines
    first = lines.index("fau_aibo: utterances by split")
    assert [line.split()[0] for line in lines[first + 4 : first + 7]] == ["training", "validation", "test"]


@pytest.mark.parametrize(("name", "begin"), [("classes.png", b"\x89PNG"), ("classes.SVG", b"<?xml")])
def test_check_draws_into_a_file_and_keeps_json_apart(root: Path, tmp_path: Path, name: str, begin: bytes) -> None:
    file = tmp_path / name
    command = ["check", "--corpus", "emodb", "--root", str(root), "--json", "--plot", str(file)]
    answer = runner.invoke(app, command)
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["corpus"] == "emodb"
    assert str(file) in answer.stderr.replace("\n", "")
    assert file.read_bytes().startswith(begin)
    assert {path.name for path in tmp_path.iterdir()} == {file.name, "emodb"}


@pytest.mark.parametrize("name", ["classes.pdf", "classes", "nowhere/classes.png", "folder.png"])
def test_a_file_for_no_figure_is_refused_before_audio_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.png").mkdir()
    command = ["check", "--corpus", "emodb", "--root", str(tmp_path / "none"), "--plot", str(tmp_path / name)]
    answer = runner.invoke(app, command)
    assert isinstance(answer.exception, ConfigurationError)
    assert str(tmp_path / name) in str(answer.exception)


@pytest.mark.skipif(find_spec("espeakng_loader") is None, reason="needs eSpeak NG")
def test_transcripts_of_emodb_agree_with_its_hand_labels(emodb_root: Path) -> None:
    answer = runner.invoke(app, ["check", "--corpus", "emodb", "--root", str(emodb_root)])
    assert answer.exit_code == 0, answer.output
    (line,) = [line for line in answer.stdout.splitlines() if line.startswith("voiced phonemes by grapheme")]
    numbers = re.search(r": (\d+) utterances, mean absolute error (\d+\.\d+), .* correlation (\d\.\d+)$", line)
    assert numbers is not None
    assert int(numbers[1]) == 533
    assert 0 < float(numbers[2]) < 5
    assert float(numbers[3]) >= 0.9


def test_check_lets_errors_of_the_user_through(tmp_path: Path) -> None:
    answer = runner.invoke(app, ["check", "--corpus", "emodb", "--root", str(tmp_path)])
    assert isinstance(answer.exception, CorpusError)


def test_make_demo_says_where_the_corpus_is(demo_root: Path) -> None:
    answer = runner.invoke(app, ["make-demo", "--root", str(demo_root)])
    assert answer.exit_code == 0, answer.output
    assert str(demo_root) in answer.output.replace("\n", "")


def test_make_layout_writes_a_corpus_that_check_reads(tmp_path: Path) -> None:
    table, root = tmp_path / "table.csv", tmp_path / "made"
    rows = ("Ses01F_impro01_F000,neu,0.5", "Ses01F_impro01_M000,exc,0.5", "Ses01F_script01_1_F000,sad,0.5")
    table.write_text("id,label,duration_s\n" + "\n".join(rows) + "\n")
    command = ["make-layout", "iemocap", "--table", str(table), "--root", str(root), "--seed", "3", "--decoys"]
    answer = runner.invoke(app, command)
    assert answer.exit_code == 0, answer.output
    assert "3 utterances are in" in answer.output
    checked = runner.invoke(app, ["check", "--corpus", "iemocap", "--root", str(root), "--corpus-set", "part=both"])
    assert checked.exit_code == 0, checked.output
    lines = [" ".join(line.split()) for line in checked.output.splitlines()]
    assert "Ses01 1 1 1 0 3 0.0" in lines
    assert any(line.startswith("synthetic speech") for line in lines)
    again = runner.invoke(app, command)
    assert isinstance(again.exception, CorpusError)
    assert "is not an empty folder" in str(again.exception)


def test_the_help_of_make_layout_names_every_column() -> None:
    output = runner.invoke(app, ["make-layout", "--help"]).output
    for layout in LAYOUTS.values():
        assert [column for column in layout.COLUMNS if column not in output] == []
