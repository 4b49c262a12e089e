"""Run-time state of a trial: its folds and their results."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from mlflow.entities import Run

from ser.identity import trial_identity
from ser.results import Fold, FoldResult
from studies.monitoring.events import StudyProgress
from studies.search.records import Point
from tracking.analysis.variants.naming import variant_label
from tracking.writing import payloads


class FoldState(Enum):
    """State of a fold.

    A fold that is trained goes through QUEUED, RUNNING, STORED and RECORDED. A failed attempt puts it back to QUEUED,
    the last one to FAILED. A fold whose result exists begins as STORED.
    """

    QUEUED = auto()
    """It waits for a slot."""
    RUNNING = auto()
    """A worker trains it."""
    FAILED = auto()
    """Its last attempt in this start of the study failed."""
    STORED = auto()
    """Its result is on disk."""
    RECORDED = auto()
    """MLflow shows its result, too."""


@dataclass
class TrialState:
    """State of a trial while its study runs.

    Attributes:
        point: Its point.
        identity: Its identity.
        folds: Its folds by identity, in the order of the scheme.
        states: State of each fold by identity, in the same order.
        results: Results of RECORDED folds, by fold identity; released when the trial is complete, since those of a
            thousand trials would fill the memory.
        external_runs: Runs of RECORDED folds that other studies have written, by fold identity.
        run_id: Its run, once it has one.
        failures: Failed attempts at its folds, each with its traceback, in order.
        failed_folds: Last failure of each FAILED fold, by fold identity.
        pruned: Reason for which it was pruned, or None.
        complete: Whether its run is finished.
    """

    point: Point
    identity: str
    folds: Mapping[str, Fold]
    states: dict[str, FoldState]
    results: dict[str, FoldResult] = field(default_factory=dict)
    external_runs: dict[str, Run] = field(default_factory=dict)
    run_id: str | None = None
    failures: list[str] = field(default_factory=list)
    failed_folds: dict[str, str] = field(default_factory=dict)
    pruned: str | None = None
    complete: bool = False

    @classmethod
    def of(cls, point: Point, folds: Mapping[str, Fold], stored: Collection[str]) -> "TrialState":
        """Make the trial of a point.

        Args:
            point: The point.
            folds: Its folds by identity, in the order of the scheme.
            stored: Identities of folds whose results are on disk.
        """
        states = {identity: FoldState.STORED if identity in stored else FoldState.QUEUED for identity in folds}
        return cls(point, trial_identity(list(folds)), folds, states)

    @property
    def label(self) -> str:
        """Readable name of the variant."""
        return variant_label(self.point.configuration)

    @property
    def missing(self) -> list[str]:
        """Identities of folds without a result, in the order of the scheme."""
        return [id_ for id_, state in self.states.items() if state not in (FoldState.STORED, FoldState.RECORDED)]

    @property
    def stored(self) -> list[str]:
        """Identities of folds with a result that MLflow may lack, in the order of the scheme."""
        return [identity for identity, state in self.states.items() if state is FoldState.STORED]

    @property
    def is_recorded(self) -> bool:
        """Whether MLflow shows all its folds."""
        return all(state is FoldState.RECORDED for state in self.states.values())

    @property
    def validation_ua(self) -> dict[int, float]:
        """Validation UA, 0..1, of the RECORDED folds, by number of the fold, from 1."""
        return {result.fold.index + 1: payloads.validation_ua(result) for result in tuple(self.results.values())}

    def is_repetition_of(self, trial: "TrialState") -> bool:
        """Return whether it is another trial's point, perhaps with another seed."""
        seed = {"seed": trial.point.configuration.seed}
        return self.point.configuration.model_copy(update=seed) == trial.point.configuration

    def fold_name(self, identity: str) -> str:
        """Readable name of one of its folds."""
        return f"{self.label} · {self.folds[identity].name}"

    def mark_recorded(self, result: FoldResult, external_run: Run | None) -> None:
        """Note that MLflow shows a fold's result.

        Args:
            result: The result; an equal fold may have another index in another scheme.
            external_run: The run, where another study has written it.
        """
        self.results[result.identity] = result.model_copy(update={"fold": self.folds[result.identity]})
        self.states[result.identity] = FoldState.RECORDED
        if external_run is not None:
            self.external_runs[result.identity] = external_run

    def release_results(self) -> None:
        """Forget its results and the runs of other studies, once nothing is written of it any more."""
        self.results.clear()
        self.external_runs.clear()


def compute_progress(
    trials: Iterable[TrialState], points: int, ended: int, reused: int, folds: int, values: Iterable[tuple[str, float]]
) -> StudyProgress:
    """Compute a study's progress.

    Args:
        trials: Trials that were open when this start began.
        points: Number of all points.
        ended: Number of points that were complete or pruned when this start began.
        reused: Number of folds of `trials` that had a result when this start began.
        folds: Number of folds of a trial.
        values: Name and mean validation UA, 0..1, of each complete trial.
    """
    trials = list(trials)
    spared = sum(len(trial.missing) for trial in trials if trial.pruned is not None)
    done = sum(len(trial.folds) - len(trial.missing) for trial in trials)
    return StudyProgress(
        trials=points,
        trials_done=ended + sum(not trial.missing or trial.pruned is not None for trial in trials),
        folds=points * folds - spared,
        folds_done=ended * folds + done,
        folds_reused=ended * folds + reused,
        best=max(values, key=lambda named_value: named_value[1], default=None),
    )
