"""What a study spends on anything but its folds: Optuna, MLflow, files, handing out and taking in."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measurement import Measurement
from benchmarks.paired_processes import BenchProcess, Work
from studies.execution.backends import LocalBackend
from studies.monitoring.events import StudyCallback, StudyProgress
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.runner import run_study
from studies.storages.home import Home
from tracking.analysis.scored_folds import ScoredFold

WORKERS = 2


@dataclass
class _Clock(StudyCallback):
    """Notes when the study came to each standing: the first is before the first fold is handed out."""

    wall_s: list[float] = field(default_factory=list)
    coordinator_s: list[float] = field(default_factory=list)

    def on_progress(self, standing: StudyProgress) -> None:
        self.wall_s.append(time.time())
        self.coordinator_s.append(time.process_time())


@dataclass(frozen=True)
class Spent:
    """Where a study's time went, in seconds of its worker slots.

    Attributes:
        wall_s: From before the first fold was handed out to the last result's being recorded.
        folds_s: In folds, evaluation included.
        tail_s: In slots that had no fold left to take.
        coordinator_s: Processor time of the coordinator, which may have slowed the folds.
    """

    wall_s: float
    folds_s: float
    tail_s: float
    coordinator_s: float

    @property
    def other_share(self) -> float:
        """The share of the slots' time that was neither a fold nor the end's idling, 0..1."""
        return (WORKERS * self.wall_s - self.folds_s - self.tail_s + self.coordinator_s) / (WORKERS * self.wall_s)


def study(emodb: Path, folder: Path, epochs: int) -> Work:
    """One study of attention `none` over phonemes on EmoDB, recorded in a home of its own."""
    plan = StudyPlan.from_options(
        StudyOptions(
            corpus="emodb",
            recipe="recommended",
            attentions=("none",),
            labels=("phonemes",),
            overrides={"epochs": str(epochs), "precision": "fp32"},
        )
    )

    def work() -> Spent:
        clock, workplace = _Clock(), LocalBackend(("cpu",) * WORKERS)
        outcome = run_study(plan, emodb, Home(folder), workplace, clock, lambda _: lambda done, total: None)
        folds = [fold for trial in outcome.reader.table().trials for fold in trial.folds]
        return spent(folds, clock.wall_s[0], clock.wall_s[-1], clock.coordinator_s[-1] - clock.coordinator_s[0])

    return work


def spent(folds: list[ScoredFold], began_s: float, ended_s: float, coordinator_s: float) -> Spent:
    """Adds up where the time of two slots went.

    Args:
        folds: All folds of the study.
        began_s: When the first fold was about to be handed out, in seconds since 1970.
        ended_s: When the last result was recorded.
        coordinator_s: Processor time of the coordinator in between.
    """
    folds_s = sum(fold.ended_ms - fold.started_ms for fold in folds) / 1000
    last_ends_s = sorted(fold.ended_ms / 1000 for fold in folds)[-WORKERS:]
    tail_s = sum(last_ends_s[-1] - end for end in last_ends_s)
    return Spent(ended_s - began_s, folds_s, tail_s, coordinator_s)


def of_a_study(emodb: Path, folder: Path, epochs: int) -> list[Measurement]:
    """The share of a study's time that is not training."""
    with BenchProcess(study, emodb, folder, epochs) as side:
        found: Spent = side.run().returned
    details = f"{found.wall_s:.0f} s, ten folds of {epochs} epochs, {WORKERS} workers, their start included; "
    details += f"coordinator {found.coordinator_s:.1f} s of processor time"
    return [
        Measurement("study, all but training", "EmoDB, 30 ms, none", 100 * found.other_share, "%", 3.0, True, details)
    ]
