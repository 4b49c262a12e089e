"""A coordinator that is killed, or whose worker is, at a moment that was chosen beforehand.

It runs in a process of its own, forked from one that has imported everything; its workers are the
real ones.
"""

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil
from mlflow.tracking import MlflowClient

from ser.errors import SerError
from ser.results import EpochRecord
from studies import runner
from studies.coordination.shutdown import sigterm_as_exit
from studies.execution.backends import LocalBackend
from studies.monitoring.events import FoldFailure, StudyCallback, StudyProgress
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.search.optuna_study import OptunaStudy
from studies.storages.home import Home
from tests.support.processes import local_workers
from tracking.backend.artifacts import Artifacts
from tracking.results.store import ResultStore

# Every call that writes anything anywhere.
WRITES: tuple[tuple[Any, str], ...] = (
    *((MlflowClient, name) for name in ("create_run", "update_run", "log_inputs", "log_batch")),
    *((MlflowClient, name) for name in ("set_terminated", "set_tag")),
    (Artifacts, "log"),
    (ResultStore, "put"),
    *(
        (OptunaStudy, name)
        for name in ("start_trial", "complete", "save_precision", "save_identity_inputs", "save_location")
    ),
)


@dataclass(frozen=True)
class Kill:
    """Who is killed, how and when.

    Attributes:
        victim: A worker, the coordinator alone, or all processes of the study.
        number: SIGKILL or SIGTERM.
        write: Number of the write, from 1, before, during or after which it happens; 0 for an epoch instead.
        phase: Where in that write.
        epoch: Number of the epoch, from 1, at whose end it happens where it is not at a write.
        delay_s: How long after the write's begin, in phase `during`.
        write_name: Name of the function whose calls are counted, or None for every write.
    """

    victim: Literal["worker", "coordinator", "all"]
    number: signal.Signals
    write: int
    phase: Literal["before", "during", "after"]
    epoch: int
    delay_s: float = 0.0
    write_name: str | None = None


def plan(epochs: int) -> StudyPlan:
    """Two trials of four folds, each trained in an instant where the epochs are few."""
    small = {"cells": "4", "epochs": str(epochs), "precision": "fp32"}
    return StudyPlan.from_options(
        StudyOptions(corpus="emodb", recipe="quick", attentions=("none", "quantum"), labels=("words",), overrides=small)
    )


class _Assassin(StudyCallback):
    """Counts writes and epochs, kills once, and notes when the study went on.

    Args:
        kill: What to do, or None to disturb nothing.
        notes: Where to write what happened, one JSON object a line.
    """

    def __init__(self, kill: Kill | None, notes: Path) -> None:
        self._kill = kill
        self._notes = notes
        self._writes = 0
        self._epochs = 0
        self._struck = threading.Event()
        self._failed_fold: str | None = None
        self._stood = False

    def arm(self) -> None:
        """Counts every write from now on."""
        for owner, name in WRITES:
            setattr(owner, name, self._counted(getattr(owner, name), name))

    def note(self, event: str) -> None:
        with self._notes.open("a") as file:
            file.write(json.dumps({"event": event, "at_s": time.time()}) + "\n")

    def on_progress(self, progress: StudyProgress) -> None:
        if not self._stood:
            self._stood = True
            self.note("took over")

    def on_epoch_end(self, slot: int, fold: str, epochs: int, record: EpochRecord) -> None:
        if fold == self._failed_fold:
            self.note("worker replaced")
            self._failed_fold = None
        self._epochs += 1
        if self._kill is not None and self._kill.write == 0 and self._epochs == self._kill.epoch:
            self._strike()

    def on_fold_end(self, slot: int, fold: str) -> None:
        self.note("fold ended")

    def on_message(self, what: str) -> None:
        self.note(f"said: {what}")

    def on_fold_failed(self, failure: FoldFailure) -> None:
        self._failed_fold = failure.fold

    def _counted(self, write: Callable[..., Any], name: str) -> Callable[..., Any]:
        if self._kill is not None and self._kill.write_name not in (None, name):
            return write

        def counted(*arguments: Any, **others: Any) -> Any:
            self._writes += 1
            fatal = self._kill is not None and self._writes == self._kill.write
            if self._kill is None or not fatal:
                return write(*arguments, **others)
            if self._kill.phase == "before":
                self._strike()
            if self._kill.phase == "during":
                threading.Timer(self._kill.delay_s, self._strike).start()
            result = write(*arguments, **others)
            if self._kill.phase == "after":
                self._strike()
            return result

        return counted

    def _strike(self) -> None:
        kill = self._kill
        if kill is None or self._struck.is_set():
            return
        self._struck.set()
        if kill.victim == "worker":
            workers = local_workers()
            if workers:
                self.note("killed")
                with suppress(psutil.NoSuchProcess):
                    random.Random(kill.write + kill.epoch).choice(workers).send_signal(kill.number)
            return
        self.note("killed")
        if kill.victim == "all":
            os.killpg(os.getpgrp(), kill.number)
        else:
            os.kill(os.getpid(), kill.number)


def coordinate(corpus: Path, home: Home, epochs: int, workers: int, kill: Kill | None, notes: Path) -> None:
    """Runs the study to its end, or to the kill; the process ends with 0, 1, or by the signal.

    Args:
        corpus: Folder of the corpus.
        home: Where everything is kept.
        epochs: Epochs of every fold.
        workers: Worker processes.
        kill: What to do, or None.
        notes: Where to write what happened.
    """
    os.setsid()
    assassin = _Assassin(kill, notes)
    assassin.arm()
    # SQLite would get one writer; several have more moments at which a kill finds them.
    runner.writer_threads = lambda home: workers
    with sigterm_as_exit():
        try:
            backend = LocalBackend(("cpu",) * workers)
            outcome = runner.run_study(
                plan(epochs), corpus, home, backend, assassin, lambda name: lambda done, total: None
            )
        except SerError as error:
            assassin.note(f"error: {error}")
            raise SystemExit(error.exit_code) from error
    if outcome.failures:
        assassin.note(f"failed: {outcome.failures[0]}")
        raise SystemExit(1)
