"""A point on its way: its folds, and the results that exist."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ser.identity import fold_identity, trial_identity
from ser.results import Fold, FoldResult
from studies.monitoring.events import StudyProgress
from studies.search.records import Point
from tracking.analysis.variants.naming import variant_label
from tracking.writing import payloads


@dataclass
class TrialState:
    """A point on its way.

    Attributes:
        point: The point.
        identity: The trial's identity.
        folds: Folds by identity, in the order of the scheme.
        results: Results by fold identity, until it has ended: a study of a thousand trials would fill the memory.
        done: Identities of folds that have a result.
        recorded: Identities of folds that have a run, too.
        elsewhere: Runs of folds that another trial had trained, by fold identity.
        run_id: Its run, once it is known.
        failures: Why attempts at its folds failed, each with its traceback, in order.
        given_up: Last failure of each fold that is not tried again in this start, by fold identity.
        pruned: Why it was given up before its last fold, or None.
        ended: Whether it was written to its end.
    """

    point: Point
    identity: str
    folds: dict[str, Fold]
    results: dict[str, FoldResult] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    recorded: set[str] = field(default_factory=set)
    external_runs: dict[str, str] = field(default_factory=dict)
    run_id: str | None = None
    failures: list[str] = field(default_factory=list)
    failed_folds: dict[str, str] = field(default_factory=dict)
    pruned: str | None = None
    ended: bool = False

    @classmethod
    def of(cls, point: Point, corpus_digest: str, scheme: tuple[Fold, ...], device_type: str) -> "TrialState":
        """The trial of a point.

        Args:
            point: The point.
            corpus_digest: Digest of the corpus.
            scheme: All folds, in order.
            device_type: 'cpu' or 'cuda'.
        """
        folds = {fold_identity(point.configuration, corpus_digest, fold, device_type): fold for fold in scheme}
        return cls(point, trial_identity(list(folds)), folds)

    @property
    def label(self) -> str:
        """Readable name of the variant."""
        return variant_label(self.point.configuration)

    @property
    def missing(self) -> list[str]:
        """Identities of folds without a result, in the order of the scheme."""
        return [identity for identity in self.folds if identity not in self.done]

    @property
    def validation_ua(self) -> dict[int, float]:
        """Validation UA, 0..1, of the folds that have a result, by number of the fold, from 1."""
        return {result.fold.index + 1: payloads.validation_ua(result) for result in tuple(self.results.values())}

    def is_repetition_of(self, other: "TrialState") -> bool:
        """Whether it is another trial's point, perhaps with another seed."""
        seed = {"seed": other.point.configuration.seed}
        return self.point.configuration.model_copy(update=seed) == other.point.configuration

    def fold_name(self, identity: str) -> str:
        """Readable name of one of its folds."""
        return f"{self.label} · {self.folds[identity].name}"

    def add_result(self, result: FoldResult) -> None:
        """Takes a result in, under its place in this scheme: an equal fold may stand elsewhere in another one."""
        self.results[result.identity] = result.model_copy(update={"fold": self.folds[result.identity]})
        self.done.add(result.identity)

    def release_results(self) -> None:
        """Notes that it was written to its end, and lets go of its results."""
        self.ended = True
        self.results.clear()


def compute_progress(
    trials: Iterable[TrialState], points: int, ended: int, reused: int, folds: int, values: Iterable[tuple[str, float]]
) -> StudyProgress:
    """How far a study is.

    Args:
        trials: Trials that had not ended when it began.
        points: All its points.
        ended: Points that had ended when it began.
        reused: Folds of `trials` that had a result when it began.
        folds: Folds of a trial.
        values: Name and mean validation UA, 0..1, of each complete trial.
    """
    trials = list(trials)
    spared = sum(len(trial.missing) for trial in trials if trial.pruned is not None)
    done = sum(len(trial.done) for trial in trials)
    return StudyProgress(
        trials=points,
        trials_done=ended + sum(trial.ended or trial.pruned is not None for trial in trials),
        folds=points * folds - spared,
        folds_done=ended * folds + done,
        folds_reused=ended * folds + reused,
        best=max(values, key=lambda each: each[1], default=None),
    )
