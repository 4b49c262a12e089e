"""`ser model evaluate` scores a model on a corpus, and `ser report --cross` shows all that was evaluated."""

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ser.corpora.corpus import Corpus
from studies.cli.main import app
from studies.cli.terminal.cross_table import print_cross_table, print_evaluation
from tests.support.toy_corpus import write_corpus
from tests.support.toy_models import TOY_CORPUS, write_model
from tracking.backend.client import connect
from tracking.results.evaluations import Evaluation


@pytest.fixture
def home(tmp_path: Path, empty_store: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    (home / "mlflow.db").write_bytes(empty_store.read_bytes())
    write_model(home / "models" / "first")
    return home


def write_manifest(folder: Path) -> Corpus:
    folder.mkdir()
    corpus = write_corpus(folder)
    names = {"anger": "angry", "sadness": "sadness"}
    rows = ["path,speaker,emotion"]
    rows += [f"{entry.path.name},{entry.speaker},{names[entry.emotion]}" for entry in corpus.utterances]
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return corpus


def ser(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--home", str(home)], env={"COLUMNS": "80"})


def test_scores_are_printed_saved_and_logged(home: Path, tmp_path: Path) -> None:
    write_manifest(tmp_path / "corpus")
    options = ("--corpus", "manifest", "--root", str(tmp_path / "corpus"), "--corpus-set", "name=field")
    answer = ser(home, "model", "evaluate", *options, "--map", "angry=anger")
    assert answer.exit_code == 0, answer.output
    assert "made-up-none-utterance on corpus field: 16 utterances of 4 speakers" in answer.stdout
    assert "classes: anger (angry), sadness" in answer.stdout
    assert len(list((home / "evaluations").iterdir())) == 1
    client = connect(home / "mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name = 'made-up'")
    assert len(client.search_runs([experiment.experiment_id], "tags.`ser.kind` = 'evaluation'")) == 1
    cross = ser(home, "report", "--cross")
    assert "on field" in cross.stdout
    assert "2 classes: anger (angry), sadness" in " ".join(cross.stdout.split())
    (row,) = csv.DictReader((home / "reports" / "cross.csv").read_text(encoding="utf-8").splitlines())
    assert (row["training_corpus"], row["test_corpus"], row["utterances"]) == ("made-up", "field", "16")
    assert f"{100 * float(row['ua']):.1f}%" in cross.stdout
    # The made-up model does not say of which recordings it was made.
    assert "not checked for recordings of the training" in " ".join(cross.stdout.split())
    assert (row["training_checked_by"], row["unreadable_utterances"]) == ("not checked", "0")


def test_outage_of_mlflow_is_one_line_and_loses_no_score(home: Path, tmp_path: Path) -> None:
    write_manifest(tmp_path / "corpus")
    options = ("--corpus", "manifest", "--root", str(tmp_path / "corpus"), "--map", "angry=anger")
    answer = ser(home, "model", "evaluate", *options, "--tracking", "http://127.0.0.1:9")
    assert answer.exit_code == 0, answer.output
    assert "not logged to MLflow: tracking server http://127.0.0.1:9 unavailable" in answer.stderr
    assert len(list((home / "evaluations").iterdir())) == 1


def test_table_of_nothing_says_how_to_evaluate(home: Path) -> None:
    answer = ser(home, "report", "--cross")
    assert answer.exit_code == 1
    assert "no model has been evaluated; evaluate one with: ser model evaluate" in str(answer.output)


@pytest.mark.parametrize(
    "option", ["--corpus emodb", "--study s", "--variants v", "--margin 5", "--unseen", "--audio", "--watch"]
)
def test_option_without_effect_on_the_table_is_refused(home: Path, option: str) -> None:
    answer = ser(home, "report", "--cross", *option.split())
    assert answer.exit_code == 1
    assert f"--cross is the table of all evaluations: it takes --home and --output, and no {option.split()[0]}" in (
        " ".join(str(answer.output).split())
    )


def evaluation_of(classes: tuple[str, ...]) -> Evaluation:
    return Evaluation(
        model="a-model-with-a-long-name-of-its-own",
        variant="none",
        study="first",
        weights_sha256="0",
        trained_on="all",
        training_corpus=TOY_CORPUS,
        test_corpus=TOY_CORPUS.model_copy(update={"name": "spoken", "digest": "1", "synthetic": True}),
        networks="all",
        situation="stranger",
        mapping={name: name for name in classes},
        classes=classes,
        utterances=len(classes) ** 2,
        speakers=1,
        ua=0.5,
        wa=0.5,
        ua_interval=None,
        wa_interval=None,
        recalls=(1.0, *(0.0 for _ in classes[1:])),
        confusion=tuple((1,) * len(classes) for _ in classes),
    )


def test_synthetic_speech_is_named_beside_its_scores(capsys: pytest.CaptureFixture[str]) -> None:
    evaluation = evaluation_of(("anger", "sadness"))
    print_evaluation(evaluation)
    text = capsys.readouterr().out
    assert "synthetic speech: the scores say nothing about people" in text
    print_cross_table([evaluation])
    text = "".join(capsys.readouterr().out.split())
    assert "(syntheticspeech)" in text
    assert "made-up,allspeakers" in text
    assert "…" not in text


def test_names_of_many_classes_are_not_cut(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    names = tuple(f"contentment{number}" for number in range(9))
    evaluation = evaluation_of(names)
    print_evaluation(evaluation)
    text = capsys.readouterr().out
    assert "…" not in text
