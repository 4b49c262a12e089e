"""MLflow's client for new runs, writing rows into its SQLite tables directly: seconds instead of hours."""

import shutil
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from mlflow.entities import DatasetInput, Experiment, Metric, Param, Run, RunData, RunInfo, RunTag
from mlflow.store.entities import PagedList


class BulkClient:
    """The calls that a recorder makes of MLflow's client, for runs that do not exist yet.

    Args:
        connection: The tracking database; the caller commits.
        experiment: Id of the experiment.
        artifacts: The experiment's folder of artifacts.
        kept: Names of artifacts that are written; others are left out.
    """

    def __init__(self, connection: sqlite3.Connection, experiment: str, artifacts: Path, kept: tuple[str, ...]) -> None:
        self._connection = connection
        self._experiment = experiment
        self._artifacts = artifacts
        self._kept = kept

    def get_experiment(self, experiment: str) -> Experiment:
        """The experiment; its tags are of no account to runs."""
        return Experiment(experiment, "", self._artifacts.as_uri(), "active")

    def set_experiment_tag(self, experiment: str, key: str, value: str) -> None:
        """Leaves tags of the experiment out."""

    def search_runs(self, *_: Any) -> PagedList[Run]:
        """No run: what is written is new."""
        return PagedList([], None)

    def create_run(self, experiment: str, start_time: int | None, tags: dict[str, str], run_name: str) -> Run:
        """Adds a run."""
        run_id = uuid4().hex
        began_ms = start_time or int(time.time() * 1000)
        uri = f"{self._artifacts.resolve().as_uri()}/{run_id}/artifacts"
        self._connection.execute(
            "INSERT INTO runs VALUES "
            "(?, ?, 'UNKNOWN', '', '', 'unknown', 'RUNNING', ?, NULL, '', 'active', ?, ?, NULL)",
            (run_id, run_name, began_ms, uri, int(experiment)),
        )
        self.log_batch(
            run_id, tags=[RunTag(key, value) for key, value in (tags | {"mlflow.runName": run_name}).items()]
        )
        info = RunInfo(run_id, experiment, "unknown", "RUNNING", began_ms, None, "active", uri, run_name=run_name)
        return Run(info, RunData([], [], []))

    def update_run(self, run_id: str, status: str) -> None:
        """Sets a run's status."""
        self._connection.execute("UPDATE runs SET status = ? WHERE run_uuid = ?", (status, run_id))

    def set_terminated(self, run_id: str, status: str, end_time: int) -> None:
        """Ends a run."""
        self._connection.execute(
            "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ?", (status, end_time, run_id)
        )

    def log_inputs(self, run_id: str, inputs: Sequence[DatasetInput]) -> None:
        """Notes a run's datasets."""
        for each in inputs:
            dataset = each.dataset
            key = (int(self._experiment), dataset.name, dataset.digest)
            columns = (dataset.source_type, dataset.source, dataset.schema, dataset.profile)
            values = (uuid4().hex, *key, *columns)
            self._connection.execute("INSERT OR IGNORE INTO datasets VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
            found = "SELECT dataset_uuid FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?"
            (dataset_id,) = self._connection.execute(found, key).fetchone()
            input_id = uuid4().hex
            row = (input_id, "DATASET", dataset_id, "RUN", run_id, 0)
            self._connection.execute("INSERT INTO inputs VALUES (?, ?, ?, ?, ?, ?)", row)
            tags = [(input_id, tag.key, tag.value) for tag in each.tags]
            self._connection.executemany("INSERT INTO input_tags VALUES (?, ?, ?)", tags)

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """Writes metrics, parameters and tags."""
        write = self._connection.executemany
        write("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", [(each.key, each.value, run_id) for each in tags])
        write("INSERT INTO params VALUES (?, ?, ?)", [(each.key, each.value, run_id) for each in params])
        rows = [(each.key, each.value, each.timestamp, run_id, each.step, 0) for each in metrics]
        write("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", rows)
        latest = {each.key: each for each in sorted(metrics, key=lambda each: (each.step, each.timestamp))}
        last = [(each.key, each.value, each.timestamp, each.step, 0, run_id) for each in latest.values()]
        write("INSERT OR REPLACE INTO latest_metrics VALUES (?, ?, ?, ?, ?, ?)", last)

    def log_dict(self, run_id: str, content: dict[str, Any], name: str) -> None:
        """Leaves a file of a study's run out."""

    def log_artifacts(self, run_id: str, folder: str) -> None:
        """Keeps those files that are kept."""
        target = self._artifacts / run_id / "artifacts"
        for name in self._kept:
            if (Path(folder) / name).is_file():
                target.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(Path(folder) / name, target / name)
