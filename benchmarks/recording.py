"""How many folds one coordinator records a second, and where the time goes: an instant trainer, all else real.

    make recording TRIALS=1000

starts a PostgreSQL server and an MLflow tracking server of its own on this machine, runs a study of
so many trials of ten folds through the coordinator, and takes the time of every call below it.
"""

import argparse
import shutil
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from mlflow.tracking import MlflowClient

import tracking.recorder
from benchmarks.instant import InstantTrainer, made_up_corpus
from ser.folds import make_folds, parse_scheme
from studies.coordinator import Coordinator
from studies.home import Home
from studies.observer import Observer, Standing
from studies.plan import StudyPlan
from studies.provenance import provenance_tags
from studies.search import Basis, Search, Whereabouts
from tests.mlflow_server import mlflow_server
from tests.postgresql import PostgresqlServer, empty_database
from tracking.connection import experiment_id, open_tracking
from tracking.outbox import Outbox
from tracking.reading import Reader
from tracking.recorder import Recorder, StudyContext
from tracking.sender import Sender

_LABELS = ("words", "phonemes", "phonemes_x2", "utterance")
_SCOPES = tuple(range(3, 51, 2))
_POINTS = 200
"""Points of these labels, scopes and all attentions, with one seed."""


class Stopwatch:
    """Times calls by what they belong to; a call within a timed one of the same thread is not timed again."""

    def __init__(self) -> None:
        self.spent_s: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self._inside = threading.local()

    def watch(self, owner: Any, name: str, what: str) -> None:
        """Times every call of a function from now on."""
        function: Callable[..., Any] = getattr(owner, name)

        def timed(*arguments: Any, **others: Any) -> Any:
            if getattr(self._inside, "busy", False):
                return function(*arguments, **others)
            self._inside.busy = True
            began = time.perf_counter()
            try:
                return function(*arguments, **others)
            finally:
                self.spent_s[what] += time.perf_counter() - began
                self.calls[what] += 1
                self._inside.busy = False

        setattr(owner, name, timed)

    def lines(self, whole_s: float, folds: int) -> Iterator[str]:
        """A table: what, calls a fold, milliseconds a fold, share of the whole time."""
        for what, spent_s in sorted(self.spent_s.items(), key=lambda each: -each[1]):
            yield f"{what:28} {self.calls[what] / folds:6.2f} {1000 * spent_s / folds:8.1f} {spent_s / whole_s:7.0%}"
        rest_s = whole_s - sum(self.spent_s.values())
        yield f"{'everything else':28} {'':6} {1000 * rest_s / folds:8.1f} {rest_s / whole_s:7.0%}"


class Counter(Observer):
    """Says now and then how far the study is."""

    def __init__(self) -> None:
        self._told_s = time.monotonic()

    def stood(self, standing: Standing) -> None:
        """See the base class."""
        if time.monotonic() > self._told_s + 20:
            self._told_s = time.monotonic()
            print(f"folds {standing.folds_done} of {standing.folds}", file=sys.stderr, flush=True)


@contextmanager
def servers(folder: Path) -> Iterator[tuple[str, str]]:
    """A PostgreSQL server and an MLflow server with its database on it: URL of the one, URI of the other."""
    postgresql = PostgresqlServer(folder / "postgresql")
    postgresql.make()
    postgresql.start()
    try:
        # Optuna and MLflow both keep a table `alembic_version`: each needs a database of its own.
        with empty_database(postgresql.url) as database, mlflow_server(folder / "mlflow", database) as uri:
            yield postgresql.url, uri
    finally:
        postgresql.stop()


def record(home: Home, trials: int, weights_kib: int) -> None:
    """Runs the study and prints how long it took, and with what.

    Args:
        home: Where it is kept.
        trials: Trials, of ten folds each.
        weights_kib: Size of a fold's weights.
    """
    corpus = made_up_corpus()
    seeds = -(-trials // _POINTS)
    plan = StudyPlan.of(
        corpus="manifest",
        recipe="recommended",
        attentions=("all",),
        labels=_LABELS,
        scopes=_SCOPES,
        seeds=seeds,
        overrides={"precision": "fp32"},
    )
    scheme = make_folds(corpus, parse_scheme("speaker"), "partner")
    name = plan.name(corpus.digest, "cpu")
    search = Search.open(home.storage, name, plan)
    search.keep_precision("fp32")
    search.keep_basis(Basis(scheme, "cpu"))
    client = open_tracking(home.tracking)
    experiment = experiment_id(client, corpus.name, home.artifacts if home.tracking_uri is None else None)
    search.keep_whereabouts(Whereabouts(experiment, corpus.digest, scheme[0].scheme, len(scheme)))
    context = StudyContext(name, plan.recipe, corpus, scheme, provenance_tags("none"), {"recipe": plan.recipe})
    recorder = Recorder(client, experiment, context, home.lock("recording"))
    trainer = InstantTrainer(corpus, slots=4, weights=256 * weights_kib)
    stopwatch = _stopwatch()
    study_run = recorder.study_run()
    points = search.points("fp32")[:trials]
    with Sender() as sender:
        coordinator = Coordinator(
            context=context,
            study_run=study_run,
            points=points,
            search=search,
            store=Path("none"),
            device_type="cpu",
            outbox=Outbox(home.outbox),
            recorder=recorder,
            reader=Reader(client, experiment, corpus.digest, scheme[0].scheme),
            executor=trainer,
            observer=Counter(),
            sender=sender,
        )
        began, began_cpu = time.perf_counter(), time.process_time()
        assert coordinator.run() == []
    whole_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    recorder.finish_study(study_run, complete=True)
    folds = len(points) * len(scheme)
    print(f"{len(points)} trials x {len(scheme)} folds of {weights_kib} KiB in {whole_s:.0f} s:")
    print(
        f"{folds / whole_s:.1f} folds recorded a second; {1000 * cpu_s / folds:.0f} ms of the coordinator's processor"
    )
    print(f"time for making up results, within that: {trainer.spent_s:.0f} s")
    print(f"{'what the sender does':28} {'calls':>6} {'ms':>8}   share  (calls and ms a fold)")
    print("\n".join(stopwatch.lines(whole_s, folds)))


def _stopwatch() -> Stopwatch:
    stopwatch = Stopwatch()
    for name in (
        "create_run",
        "log_batch",
        "log_artifacts",
        "log_inputs",
        "set_terminated",
        "search_runs",
        "update_run",
    ):
        stopwatch.watch(MlflowClient, name, f"MLflow {name}")
    for name in ("begin", "complete", "report", "verdict"):
        stopwatch.watch(Search, name, "Optuna")
    for name in ("put", "read", "remove"):
        stopwatch.watch(Outbox, name, f"outbox {name}")
    stopwatch.watch(tracking.recorder, "confusion_png", "drawing confusion matrices")
    return stopwatch


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="trials of ten folds")
    parser.add_argument("--weights-kib", type=int, default=64, help="size of a fold's weights")
    parser.add_argument("--sqlite", type=Path, help="record into this home instead, on SQLite, and keep it")
    arguments = parser.parse_args()
    if arguments.sqlite is not None:
        record(Home(arguments.sqlite, None, None), arguments.trials, arguments.weights_kib)
        return
    folder = Path(tempfile.mkdtemp(prefix="ser-recording-"))
    # PostgreSQL runs as a user of its own where this runs as root.
    folder.chmod(0o755)
    with servers(folder) as (storage, uri):
        record(Home(folder / "home", storage, uri), arguments.trials, arguments.weights_kib)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
