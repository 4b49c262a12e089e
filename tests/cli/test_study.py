"""A small study by command, with real workers, and the commands that look at it."""

import csv
import html
import json
import os
import platform
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from typer.testing import CliRunner, Result

from studies.cli.main import app
from studies.search.summaries import StudySummary, list_studies
from studies.storages.lock_file import coordinator_lock
from studies.storages.sqlite import SqliteStorage
from tests.support.corpora import write_emodb, write_manifest, write_text
from tracking.backend.client import connect
from tracking.backend.queries import search_runs

STEMS = [f"{speaker}a01{letter}a" for speaker in ("03", "08", "09", "10") for letter in "WLEAFTN"]
TINY = ("--labels", "words", "--set", "cells=4", "--set", "epochs=2", "--set", "precision=fp32", "--workers", "2")
FOLDS = 4


@dataclass(frozen=True)
class StudyFolder:
    """Folders of a corpus and of its results, and the command on them."""

    corpus: Path
    home: Path

    def ser(self, *arguments: str) -> Result:
        answer = CliRunner().invoke(app, [*arguments, "--home", str(self.home)], env={"COLUMNS": "200"})
        assert answer.exit_code == 0, answer.output
        return answer

    def study(self, *attentions: str) -> Result:
        return self.ser(*self.command(*attentions))

    def command(self, *attentions: str) -> list[str]:
        chosen = [text for attention in attentions for text in ("--attention", attention)]
        return ["study", "run", "--corpus", "emodb", "--root", str(self.corpus), "--no-baseline", *chosen, *TINY]

    def refused(self, *arguments: str) -> Result:
        answer = CliRunner().invoke(app, [*arguments, "--home", str(self.home)], env={"COLUMNS": "200"})
        assert answer.exit_code == 1, answer.output
        return answer

    def summary(self, attentions: str = "quantum") -> StudySummary:
        studies = list_studies(SqliteStorage(self.home / "optuna.db"))
        (study,) = (study for study in studies if f"-{attentions}-" in study.name)
        return study

    def client(self) -> MlflowClient:
        return connect(self.home / "mlflow.db")

    def runs(self, **tags: str) -> list[Run]:
        location = self.summary().location
        assert location is not None
        return search_runs(self.client(), location.experiment, **tags)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    root = tmp_path_factory.mktemp("study")
    write_emodb(root / "emodb", STEMS)
    write_text(root / "emodb" / "wav" / "16a01Fa.wav", "no sound")
    write_text(root / "emodb" / "lablaut" / "16a01Faxx.lablaut", "")
    return StudyFolder(root / "emodb", root / "home")


@pytest.fixture(scope="module")
def first(folder: StudyFolder) -> Result:
    return folder.study("quantum")


@pytest.fixture(scope="module")
def ran(first: Result, folder: StudyFolder) -> StudyFolder:
    """Return the folder after the first study."""
    return folder


def test_a_study_ends_with_its_table_and_where_to_go_on(first: Result, folder: StudyFolder) -> None:
    lines = first.stdout.splitlines()
    assert any("quantum · words" in line for line in lines)
    assert any("logistic regression" in line for line in lines)
    assert f"study:  {folder.summary().name}" in lines
    (page,) = (Path(line.removeprefix("report: ")) for line in lines if line.startswith("report: "))
    assert page in folder.home.rglob("index.html")
    assert f"        ser predict AUDIO --home {folder.home}" in lines
    assert f"runs:   make ui SER_HOME={folder.home}" in lines


def test_progress_is_printed_line_by_line_off_a_terminal(first: Result) -> None:
    lines = [line for line in first.stderr.splitlines() if line.startswith("trials")]
    # Between them is at most a line in ten seconds, with what remains.
    assert lines[0] == f"trials 0 of 1, folds 0 of {FOLDS}"
    assert lines[-1] == f"trials 1 of 1, folds {FOLDS} of {FOLDS}"
    assert re.search("MLflow|INFO", first.stderr) is None


def test_runs_are_a_tree_and_all_finished(ran: StudyFolder) -> None:
    runs = ran.runs(ser__study=ran.summary().name)
    assert Counter(run.data.tags["ser.kind"] for run in runs) == {"study": 1, "trial": 1, "fold": FOLDS}
    assert {run.info.status for run in runs} == {"FINISHED"}
    ((trial_id, folds),) = Counter(
        run.data.tags["mlflow.parentRunId"] for run in runs if run.data.tags["ser.kind"] == "fold"
    ).items()
    assert folds == FOLDS
    assert trial_id in {run.info.run_id for run in runs if run.data.tags["ser.kind"] == "trial"}


def test_a_study_writes_a_log_with_times(ran: StudyFolder) -> None:
    lines = (ran.home / "logs" / f"{ran.summary().name}.log").read_text().splitlines()
    texts = [re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} [A-Z]+ (.*)", line) for line in lines]
    assert all(texts)
    messages = [text[1] for text in texts if text is not None]
    assert messages[0] == "study started"
    assert any("lease" in message for message in messages)
    assert sum(f"{FOLDS} of {FOLDS} folds" in message for message in messages) >= 1
    assert "study ended" in messages


def test_what_was_left_out_is_said_at_the_start(first: Result) -> None:
    assert "1 of 29 utterances are left out (first: 16a01Fa: " in first.stderr


def test_speakers_of_similar_names_are_decided_before_a_study(folder: StudyFolder, tmp_path: Path) -> None:
    speakers = ("S1", "s1", "S2", "S3")
    rows = [
        {"path": f"{speaker}-{emotion}.wav", "speaker": speaker, "emotion": emotion, "words": 2}
        for speaker in speakers
        for emotion in ("joy", "anger")
    ]
    root = str(write_manifest(tmp_path, rows))
    command = ["study", "run", "--corpus", "manifest", "--root", root, "--attention", "none", *TINY]
    answer = folder.refused(*command)
    assert "'S1' (2), 's1' (2); --corpus-set same_speaker=yes joins them" in " ".join(answer.output.split())


def test_three_speakers_run_and_an_unused_split_is_said_once(tmp_path: Path, make_home: Callable[[Path], Path]) -> None:
    subsets = {"a": "train", "b": "dev", "c": "test"}
    rows = [
        {"path": f"{speaker}-{emotion}.wav", "speaker": speaker, "emotion": emotion, "words": 2, "split": split}
        for speaker, split in subsets.items()
        for emotion in ("joy", "anger")
    ]
    root = str(write_manifest(tmp_path, rows))
    folder = StudyFolder(tmp_path, make_home(tmp_path / "home"))
    answer = folder.ser("study", "run", "--corpus", "manifest", "--root", root, "--attention", "none", *TINY)
    assert answer.stderr.count("which folds 'speaker' do not use; use --folds given (FOLDS=given)") == 1
    (study,) = list_studies(SqliteStorage(folder.home / "optuna.db"))
    assert (study.trials, study.trials_complete) == (1, 1)


def test_a_bad_recording_is_listed_and_the_study_goes_on(ran: StudyFolder) -> None:
    (study,) = ran.runs(ser__kind="study", ser__study=ran.summary().name)
    path = Path(study.info.artifact_uri.removeprefix("file://")) / "skipped.json"
    (skipped,) = json.loads(path.read_text())["skipped"]
    assert skipped["name"] == "16a01Fa"
    assert "16a01Fa" in skipped["reason"]
    (trial,) = ran.runs(ser__kind="trial", ser__study=ran.summary().name)
    assert trial.data.metrics["folds"] == FOLDS


def test_the_report_is_an_artifact_of_the_study_run(first: Result, ran: StudyFolder) -> None:
    (page,) = (Path(line[8:]) for line in first.stdout.splitlines() if line.startswith("report: "))
    (study,) = ran.runs(ser__kind="study", ser__study=ran.summary().name)
    logged = Path(study.info.artifact_uri.removeprefix("file://")) / "report"
    assert (logged / "index.html").read_bytes() == page.read_bytes()
    assert (logged / "tables" / "variants.csv").is_file()


def test_the_search_and_the_run_tell_the_same_value(ran: StudyFolder) -> None:
    (trial,) = ran.runs(ser__kind="trial", ser__study=ran.summary().name)
    assert ran.summary().best_validation_ua == trial.data.metrics["mean_validation_ua"]


def test_runs_carry_versions_and_the_processor(ran: StudyFolder) -> None:
    for run in ran.runs(ser__study=ran.summary().name):
        tags = run.data.tags
        assert tags["ser.version.torch"]
        assert tags["ser.version.ser-studies"]
        assert tags["ser.processor"]


def test_a_second_call_trains_nothing(ran: StudyFolder) -> None:
    before = {run.info.run_id: run.info.end_time for run in ran.runs()}
    answer = ran.study("quantum")
    corpus_note, progress = answer.stderr.splitlines()
    assert corpus_note.startswith("1 of 29 utterances are left out (first: 16a01Fa: ")
    assert progress == f"trials 1 of 1, folds {FOLDS} of {FOLDS}"
    assert {run.info.run_id: run.info.end_time for run in ran.runs()} == before


def test_the_file_of_a_study_resumes_it_and_is_in_its_report(ran: StudyFolder, tmp_path: Path) -> None:
    shown = ran.ser("study", "show", ran.summary().name, "--yaml").stdout
    (tmp_path / "study.yaml").write_text(shown)
    before = {run.info.run_id: run.info.end_time for run in ran.runs()}
    answer = ran.ser("study", "run", "--file", str(tmp_path / "study.yaml"), "--workers", "2")
    assert f"study:  {ran.summary().name}" in answer.stdout.splitlines()
    assert {run.info.run_id: run.info.end_time for run in ran.runs()} == before
    (page,) = (Path(line[8:]) for line in answer.stdout.splitlines() if line.startswith("report: "))
    assert shown in html.unescape(page.read_text(encoding="utf-8"))
    start = re.escape(f"ser study run --corpus emodb --root {ran.corpus} ")
    assert re.fullmatch(rf"{start}.* --home {re.escape(str(ran.home))}\n", ran.ser("study", "show").stdout)


def test_names_of_studies_are_whole_on_a_narrow_terminal(ran: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert ran.summary().name in ran.ser("study", "list").stdout


def test_list_and_status_show_the_study(ran: StudyFolder) -> None:
    name = ran.summary().name
    listed = [line for line in ran.ser("study", "list").stdout.splitlines() if name in line]
    assert len(listed) == 1
    assert "1 of 1" in listed[0]
    assert "not running" in listed[0]
    for arguments in (("study", "status", name), ("study", "status")):
        output = ran.ser(*arguments).stdout
        (row,) = (line for line in output.splitlines() if "quantum · words" in line)
        assert "FINISHED" in row
        assert f"{FOLDS} of {FOLDS}" in row
        assert "1 of 1 trials complete; not running" in output


def test_status_as_json_is_one_object(ran: StudyFolder) -> None:
    status = json.loads(ran.ser("study", "status", "--json").stdout)
    assert (status["study"], status["run_by"], status["trials_complete"]) == (ran.summary().name, None, 1)
    assert status["live"]["folds_done"] == status["live"]["folds"] == FOLDS
    assert status["live"]["best_validation_ua"] == status["best_validation_ua"]
    (trial,) = status["each"]
    assert (trial["state"], trial["folds_done"]) == ("FINISHED", FOLDS)


def test_watching_a_study_that_nobody_runs_ends_at_once(ran: StudyFolder) -> None:
    output = ran.ser("study", "status", "--watch").stdout
    assert f"folds {FOLDS} of {FOLDS}" in output
    assert "not running" in output


def test_a_check_finds_and_repairs_damage(ran: StudyFolder) -> None:
    name = ran.summary().name
    consistent = f"{name}: consistent; 1 of 1 trials complete, no folds left"
    assert ran.ser("study", "check").stdout.splitlines() == [consistent]
    (study,) = ran.runs(ser__kind="study", ser__study=name)
    ran.client().update_run(study.info.run_id, status="RUNNING")
    output = ran.refused("study", "check", name).stdout
    assert f"stuck: study run {name} ({study.info.run_id}): RUNNING, but no process runs the study" in output
    assert f"1 inconsistent; repair with: ser study check {name} --repair" in output
    repaired = ran.ser("study", "check", "--repair").stdout.splitlines()
    assert repaired == [
        f"repaired, stuck: study run {name} ({study.info.run_id}): RUNNING, but no process runs the study",
        consistent,
    ]
    assert ran.client().get_run(study.info.run_id).info.status == "FINISHED"


def test_an_unknown_study_is_refused_with_those_there_are(ran: StudyFolder) -> None:
    name = ran.summary().name
    answer = ran.refused("study", "status", name[:-1])
    assert answer.stderr == f"error: unknown study '{name[:-1]}' (did you mean '{name}'?); valid: {name}\n"


def test_a_study_that_another_process_runs_is_refused(ran: StudyFolder) -> None:
    name = ran.summary().name
    with coordinator_lock(ran.home / "locks" / f"{name}.lock", name):
        answer = ran.refused(*ran.command("quantum"))
        listed = ran.ser("study", "list").stdout
    who = f"process {os.getpid()} on {platform.node()} since "
    assert answer.stderr.startswith(f"error: study {name} is already running ({who}")
    assert len(answer.stderr.splitlines()) == 1
    assert who in listed


def test_the_report_is_written_again_from_the_runs(ran: StudyFolder) -> None:
    (page,) = (ran.home / "reports").rglob("index.html")
    page.unlink()
    answer = ran.ser("report", "--corpus", "emodb")
    assert page.is_file()
    assert f"report: {page}" in answer.stdout
    command = next(
        line for line in (page.parent / "tables" / "studies.csv").read_text().splitlines() if "quantum" in line
    )
    assert f"--root {ran.corpus}" in command
    assert "--labels words" in command
    with (page.parent / "tables" / "front_end_costs.csv").open(encoding="utf-8") as file:
        (cost,) = csv.DictReader(file)
    assert (cost["front end"], cost["numbers a frame"]) == ("log_mel", "40")
    assert float(cost["MiB"]) > 0
    assert float(cost["minutes"]) > 0


def test_a_report_says_what_is_left_on_unseen_speakers(ran: StudyFolder) -> None:
    stored = {path.name: path.stat().st_mtime_ns for path in (ran.home / "unseen").iterdir()}
    assert len(stored) == FOLDS
    ran.ser("report", "--corpus", "emodb", "--unseen")
    assert {path.name: path.stat().st_mtime_ns for path in (ran.home / "unseen").iterdir()} == stored
    (table,) = (ran.home / "reports").rglob("unseen.csv")
    with table.open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert list(row) == ["variant", "all recordings", "16 recordings", "4 recordings", "1 recording", "none"]
    assert row["variant"] == "quantum · words"
    assert row["all recordings"] == row["16 recordings"], "a speaker has seven recordings"


def test_watching_a_study_that_is_over_writes_its_report_once(ran: StudyFolder) -> None:
    answer = ran.ser("report", "--corpus", "emodb", "--watch")
    assert answer.stderr.startswith(f"{FOLDS} of {FOLDS} folds of the started trials: ")
    assert "quantum · words" in answer.stdout


def test_a_larger_study_trains_only_what_is_new(ran: StudyFolder) -> None:
    answer = ran.study("none", "quantum")
    lines = [line for line in answer.stderr.splitlines() if line.startswith("trials")]
    assert lines[0] == f"trials 1 of 2, folds {FOLDS} of {2 * FOLDS}"
    assert lines[-1] == f"trials 2 of 2, folds {2 * FOLDS} of {2 * FOLDS}"
    study = ran.summary("none+quantum").name
    assert Counter(run.data.tags["ser.kind"] for run in ran.runs(ser__study=study))["fold"] == FOLDS
    (row,) = (line for line in answer.stdout.splitlines() if line.startswith("quantum · words"))
    (copy,) = ran.runs(ser__kind="trial", ser__study=study, ser__attention="quantum")
    (original,) = ran.runs(ser__kind="trial", ser__study=ran.summary().name)
    assert copy.data.tags["ser.reused_from"] == original.info.run_id
    assert f"{100 * original.data.metrics['pooled_test_ua']:.1f}" in row
    assert "2 of 2 trials complete" in ran.ser("study", "status", study).stdout


def test_a_study_with_its_baseline_reuses_what_was_trained(ran: StudyFolder) -> None:
    ran.study("none", "quantum")
    command = [word for word in ran.command("quantum") if word != "--no-baseline"]
    answer = ran.ser(*command)
    assert answer.stderr.splitlines()[-1] == f"trials 2 of 2, folds {2 * FOLDS} of {2 * FOLDS}"
    assert f"study:  {ran.summary('none+quantum').name}" in answer.stdout.splitlines()


def test_another_baseline_is_answered_beside_the_usual_report(ran: StudyFolder) -> None:
    usual = set((ran.home / "reports").rglob("index.html"))
    answer = ran.ser("report", "--baseline", "quantum · words", "--variants", "attention=none")
    (page,) = set((ran.home / "reports").rglob("index.html")) - usual
    assert f"report: {page}" in answer.stdout
    assert "Requested: attention=none against quantum · words" in page.read_text(encoding="utf-8")
    tests = (page.parent / "tables" / "tests.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[:2] for line in tests[1:]] == [["none · words", "quantum · words"]]
    refused = ran.refused("report", "--baseline", "labels=word")
    assert "did you mean 'words'" in refused.stderr


def test_a_study_whose_folds_fail_says_so_and_why(
    folder: StudyFolder, tmp_path: Path, make_home: Callable[[Path], Path]
) -> None:
    apart = StudyFolder(folder.corpus, make_home(tmp_path / "home"))
    answer = apart.refused(*apart.command("none"), "--set", "learning_rate=1e30")
    assert "Traceback" not in answer.output
    complaint = answer.stderr.splitlines()[-1]
    assert re.match(
        r"error: study emodb-recommended-none-\w{8}: 4 folds failed, .*: TrainingError: fold \d\d, ", complaint
    )
    assert answer.stderr.count("2 attempts left") == FOLDS
    assert answer.stderr.count("giving up") == FOLDS
    (log,) = (apart.home / "failures").iterdir()
    assert log.read_text().count("Traceback (most recent call last)") == 3 * FOLDS
    assert "worker 0" in log.read_text()
    assert "worker 1" in log.read_text()
    assert "no fold has a result yet" in answer.stdout
    (row,) = (line for line in apart.ser("study", "status").stdout.splitlines() if "none · words" in line)
    assert "FAILED" in row
    assert "TrainingError" in row
    assert apart.refused("report").stderr.startswith("error: no fold of corpus emodb has a result yet")


def test_a_finished_study_becomes_a_model_that_hears_files(folder: StudyFolder, first: Result) -> None:
    made = folder.ser("model", "make", "--study", folder.summary().name)
    assert "variant quantum · words, chosen by validation UA: 4 networks" in made.output
    (model,) = (folder.home / "models").iterdir()
    assert f"ser predict AUDIO --model {model}" in made.output
    card = (model / "README.md").read_text(encoding="utf-8")
    assert "Measured on 28 utterances" in card
    answer = folder.ser("predict", str(folder.corpus / "wav"), "--format", "jsonl")
    heard = [json.loads(line) for line in answer.stdout.splitlines()]
    assert len(heard) == len(STEMS)
    assert all(entry["emotion"] == entry["scores"][0]["label"] for entry in heard)
    assert all(sum(score["score"] for score in entry["scores"]) == pytest.approx(1) for entry in heard)
    assert "no speaker known, statistics of the training speakers; expected UA" in answer.stderr
    assert "16a01Fa.wav: cannot be decoded as audio" in answer.stderr
    table = folder.ser("predict", str(folder.corpus / "wav"), "--speaker-from", "folder")
    assert "29 recordings: speakers by folder" in table.stderr
    assert f"{STEMS[0]}.wav" in table.stdout
    alone = folder.ser("predict", str(folder.corpus / "wav" / f"{STEMS[0]}.wav"), "--speaker-from", "folder")
    assert "1 recording: no speaker known" in alone.stderr
    again = CliRunner().invoke(app, ["model", "make", "--study", folder.summary().name, "--home", str(folder.home)])
    assert again.exit_code == 1
    assert "exists already" in again.output
