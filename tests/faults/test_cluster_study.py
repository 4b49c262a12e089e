"""A whole study over two Ray nodes, PostgreSQL and an MLflow server, all real; a node is killed in mid-fold."""

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from studies.cli.main import app
from studies.reporting.results_reader import ResultsReader
from studies.search.summaries import list_studies
from studies.storages.home import Home
from tests.support.corpora import write_emodb
from tests.support.mlflow_server import MlflowServer
from tests.support.ray_nodes import nodes
from tests.support.toy_corpus import without_times
from tests.support.trial_results import trial_results
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.report import summary_rows
from tracking.backend.client import connect
from tracking.backend.queries import search_runs
from tracking.results.store import ResultStore

STEMS = [f"{speaker}a01{letter}a" for speaker in ("03", "08", "09", "10") for letter in "WLEAFTN"]
OPTIONS = ("--labels", "words", "--set", "cells=16", "--set", "epochs=20", "--set", "precision=fp32")
FOLDS, TRIALS = 4, 2
LONG_S = 400.0


def command(root: Path, home: Path, executor: str) -> list[str]:
    options = ["--root", str(root), "--home", str(home), "--executor", executor, "--workers", "2"]
    return ["study", "run", "--attention", "none", "--attention", "quantum", "--corpus", "emodb", *OPTIONS, *options]


def final_results(home: Home) -> tuple[Any, ...]:
    """The final table, to the last digit, without times."""
    (summary,) = list_studies(home.storage)
    location = summary.location
    assert location is not None
    client = connect(home.tracking_uri_or_path)
    table = ResultsReader(home, location).table([summary])
    results = trial_results(client, location.experiment, ResultStore(home.results))
    trials = {identity: [without_times(fold) for fold in folds] for identity, folds in results.items()}
    return trials, table.baselines, table.notes, summary_rows(analyse(table))


def computes_a_fold(raylet: int) -> bool:
    """Whether a worker of a raylet computes a fold."""
    return any("ray::ser: fold" in " ".join(child.cmdline()) for child in psutil.Process(raylet).children())


@pytest.mark.slow
def test_a_study_on_two_nodes_survives_the_death_of_one(postgresql_url: str, tmp_path: Path) -> None:
    root = write_emodb(tmp_path / "emodb", STEMS)
    local = Home(tmp_path / "local")
    assert CliRunner().invoke(app, command(root, local.root, "local")).exit_code == 0

    with nodes(cpus=0) as cluster, MlflowServer(tmp_path / "server", f"sqlite:///{tmp_path / 'mlflow.db'}") as mlflow:
        cluster.add(cpus=1, name="first")
        second = cluster.add(cpus=1, name="second")
        far = Home(tmp_path / "far", postgresql_url, mlflow.url)
        environment = {"RAY_ADDRESS": cluster.address, "SER_STORAGE": postgresql_url, "SER_TRACKING": mlflow.url}
        arguments = [sys.executable, "-c", "from studies.cli.main import app; app()", *command(root, far.root, "ray")]
        messages_file = tmp_path / "messages.txt"
        with messages_file.open("wb") as file:
            process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=file, env=os.environ | environment)
        raylet = second.all_processes["raylet"][0].process.pid
        deadline = time.monotonic() + LONG_S
        while not computes_a_fold(raylet):
            assert process.poll() is None, messages_file.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        cluster.kill(second)
        assert process.wait(LONG_S) == 0, messages_file.read_text()

        messages = messages_file.read_text()
        lost = [line for line in messages.splitlines() if "has left the cluster" in line]
        assert [line.partition(" (")[0] for line in lost if line.startswith("node")] == ["node second"]
        assert [line for line in lost if line.startswith("fold ") and "retrying" in line], messages
        assert "state-dump" not in messages
        (summary,) = list_studies(far.storage)
        assert summary.location is not None
        runs = search_runs(connect(mlflow.url), summary.location.experiment)
        assert Counter(run.data.tags["ser.kind"] for run in runs) == {
            "study": 1,
            "trial": TRIALS,
            "fold": FOLDS * TRIALS,
        }
        assert {run.info.status for run in runs} == {"FINISHED"}
        assert final_results(far) == final_results(local)
