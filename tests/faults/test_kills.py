"""A study killed with SIGKILL, all its processes at once, at five moments, and given again each time."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
import pytest
from mlflow.entities import Run
from typer.testing import CliRunner

from studies.cli.main import app
from studies.search.records import StudyLocation
from studies.search.summaries import list_studies
from studies.storages.sqlite import SqliteStorage
from tests.support.corpora import write_emodb
from tests.support.kept import trial_results
from tests.support.toy_corpus import without_times
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.report import summary_rows
from tracking.backend.client import connect
from tracking.backend.queries import search_runs
from tracking.reading.reader import Reader

STEMS = [f"{speaker}a01{letter}a" for speaker in ("03", "08", "09", "10") for letter in "WLEAFTN"]
OPTIONS = ("--labels", "words", "--set", "cells=8", "--set", "epochs=10", "--set", "precision=fp32", "--workers", "2")
FOLDS, TRIALS = 4, 2
ALL = FOLDS * TRIALS
LONG_S = 300.0


class Study:
    """A study of two attentions in a folder.

    Args:
        folder: The folder, with the corpus beside it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.told = folder / "told.txt"

    @property
    def command(self) -> list[str]:
        where = ["--root", str(self.folder.parent / "emodb"), "--home", str(self.home)]
        return ["study", "run", "--attention", "none", "--attention", "quantum", "--corpus", "emodb", *OPTIONS, *where]

    def start(self) -> "subprocess.Popen[bytes]":
        """Gives the command, in a process group of its own."""
        command = [sys.executable, "-c", "from studies.cli.main import app; app()", *self.command]
        with self.told.open("wb") as told:
            return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=told, start_new_session=True)

    def finish(self) -> None:
        process = self.start()
        try:
            assert process.wait(LONG_S) == 0, self.told.read_text()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def kill_when(self, moment: Callable[["Study", float], bool]) -> None:
        """Starts the study and kills it and its workers when the moment has come."""
        began = time.time()
        process = self.start()
        try:
            while not moment(self, began):
                assert process.poll() is None, f"it ended before it was killed: {self.told.read_text()}"
                assert time.time() < began + LONG_S
                time.sleep(0.005)
        finally:
            # Of a process that has ended its workers, too, are gone.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL

    def waiting(self, since: float) -> list[Path]:
        """Files of the outbox that were written since a time."""
        return [path for path in (self.home / "outbox").glob("*.safetensors") if path.stat().st_mtime >= since]

    def runs(self) -> list[Run]:
        (summary,) = list_studies(SqliteStorage(self.home / "optuna.db"))
        if summary.whereabouts is None:
            return []
        return search_runs(connect(self.home / "mlflow.db"), summary.whereabouts.experiment)

    def finished_folds(self) -> dict[str, int]:
        """End of each finished fold run, by its id."""
        folds = [run for run in self.runs() if run.data.tags["ser.kind"] == "fold" and run.info.status == "FINISHED"]
        return {run.info.run_id: run.info.end_time for run in folds}

    def reader(self) -> Reader:
        where = self.whereabouts()
        client = connect(self.home / "mlflow.db")
        return Reader(client, where.experiment, where.corpus_digest, where.scheme)

    def whereabouts(self) -> StudyLocation:
        (summary,) = list_studies(SqliteStorage(self.home / "optuna.db"))
        assert summary.whereabouts is not None
        return summary.whereabouts

    def values(self) -> dict[str, float | None]:
        """Optuna's values of complete trials, by parameters."""
        (summary,) = list_studies(SqliteStorage(self.home / "optuna.db"))
        study = optuna.load_study(study_name=summary.name, storage=f"sqlite:///{self.home / 'optuna.db'}")
        assert all(trial.state.name == "COMPLETE" for trial in study.trials)
        assert len(study.trials) == TRIALS
        return {str(trial.params): trial.value for trial in study.trials}

    def results(self) -> tuple[Any, ...]:
        """The final table, to the last digit, times apart."""
        table = self.reader().table()
        kept = trial_results(connect(self.home / "mlflow.db"), self.whereabouts().experiment)
        trials = {trial.trial_id: [without_times(fold) for fold in trial.folds] for trial in kept}
        return trials, table.baselines, table.notes, summary_rows(analyse(table)), self.values()


def before_the_first_fold(study: Study, began: float) -> bool:
    return (study.home / "mlflow.db").exists()


def in_the_middle_of_folds(study: Study, began: float) -> bool:
    return f"folds 1 of {ALL}" in study.told.read_text()


def while_a_fold_is_recorded(study: Study, began: float) -> bool:
    return bool(study.waiting(began))


def between_trials(study: Study, began: float) -> bool:
    # Not by the trials: the first may be written no sooner than the last fold ends.
    return f"folds {FOLDS + 1} of {ALL}" in study.told.read_text()


def after_the_last_fold(study: Study, began: float) -> bool:
    return f"folds {ALL} of {ALL}" in study.told.read_text()


MOMENTS = (
    before_the_first_fold,
    in_the_middle_of_folds,
    while_a_fold_is_recorded,
    between_trials,
    after_the_last_fold,
)


@pytest.mark.slow
def test_a_study_killed_at_five_moments_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    write_emodb(tmp_path / "emodb", STEMS)
    for name in ("undisturbed", "killed"):
        (tmp_path / name).mkdir()
    undisturbed, killed = Study(tmp_path / "undisturbed"), Study(tmp_path / "killed")
    # In this process, which has imported everything already.
    assert CliRunner().invoke(app, undisturbed.command).exit_code == 0

    kept: dict[str, int] = {}
    for moment in MOMENTS:
        killed.kill_when(moment)
        standing = killed.finished_folds()
        assert kept.items() <= standing.items(), f"finished folds were touched before the kill {moment.__name__}"
        kept = standing
    killed.finish()

    runs = killed.runs()
    assert Counter(run.data.tags["ser.kind"] for run in runs) == {"study": 1, "trial": TRIALS, "fold": ALL}
    assert {run.info.status for run in runs} == {"FINISHED"}
    identities = {run.data.tags["ser.fold_identity"] for run in runs if run.data.tags["ser.kind"] == "fold"}
    assert len(identities) == ALL
    # The last kill may have come when the last fold was trained and not yet recorded.
    assert kept.items() <= killed.finished_folds().items(), "finished folds were touched by the last start"
    assert not list((killed.home / "outbox").iterdir())
    assert killed.results() == undisturbed.results()
