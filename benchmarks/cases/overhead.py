"""Overhead of a study: Optuna, MLflow, files, and the dispatch of folds."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measurement import Measurement
from benchmarks.paired_processes import BenchProcess, Work
from studies.execution.backends import LocalBackend
from studies.monitoring.events import StudyCallback, StudyProgress
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.reporting.results_reader import ResultsReader
from studies.runner import run_study
from studies.search.summaries import list_studies
from studies.storages.home import Home
from tracking.analysis.scored_folds import ScoredFold

WORKERS = 2


@dataclass
class _Clock(StudyCallback):
    """Records the times of a study's progress; the first is before the first fold is dispatched."""

    wall_s: list[float] = field(default_factory=list)
    coordinator_s: list[float] = field(default_factory=list)

    def on_progress(self, progress: StudyProgress) -> None:
        self.wall_s.append(time.time())
        self.coordinator_s.append(time.process_time())


@dataclass(frozen=True)
class TimeBudget:
    """Time of a study by its use, in seconds of its worker slots.

    Attributes:
        wall_s: Duration from before the first fold's dispatch to the last result's record.
        folds_s: Time in folds, including evaluation.
        tail_s: Time of slots after the last fold was dispatched.
        coordinator_s: CPU time of the coordinator, which may have slowed the folds.
    """

    wall_s: float
    folds_s: float
    tail_s: float
    coordinator_s: float

    @property
    def overhead_share(self) -> float:
        """Return the share of the slots' time that was neither a fold nor the tail, 0..1."""
        return (WORKERS * self.wall_s - self.folds_s - self.tail_s + self.coordinator_s) / (WORKERS * self.wall_s)


def study(emodb: Path, folder: Path, epochs: int) -> Work:
    """Run one study of attention `none` over phonemes on EmoDB, in a new home."""
    plan = StudyPlan.from_options(
        StudyOptions(
            corpus="emodb",
            recipe="recommended",
            attentions=("none",),
            labels=("phonemes",),
            overrides={"epochs": str(epochs), "precision": "fp32"},
        )
    )

    def work() -> TimeBudget:
        clock, home = _Clock(), Home(folder)
        outcome = run_study(
            plan, emodb, home, LocalBackend(("cpu",) * WORKERS), clock, lambda _: lambda done, total: None
        )
        table = ResultsReader(home, outcome.location).table(list_studies(home.storage))
        folds = [fold for trial in table.trials for fold in trial.folds]
        return time_budget(folds, clock.wall_s[0], clock.wall_s[-1], clock.coordinator_s[-1] - clock.coordinator_s[0])

    return work


def time_budget(folds: list[ScoredFold], started_s: float, ended_s: float, coordinator_s: float) -> TimeBudget:
    """Sum up the time of two slots by its use.

    Args:
        folds: All folds of the study.
        started_s: Time before the first fold's dispatch, in seconds since 1970.
        ended_s: Time of the last result's record.
        coordinator_s: CPU time of the coordinator in between.
    """
    folds_s = sum(fold.ended_ms - fold.started_ms for fold in folds) / 1000
    last_ends_s = sorted(fold.ended_ms / 1000 for fold in folds)[-WORKERS:]
    tail_s = sum(last_ends_s[-1] - end for end in last_ends_s)
    return TimeBudget(ended_s - started_s, folds_s, tail_s, coordinator_s)


def overhead_of_study(emodb: Path, folder: Path, epochs: int) -> list[Measurement]:
    """Measure the share of a study's time that is not training."""
    with BenchProcess(study, emodb, folder, epochs) as side:
        budget: TimeBudget = side.run().returned
    details = f"{budget.wall_s:.0f} s, ten folds of {epochs} epochs, {WORKERS} workers, including their start; "
    details += f"coordinator {budget.coordinator_s:.1f} s of CPU time"
    return [
        Measurement(
            "study, all but training", "EmoDB, 30 ms, none", 100 * budget.overhead_share, "%", 3.0, True, details
        )
    ]
