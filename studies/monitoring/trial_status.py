"""Status of a study's trials: their states from Optuna, and the folds whose results are on disk."""

from collections.abc import Callable
from dataclasses import dataclass

from optuna.trial import TrialState

from ser.errors import StorageError
from studies.search.records import StudyLocation
from studies.search.started_trials import StartedTrial, find_versions, started_trials
from studies.search.summaries import StudySummary
from studies.storages.home import Home
from tracking.backend.errors import translating_errors
from tracking.results.store import ResultStore

_STATES = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "PRUNED", TrialState.FAIL: "FAILED"}


@dataclass(frozen=True)
class TrialStatus:
    """Status of a trial.

    Attributes:
        name: Readable name of the trial.
        state: RUNNING, FINISHED, FAILED, PRUNED, or KILLED where its study was stopped before its end.
        folds_done: Folds with a result.
        folds: Folds of the trial.
        mean_validation_ua: Mean validation UA, 0..1, or None before its end.
        remark: Reason for which it failed or was pruned.
    """

    name: str
    state: str
    folds_done: int
    folds: int
    mean_validation_ua: float | None
    remark: str


def trial_statuses(
    home: Home, study: StudySummary, is_running: bool, notify: Callable[[str], None]
) -> list[TrialStatus]:
    """Return the status of all trials of a study that have started, in that order.

    Args:
        home: The data directory.
        study: The study.
        is_running: Whether a process runs it now.
        notify: Called with one line where the tracking server cannot be asked for folds of other data directories.
    """
    results = ResultStore(home.results)
    versions = find_versions(study, results)
    if versions is None or study.location is None:
        return []
    trials = started_trials(study, versions)
    finished = results.identities()
    if home.tracking_uri is not None and not all(trial.folds.keys() <= finished for trial in trials):
        finished |= _finished_on_server(home.tracking_uri, study.location, notify)
    open_state = "RUNNING" if is_running else "KILLED"
    return [
        TrialStatus(
            name=trial.name,
            state=open_state if _lacks_folds(trial, finished) else _STATES.get(trial.state, open_state),
            folds_done=len(finished & trial.folds.keys()),
            folds=len(trial.folds),
            mean_validation_ua=trial.mean_validation_ua,
            remark=_remark(trial),
        )
        for trial in trials
    ]


def _lacks_folds(trial: StartedTrial, finished: frozenset[str]) -> bool:
    """Return whether a trial that Optuna calls complete lacks results, which were discarded or lost since."""
    return trial.state == TrialState.COMPLETE and not trial.folds.keys() <= finished


def _finished_on_server(uri: str, location: StudyLocation, notify: Callable[[str], None]) -> frozenset[str]:
    """Return the identities of all folds of a corpus that have a finished run; none where the server is unavailable."""
    # They import MLflow, which the status of a study on this machine does without.
    from tracking.backend.client import connect
    from tracking.results.fetching import finished_fold_runs

    try:
        with translating_errors("tracking server"):
            return frozenset(finished_fold_runs(connect(uri), location.experiment, location.corpus_digest))
    except StorageError as error:
        notify(f"only folds of this data directory are counted: {error}")
        return frozenset()


def _remark(trial: StartedTrial) -> str:
    """Return why a trial failed or was pruned, in one line; empty for others."""
    return (trial.pruned or trial.failure or "").partition("\n")[0]
