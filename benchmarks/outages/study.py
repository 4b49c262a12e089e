"""A small study as a user runs it, by the command line alone, and all that must hold at its end."""

import csv
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from tests.support.corpora import write_manifest

TRIALS, FOLDS, EPOCHS = 2, 4, 6
UNAVAILABLE = 75
"""Exit code of a command that is to be run again later."""

_TIMES = ("costs.csv", "studies.csv", "origins.csv")
_TIME_COLUMNS = ("duration", "seconds", "minutes", "hours")
_LONGEST_S = 600.0
_COMMAND = [sys.executable, "-c", "from studies.cli.main import app; app()"]


@dataclass(frozen=True)
class CommandEnd:
    """End of a command.

    Attributes:
        code: Its exit code.
        output: What it printed.
        duration_s: Its duration, in seconds.
        commands: Command lines of its processes, as other users see them.
    """

    code: int
    output: str
    duration_s: float
    commands: frozenset[str]


class Command:
    """Command of `ser` that runs, with its processes.

    Args:
        arguments: Its words after `ser`.
        environment: Its environment.
    """

    def __init__(self, arguments: Iterable[str], environment: Mapping[str, str]) -> None:
        self._started_s = time.monotonic()
        self._process = subprocess.Popen(
            [*_COMMAND, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait(self) -> CommandEnd:
        """Wait for its end."""
        commands: set[str] = set()
        while True:
            with suppress(psutil.Error):
                process = psutil.Process(self._process.pid)
                family = (process, *process.children(recursive=True))
                commands |= {" ".join(member.cmdline()) for member in family}
            with suppress(subprocess.TimeoutExpired):
                output, _ = self._process.communicate(timeout=0.2)
                break
            if time.monotonic() - self._started_s > _LONGEST_S:
                self._process.kill()
        return CommandEnd(self._process.returncode, output, time.monotonic() - self._started_s, frozenset(commands))


def write_corpus(root: Path) -> Path:
    """Write a corpus of noise: four speakers with two utterances of two emotions."""
    rows = [
        {"path": f"{speaker}-{emotion}-{number}.wav", "speaker": speaker, "emotion": emotion, "words": 2}
        for speaker in "abcd"
        for emotion in ("joy", "anger")
        for number in (1, 2)
    ]
    return write_manifest(root, rows)


def study_arguments(corpus: Path, name: str) -> list[str]:
    """Return the words that run a study; studies of other corpus names have other runs, and equal results."""
    arguments = ["study", "run", "--corpus", "manifest", "--root", str(corpus), "--corpus-set", f"name={name}"]
    arguments += ["--recipe", "quick", "--attention", "none", "--attention", "quantum", "--labels", "words"]
    return [*arguments, "--set", "cells=4", "--set", f"epochs={EPOCHS}", "--set", "precision=fp32", "--workers", "2"]


def report_tables(home: Path) -> dict[str, list[dict[str, str]]]:
    """Read the tables of a home's only report, without times."""
    (folder,) = (home / "reports").iterdir()
    tables = {}
    for path in sorted((folder / "tables").glob("*.csv")):
        if path.name not in _TIMES:
            with path.open(encoding="utf-8", newline="") as file:
                tables[path.name] = [
                    {name: value for name, value in row.items() if not any(time in name for time in _TIME_COLUMNS)}
                    for row in csv.DictReader(file)
                ]
    return tables


def runs_of(client: MlflowClient, experiment_name: str) -> list[Run]:
    """Return all runs of an experiment, superseded ones included."""
    experiment = client.get_experiment_by_name(experiment_name)
    return [] if experiment is None else list(client.search_runs([experiment.experiment_id], max_results=1000))


def find_faults(client: MlflowClient, experiment_name: str) -> list[str]:
    """Find what is lost or doubled in the runs of a study that has ended; none is the aim."""
    runs = runs_of(client, experiment_name)
    kinds = Counter(run.data.tags.get("ser.kind", "none") for run in runs)
    folds = [run for run in runs if run.data.tags.get("ser.kind") == "fold"]
    faults = []
    if kinds != {"study": 1, "trial": TRIALS, "fold": TRIALS * FOLDS}:
        faults.append(f"runs: {dict(kinds)}")
    if len({run.data.tags["ser.fold_identity"] for run in folds}) != TRIALS * FOLDS:
        faults.append("folds are lost or doubled")
    faults += [f"run {run.info.run_name} is {run.info.status}" for run in runs if run.info.status != "FINISHED"]
    faults += [f"run {run.info.run_name} is superseded" for run in runs if "ser.superseded" in run.data.tags]
    for run in folds:
        steps = [row.step for row in client.get_metric_history(run.info.run_id, "training_loss")]
        if sorted(steps) != list(range(1, EPOCHS + 1)):
            faults.append(f"run {run.info.run_name} has the epochs {steps}")
    return faults


def places_of(secrets: Iterable[str], folders: Iterable[Path], texts: Iterable[str]) -> list[str]:
    """Find where any of some secrets is written.

    Args:
        secrets: The secrets.
        folders: Folders, all of whose files are read.
        texts: Texts that were printed.
    """
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    contents = [(str(path), path.read_bytes()) for path in files]
    contents += [(text[:200], text.encode()) for text in texts]
    return [place for place, content in contents if any(secret.encode() in content for secret in secrets)]
