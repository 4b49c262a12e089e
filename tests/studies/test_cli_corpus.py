from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner

from ser.config import FeatureSettings
from ser.corpora import open_corpus
from ser.errors import CorpusError
from studies.cli.corpus import app
from studies.corpus_summary import capped_targets, count_summary, group_rows
from tests.corpus_files import lablaut, write_emodb, write_text

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
    assert "words from: transcript 4" in lines
    assert "voiced phonemes from: labels 3, imputed 1" in lines
    assert f"digest: {open_corpus('emodb', root).digest}" in lines
    assert any(line.startswith("03a01Wa: 3 voiced phonemes imputed") for line in lines)
    assert f"09a01Fa: {root / 'wav' / '09a01Fa.wav'}: cannot be decoded as audio: Format not recognised." in lines


def test_check_lets_errors_of_the_user_through(tmp_path: Path) -> None:
    answer = runner.invoke(app, ["check", "--corpus", "emodb", "--root", str(tmp_path)])
    assert isinstance(answer.exception, CorpusError)


def test_make_demo_says_where_the_corpus_is(demo_root: Path) -> None:
    answer = runner.invoke(app, ["make-demo", "--root", str(demo_root)])
    assert answer.exit_code == 0, answer.output
    assert str(demo_root) in answer.output.replace("\n", "")


def test_make_layout_writes_a_corpus_that_check_reads(tmp_path: Path) -> None:
    table, where = tmp_path / "table.csv", tmp_path / "made"
    rows = ("Ses01F_impro01_F000,neu,0.5", "Ses01F_impro01_M000,exc,0.5", "Ses01F_script01_1_F000,sad,0.5")
    table.write_text("id,label,duration_s\n" + "\n".join(rows) + "\n")
    command = ["make-layout", "iemocap", "--table", str(table), "--root", str(where), "--seed", "3", "--decoys"]
    answer = runner.invoke(app, command)
    assert answer.exit_code == 0, answer.output
    assert "3 utterances are in" in answer.output
    checked = runner.invoke(app, ["check", "--corpus", "iemocap", "--root", str(where), "--corpus-set", "part=both"])
    assert checked.exit_code == 0, checked.output
    lines = [" ".join(line.split()) for line in checked.output.splitlines()]
    assert "Ses01 1 1 1 0 3 0.0" in lines
    assert any(line.startswith("synthetic:") for line in lines)
    again = runner.invoke(app, command)
    assert isinstance(again.exception, CorpusError)
    assert "is not an empty folder" in str(again.exception)


def test_the_help_of_make_layout_names_every_column() -> None:
    from ser.corpora.layouts import LAYOUTS

    shown = runner.invoke(app, ["make-layout", "--help"]).output
    for layout in LAYOUTS.values():
        assert [column for column in layout.columns if column not in shown] == []


def test_groups_are_sessions_where_there_are_sessions(demo_root: Path, root: Path) -> None:
    sessions = group_rows(open_corpus("demo", demo_root))
    assert [(row.name, row.emotions) for row in sessions] == [(f"Ses0{n}", (10, 10, 10, 10)) for n in range(1, 6)]
    wavs = (demo_root / "Session2").rglob("*.wav")
    assert sessions[1].duration_s == pytest.approx(sum(soundfile.info(path).duration for path in wavs))
    assert [row.name for row in group_rows(open_corpus("emodb", root))] == ["03", "08", "09"]


def test_capped_targets_follow_from_frames_and_counts(root: Path) -> None:
    # Half a second has 51 frames of 10 ms, 26 of 20 ms and 17 of 30 ms: 26, 13 and 9 labels fit.
    for stem, phones in (("03a01Wa", 13), ("03a02Na", 14), ("08a01Wa", 9), ("08a01Wb", 4), ("09a01Fa", 5)):
        write_text(root / "lablaut" / f"{stem}xx.lablaut", lablaut(*"a" * phones))
    reports = capped_targets(open_corpus("emodb", root), FeatureSettings(), (1, 2, 3))
    capped = {strategy: [report.capped for report in row] for strategy, row in reports.items()}
    assert capped == {"words": [0, 0, 0], "phonemes": [0, 1, 2], "phonemes_x2": [1, 3, 4], "utterance": [0, 0, 0]}


def test_count_means_are_over_known_counts(root: Path) -> None:
    write_text(root / "lablaut" / "09a01Faxx.lablaut", lablaut(*"aaaaaaaa"))
    summary = count_summary(open_corpus("emodb", root))
    assert summary.words_from == {"transcript": 5}
    assert summary.voiced_phonemes_from == {"labels": 5}
    assert (summary.mean_words, summary.mean_voiced_phonemes) == (6.0, 4.0)
