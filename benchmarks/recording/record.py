"""Rate at which one coordinator records folds, and its time by call: an instant trainer, all else real.

    make recording TRIALS=1000

starts its own PostgreSQL and MLflow servers on this machine, runs a study of that many trials of ten folds through the
coordinator, and times every call to the libraries. CPU time is measured for all three processes, since other load
changes it less than wall time.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from mlflow.tracking import MlflowClient
from typing_extensions import override

import tracking.writing.run_files
from benchmarks.recording.instant_trainer import POINTS, InstantTrainer, open_study
from benchmarks.recording.stopwatch import Pace, Stopwatch
from benchmarks.recording.synthetic_results import SyntheticResults, synthetic_corpus
from ser.devices import cpu_name
from studies.coordination.coordinator import Coordinator
from studies.coordination.projector import Projector
from studies.coordination.trial_state import TrialState
from studies.monitoring.events import StudyCallback, StudyProgress
from studies.runner import writer_threads
from studies.search.optuna_study import OptunaStudy
from studies.search.session import StudySession
from studies.storages.home import Home
from tests.support.mlflow_server import MlflowServer
from tests.support.postgresql import PostgresqlServer, empty_database
from tracking.backend.artifacts import Artifacts
from tracking.results.store import ResultStore
from tracking.writing.background_writer import BackgroundWriter
from tracking.writing.recorder import Recorder

RESULTS = Path(__file__).parent.parent / "results" / "recording.json"
SERVER_OPTIONS = (
    *("--workers", "2"),
    *("--gunicorn-opts", "--worker-class gthread --threads 8 --keep-alive 60 --graceful-timeout 5"),
)
"""Options of docs/storage.md, for two cores."""
STAGES = 10
"""Parts of the study whose rates are printed."""
ROW = ("what", "calls", "ms", "share")
WATCHED = (
    *(
        (MlflowClient, name, f"MLflow {name}")
        for name in (
            "create_run",
            "log_batch",
            "log_dict",
            "log_inputs",
            "set_terminated",
            "search_runs",
            "update_run",
            "get_run",
        )
    ),
    (Artifacts, "log", "MLflow artifacts"),
    *((OptunaStudy, name, "Optuna") for name in ("start_trial", "complete", "report_intermediate", "prune_reason")),
    (ResultStore, "fold", "reading results"),
    (tracking.writing.run_files, "confusion_svg", "drawing confusion matrices"),
    (BackgroundWriter, "_next_write", "waiting for folds"),
)
"""Timed functions: owner, name, and label in the table."""


class ProgressPrinter(StudyCallback):
    """Prints the progress of the study every 20 seconds."""

    def __init__(self) -> None:
        self._printed_s = time.monotonic()

    @override
    def on_progress(self, progress: StudyProgress) -> None:
        if time.monotonic() > self._printed_s + 20:
            self._printed_s = time.monotonic()
            print(f"folds {progress.folds_done} of {progress.folds}", file=sys.stderr, flush=True)


class CountingProjector(Projector):
    """Projector with callbacks for recorded results.

    Args:
        session: The study.
        recorder: Recorder of its runs.
        study_run: The study's run.
        callbacks: Called for each result that is recorded.
    """

    def __init__(
        self, session: StudySession, recorder: Recorder, study_run: str, callbacks: Sequence[Callable[[], None]]
    ) -> None:
        super().__init__(session, recorder, study_run)
        self._callbacks = callbacks

    @override
    def project(self, trial: TrialState) -> float | None:
        recorded = len(trial.stored)
        value = super().project(trial)
        for callback in recorded * list(self._callbacks):
            callback()
        return value


@dataclass(frozen=True)
class Destination:
    """Destination of a study's records.

    Attributes:
        home: The data directory.
        servers: First process of each server, by name.
    """

    home: Home
    servers: Mapping[str, psutil.Process] = field(default_factory=dict)


@contextmanager
def servers(folder: Path) -> Iterator[Destination]:
    """Start a PostgreSQL server, and an MLflow server with its database on it."""
    postgresql = PostgresqlServer(folder / "postgresql", durable=True)
    postgresql.make()
    postgresql.start()
    try:
        # Optuna and MLflow both have a table `alembic_version`, so each needs its own database.
        with (
            empty_database(postgresql.url) as database,
            MlflowServer(folder / "mlflow", database, *SERVER_OPTIONS) as server,
        ):
            (mlflow,) = psutil.Process().children()
            home = Home(folder / "home", postgresql.url, server.url)
            yield Destination(home, {"MLflow server": mlflow, "PostgreSQL": postgresql.process})
    finally:
        postgresql.stop()


def record(destination: Destination, trials: int, weights_kib: int) -> dict[str, Any]:
    """Run a study to its end, with a drawn baseline.

    Args:
        destination: Destination of its records.
        trials: Number of trials, of ten folds each.
        weights_kib: Size of a fold's weights.

    Returns:
        Rates, times and settings, as stored in `recording.json`.
    """
    home, corpus = destination.home, synthetic_corpus()
    results = SyntheticResults(corpus)
    session, recorder = open_study(home, corpus, trials)
    scheme, points = session.scheme, session.points()[:trials]
    folds = len(points) * len(scheme)
    stopwatch, pace = _stopwatch(), Pace(folds // STAGES, destination.servers)
    trainer = InstantTrainer(results, slots=4, weights=256 * weights_kib, on_first_fold=pace.start)
    study_run = recorder.ensure_study_run()
    projector = CountingProjector(session, recorder, study_run, (pace.count, trainer.recorded))
    started_s, threads = time.perf_counter(), writer_threads(home)
    with (
        home.storage.acquire_lease(session.name) as lease,
        BackgroundWriter(lease.check, threads=threads) as background,
    ):
        coordinator = Coordinator(
            session=session,
            points=points,
            stores={session.plan.base("fp32").features: Path("none")},
            projector=projector,
            executor=trainer,
            callback=ProgressPrinter(),
            background=background,
        )
        if failures := coordinator.run():
            raise RuntimeError("\n".join(failures))
    ended_s = time.perf_counter()
    recorder.record_baseline(study_run, results.baseline(scheme, points[0].configuration.normalisation))
    recorder.finish_study(study_run, complete=True)
    settings = {"trials": len(points), "folds": folds, "weights_kib": weights_kib, "servers": list(destination.servers)}
    times = {"looking_what_is_there_s": pace.started_s - started_s, "recording_s": ended_s - pace.started_s}
    rows = stopwatch.rows(threads * times["recording_s"], folds)
    return {
        **settings,
        **times,
        "threads": threads,
        "folds_per_s": folds / times["recording_s"],
        "processor_ms_a_fold": _processor_ms(pace.stages(), folds, trainer.spent_s),
        "making_up_ms_a_fold": 1000 * trainer.spent_s / folds,
        "sender": [dict(zip(ROW, row, strict=True)) for row in rows],
        "stages": pace.stages(),
        "memory_mb": pace.memory_mb(),
        "load_average": os.getloadavg()[1],
        "processor": cpu_name(),
    }


def make_home(root: Path) -> dict[str, Any]:
    """Record a home of a thousand trials on SQLite; returns what `record` does.

    Args:
        root: Its folder.
    """
    return record(Destination(Home(root)), 3 * POINTS, weights_kib=1)


def _processor_ms(stages: Sequence[Mapping[str, float]], folds: int, drawing_s: float) -> dict[str, float]:
    """Return each process's CPU time per fold, in milliseconds, without the drawing of results."""
    spent_s = {name: sum(stage[name] for stage in stages) for name in stages[0] if name != "wall"}
    spent_s["coordinator"] -= drawing_s
    return {name: 1000 * process_s / folds for name, process_s in spent_s.items()}


def show(measured: Mapping[str, Any]) -> None:
    """Print rates and times."""
    print(f"{measured['trials']} trials, {measured['folds']} folds of {measured['weights_kib']} KiB:")
    print(f"{measured['looking_what_is_there_s']:.0f} s to look for existing results before the first fold")
    print(f"{measured['recording_s']:.0f} s for recording: {measured['folds_per_s']:.1f} folds per second")
    spent = measured["processor_ms_a_fold"]
    by_process = ", ".join(f"{name} {value:.0f}" for name, value in spent.items())
    print(f"CPU ms per fold: {by_process}; together {sum(spent.values()):.0f}")
    print(f"{'call of the writer threads':32} {'calls':>6} {'ms':>8}   share  (calls and ms per fold)")
    for row in measured["sender"]:
        print(f"{row['what']:32} {row['calls']:6.2f} {row['ms']:8.1f} {row['share']:7.0%}")
    print("in each part of the study: folds per second, CPU ms per fold of all processes, MB of the coordinator")
    for stage, memory_mb in zip(measured["stages"], measured["memory_mb"], strict=True):
        folds = measured["folds"] / len(measured["stages"])
        spent_s = sum(value for name, value in stage.items() if name != "wall")
        print(f"{folds / stage['wall']:8.1f} {1000 * spent_s / folds:8.0f} {memory_mb:8.0f}")
    print(f"load average {measured['load_average']:.1f}")


def _stopwatch() -> Stopwatch:
    stopwatch = Stopwatch("writer")
    for owner, name, label in WATCHED:
        stopwatch.watch(owner, name, label)
    return stopwatch


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000, help="trials of ten folds")
    parser.add_argument("--weights-kib", type=int, default=64, help="size of a fold's weights")
    parser.add_argument("--sqlite", type=Path, help="record into this home, on SQLite, for a report")
    arguments = parser.parse_args()
    if arguments.sqlite is not None:
        show(make_home(arguments.sqlite))
        return
    folder = Path(tempfile.mkdtemp(prefix="ser-recording-"))
    # PostgreSQL runs as another user where this runs as root.
    folder.chmod(0o755)
    with servers(folder) as destination:
        measured = record(destination, arguments.trials, arguments.weights_kib)
    shutil.rmtree(folder)
    show(measured)
    RESULTS.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
