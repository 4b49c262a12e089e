"""The command itself, killed with SIGKILL with all its workers, and given again.

What a kill at other moments leaves is shown by `tests.faults.chaos`, which starts its studies from a warm process.
"""

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
from studies.reporting.results_reader import ResultsReader
from studies.search.records import StudyLocation
from studies.search.summaries import list_studies
from studies.storages.home import Home
from studies.storages.sqlite import SqliteStorage
from tests.support.corpora import write_emodb
from tests.support.toy_corpus import without_times
from tests.support.trial_results import trial_results
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.report import summary_rows
from tracking.backend.client import connect
from tracking.backend.queries import search_runs
from tracking.results.store import ResultStore

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
        self.output = folder / "output.txt"

    @property
    def command(self) -> list[str]:
        where = ["--root", str(self.folder.parent / "emodb"), "--home", str(self.home)]
        return ["study", "run", "--attention", "none", "--attention", "quantum", "--corpus", "emodb", *OPTIONS, *where]

    def start(self) -> "subprocess.Popen[bytes]":
        """Gives the command, in a process group of its own."""
        command = [sys.executable, "-c", "from studies.cli.main import app; app()", *self.command]
        with self.output.open("wb") as output:
            return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=output, start_new_session=True)

    def finish(self) -> None:
        process = self.start()
        try:
            assert process.wait(LONG_S) == 0, self.output.read_text()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def kill_when(self, moment: Callable[["Study"], bool]) -> None:
        """Starts the study and kills it and its workers when the moment has come."""
        began = time.time()
        process = self.start()
        try:
            while not moment(self):
                assert process.poll() is None, f"it ended before it was killed: {self.output.read_text()}"
                assert time.time() < began + LONG_S
                time.sleep(0.005)
        finally:
            # Of a process that has ended its workers, too, are gone.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL

    def result_files(self) -> list[Path]:
        """Results on disk."""
        return list((self.home / "results").glob("*.safetensors"))

    def runs(self) -> list[Run]:
        (summary,) = list_studies(SqliteStorage(self.home / "optuna.db"))
        if summary.location is None:
            return []
        return search_runs(connect(self.home / "mlflow.db"), summary.location.experiment)

    def finished_folds(self) -> dict[str, int]:
        """End of each finished fold run, by its id."""
        folds = [run for run in self.runs() if run.data.tags["ser.kind"] == "fold" and run.info.status == "FINISHED"]
        return {run.info.run_id: run.info.end_time for run in folds}

    def location(self) -> StudyLocation:
        (summary,) = list_studies(SqliteStorage(self.home / "optuna.db"))
        assert summary.location is not None
        return summary.location

    def values(self) -> dict[str, float | None]:
        """Optuna's values of complete trials, by parameters."""
        (summary,) = list_studies(SqliteStorage(self.home / "optuna.db"))
        study = optuna.load_study(study_name=summary.name, storage=f"sqlite:///{self.home / 'optuna.db'}")
        assert all(trial.state.name == "COMPLETE" for trial in study.trials)
        assert len(study.trials) == TRIALS
        return {str(trial.params): trial.value for trial in study.trials}

    def results(self) -> tuple[Any, ...]:
        """The final table, to the last digit, times apart."""
        table = ResultsReader(Home(self.home), self.location()).table(list_studies(Home(self.home).storage))
        stored = trial_results(
            connect(self.home / "mlflow.db"), self.location().experiment, ResultStore(self.home / "results")
        )
        trials = {identity: [without_times(fold) for fold in folds] for identity, folds in stored.items()}
        return trials, table.baselines, table.notes, summary_rows(analyse(table)), self.values()


@pytest.mark.slow
def test_the_command_killed_while_a_fold_is_recorded_resumes(tmp_path: Path, make_home: Callable[[Path], Path]) -> None:
    write_emodb(tmp_path / "emodb", STEMS)
    for name in ("undisturbed", "killed"):
        make_home(tmp_path / name / "home")
    undisturbed, killed = Study(tmp_path / "undisturbed"), Study(tmp_path / "killed")
    # In this process, which has imported everything already.
    assert CliRunner().invoke(app, undisturbed.command).exit_code == 0

    killed.kill_when(lambda study: len(study.result_files()) > 2 and len(study.finished_folds()) > 1)
    finished_before = killed.finished_folds()
    killed.finish()

    runs = killed.runs()
    assert Counter(run.data.tags["ser.kind"] for run in runs) == {"study": 1, "trial": TRIALS, "fold": ALL}
    assert {run.info.status for run in runs} == {"FINISHED"}
    identities = {run.data.tags["ser.fold_identity"] for run in runs if run.data.tags["ser.kind"] == "fold"}
    assert len(identities) == ALL
    assert finished_before.items() <= killed.finished_folds().items(), "finished folds were touched by the last start"
    assert len(killed.result_files()) == ALL
    assert killed.results() == undisturbed.results()
