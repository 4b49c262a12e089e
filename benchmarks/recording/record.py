"""How many folds one coordinator records a second, and where the time goes: an instant trainer, all else real.

    make recording TRIALS=1000

starts a PostgreSQL server and an MLflow tracking server of its own on this machine, runs a study of
so many trials of ten folds through the coordinator, and takes the time of every call below it. Processor time
is told for all three, which a busy machine changes less than the time of the wall.
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

import tracking.writing.recorder
from benchmarks.recording.instant_trainer import POINTS, InstantTrainer, open_study
from benchmarks.recording.stopwatch import Pace, Stopwatch
from benchmarks.recording.synthetic_results import Results, synthetic_corpus
from ser.devices import cpu_name
from studies.coordination.coordinator import Coordinator
from studies.monitoring.events import StudyCallback, StudyProgress
from studies.runner import writer_threads
from studies.search.optuna_study import OptunaStudy
from studies.storages.home import Home
from tests.support.mlflow_server import MlflowServer
from tests.support.postgresql import PostgresqlServer, empty_database
from tracking.backend.artifacts import Artifacts
from tracking.outbox.background_writer import BackgroundWriter
from tracking.outbox.outbox import Outbox

RESULTS = Path(__file__).parent.parent / "results" / "recording.json"
SERVER_OPTIONS = (
    *("--workers", "2"),
    *("--gunicorn-opts", "--worker-class gthread --threads 8 --keep-alive 60 --graceful-timeout 5"),
)
"""As docs/storage.md sets up a server, for two cores."""
STAGES = 10
"""Parts of the study of which each is told how fast it was."""
ROW = ("what", "calls", "ms", "share")
CALLS = (
    "create_run",
    "log_batch",
    "log_dict",
    "log_inputs",
    "set_terminated",
    "search_runs",
    "update_run",
    "get_run",
)


class Counter(StudyCallback):
    """Says now and then how far the study is."""

    def __init__(self) -> None:
        self._told_s = time.monotonic()

    def on_progress(self, standing: StudyProgress) -> None:
        """See the base class."""
        if time.monotonic() > self._told_s + 20:
            self._told_s = time.monotonic()
            print(f"folds {standing.folds_done} of {standing.folds}", file=sys.stderr, flush=True)


class CountedOutbox(Outbox):
    """An outbox that tells of every result that is recorded.

    Args:
        folder: See the base class.
        tell: Called when a result leaves it.
    """

    def __init__(self, folder: Path, tell: Sequence[Callable[[], None]]) -> None:
        super().__init__(folder)
        self._tell = tell

    def remove(self, identity: str) -> None:
        """See the base class."""
        super().remove(identity)
        for tell in self._tell:
            tell()


@dataclass(frozen=True)
class Ground:
    """Where a study is recorded.

    Attributes:
        home: Where it is kept.
        servers: The servers that it is written to, by name, each by the first of its processes.
    """

    home: Home
    servers: Mapping[str, psutil.Process] = field(default_factory=dict)


@contextmanager
def servers(folder: Path) -> Iterator[Ground]:
    """A PostgreSQL server, and an MLflow server with its database on it."""
    postgresql = PostgresqlServer(folder / "postgresql", durable=True)
    postgresql.make()
    postgresql.start()
    try:
        # Optuna and MLflow both keep a table `alembic_version`: each needs a database of its own.
        with (
            empty_database(postgresql.url) as database,
            MlflowServer(folder / "mlflow", database, *SERVER_OPTIONS) as server,
        ):
            (mlflow,) = psutil.Process().children()
            home = Home(folder / "home", postgresql.url, server.url)
            yield Ground(home, {"MLflow server": mlflow, "PostgreSQL": postgresql.process})
    finally:
        postgresql.stop()


def record(ground: Ground, trials: int, weights_kib: int) -> dict[str, Any]:
    """Runs the study to its end, with a made-up baseline.

    Args:
        ground: Where.
        trials: Trials, of ten folds each.
        weights_kib: Size of a fold's weights.

    Returns:
        How long it took, and with what.
    """
    home, corpus = ground.home, synthetic_corpus()
    results = Results(corpus)
    study = open_study(home, corpus, trials)
    scheme, points = study.context.scheme, study.points
    folds = len(points) * len(scheme)
    stopwatch, pace = _stopwatch(), Pace(folds // STAGES, ground.servers)
    trainer = InstantTrainer(results, slots=4, weights=256 * weights_kib, begun=pace.begin)
    study_run = study.recorder.ensure_study_run()
    began_s, threads = time.perf_counter(), writer_threads(home)
    with (
        home.storage.acquire_lease(study.context.study) as place,
        BackgroundWriter(place.check, threads=threads) as sender,
    ):
        coordinator = Coordinator(
            context=study.context,
            study_run=study_run,
            points=points,
            search=study.search,
            store=Path("none"),
            device_type="cpu",
            outbox=CountedOutbox(home.outbox, (pace.count, trainer.recorded)),
            recorder=study.recorder,
            reader=study.reader,
            executor=trainer,
            observer=Counter(),
            sender=sender,
        )
        if failures := coordinator.run():
            raise RuntimeError("\n".join(failures))
    ended_s = time.perf_counter()
    study.recorder.record_baseline(study_run, results.baseline(scheme, points[0].configuration.normalisation))
    study.recorder.finish_study(study_run, complete=True)
    found = {"trials": len(points), "folds": folds, "weights_kib": weights_kib, "servers": list(ground.servers)}
    times = {"looking_what_is_there_s": pace.began_s - began_s, "recording_s": ended_s - pace.began_s}
    rows = stopwatch.rows(threads * times["recording_s"], folds)
    return {
        **found,
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
    """Records a home of a thousand trials on SQLite; what it took is returned, see `record`.

    Args:
        root: Its folder.
    """
    return record(Ground(Home(root)), 3 * POINTS, weights_kib=1)


def _processor_ms(stages: Sequence[Mapping[str, float]], folds: int, making_up_s: float) -> dict[str, float]:
    """Processor time a fold of every process, in milliseconds; of the coordinator less that of making up results."""
    spent_s = {name: sum(stage[name] for stage in stages) for name in stages[0] if name != "wall"}
    spent_s["coordinator"] -= making_up_s
    return {name: 1000 * each / folds for name, each in spent_s.items()}


def show(found: Mapping[str, Any]) -> None:
    """Prints what was found."""
    print(f"{found['trials']} trials, {found['folds']} folds of {found['weights_kib']} KiB:")
    print(f"{found['looking_what_is_there_s']:.0f} s for looking what is there before the first fold")
    print(f"{found['recording_s']:.0f} s for recording: {found['folds_per_s']:.1f} folds a second")
    spent = found["processor_ms_a_fold"]
    each = ", ".join(f"{name} {value:.0f}" for name, value in spent.items())
    print(f"processor, ms a fold: {each}; together {sum(spent.values()):.0f}")
    print(f"{'what the sender does':32} {'calls':>6} {'ms':>8}   share  (calls and ms a fold)")
    for row in found["sender"]:
        print(f"{row['what']:32} {row['calls']:6.2f} {row['ms']:8.1f} {row['share']:7.0%}")
    print("in each part of the study: folds a second, processor ms a fold of all together, MB of the coordinator")
    for stage, memory_mb in zip(found["stages"], found["memory_mb"], strict=True):
        many = found["folds"] / len(found["stages"])
        spent_s = sum(value for name, value in stage.items() if name != "wall")
        print(f"{many / stage['wall']:8.1f} {1000 * spent_s / many:8.0f} {memory_mb:8.0f}")
    print(f"load average {found['load_average']:.1f}")


def _stopwatch() -> Stopwatch:
    stopwatch = Stopwatch("sender")
    for name in CALLS:
        stopwatch.watch(MlflowClient, name, f"MLflow {name}")
    stopwatch.watch(Artifacts, "write", "MLflow artifacts")
    for name in ("begin", "complete", "report", "verdict"):
        stopwatch.watch(OptunaStudy, name, "Optuna")
    for name in ("read", "remove"):
        stopwatch.watch(Outbox, name, "outbox")
    stopwatch.watch(tracking.writing.recorder, "confusion_svg", "drawing confusion matrices")
    stopwatch.watch(BackgroundWriter, "_take", "waiting for folds")
    return stopwatch


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000, help="trials of ten folds")
    parser.add_argument("--weights-kib", type=int, default=64, help="size of a fold's weights")
    parser.add_argument("--sqlite", type=Path, help="record into this home, on SQLite, and keep it for the report")
    arguments = parser.parse_args()
    if arguments.sqlite is not None:
        show(make_home(arguments.sqlite))
        return
    folder = Path(tempfile.mkdtemp(prefix="ser-recording-"))
    # PostgreSQL runs as a user of its own where this runs as root.
    folder.chmod(0o755)
    with servers(folder) as ground:
        found = record(ground, arguments.trials, arguments.weights_kib)
    shutil.rmtree(folder)
    show(found)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
