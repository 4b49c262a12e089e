"""Trials that a study has started, with the identities of their folds; neither its corpus nor MLflow is needed."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from optuna.trial import FrozenTrial, TrialState

from ser.config import FoldConfiguration
from ser.errors import SerError
from ser.identity import RESULTS_VERSION, fold_identity, installed_torch_version, trial_identity
from ser.results import Fold
from studies.planning.study_name import study_name
from studies.search.optuna_study import FAILURE, PRUNED
from studies.search.points import point_key, points_of
from studies.search.summaries import StudySummary
from tracking.analysis.variants.naming import trial_run_name
from tracking.results.store import ResultStore

_STATES = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING, TrialState.FAIL, TrialState.WAITING)
"""States of a trial, the most final first; a failed one, or one that somebody has queued, counts where its point has no
other."""


class CodeVersions(NamedTuple):
    """Versions that enter the identities of all folds of a study.

    Attributes:
        torch: Version of torch.
        results: Version of the code's results.
    """

    torch: str
    results: int


@dataclass(frozen=True)
class StartedTrial:
    """Trial that a study has started.

    Attributes:
        configuration: Its point.
        identity: Its identity.
        folds: Its folds by identity, in the order of the scheme.
        state: Its state in Optuna.
        mean_validation_ua: Mean validation UA, 0..1, or None before its end.
        pruned: Reason for which it was pruned, or None.
        failure: Reason for which its latest attempt failed, or None.
    """

    configuration: FoldConfiguration
    identity: str
    folds: Mapping[str, Fold]
    state: TrialState
    mean_validation_ua: float | None
    pruned: str | None
    failure: str | None

    @property
    def name(self) -> str:
        """Readable name, that of its MLflow run."""
        return trial_run_name(self.configuration)


def find_versions(study: StudySummary, results: ResultStore) -> CodeVersions | None:
    """Find the versions that a study is of.

    Args:
        study: The study.
        results: Results on disk. Earlier versions of this program did not store the versions of a study: those of a
            result, or the installed ones, are the study's if its name is computed from them.

    Returns:
        The versions; None where the study has not started, or no result has its versions.
    """
    if study.start is not None:
        return CodeVersions(study.start.torch, study.start.results_version)
    if study.location is None or study.identity_inputs is None:
        return None
    tried: set[CodeVersions] = set()
    for versions in _known_versions(results):
        if versions not in tried:
            tried.add(versions)
            digest, device_type = study.location.corpus_digest, study.identity_inputs.device_type
            if study_name(study.plan, digest, device_type, versions.torch, versions.results) == study.name:
                return versions
    return None


def _known_versions(results: ResultStore) -> Iterator[CodeVersions]:
    """Yield the installed versions, then those of all results."""
    yield CodeVersions(installed_torch_version(), RESULTS_VERSION)
    for identity in sorted(results.identities()):
        # A damaged file is named where its fold is read.
        with suppress(SerError):
            result = results.result(identity)
            yield CodeVersions(result.environment.get("torch", ""), result.results_version)


def started_trials(study: StudySummary, versions: CodeVersions) -> list[StartedTrial]:
    """List the trials that a study has started, one for each point, in the order of their starts."""
    if study.location is None or study.identity_inputs is None or study.precision is None:
        return []
    points = points_of(study.plan, study.name)
    known = points.known(study.optuna_trials, study.precision)
    configurations = {points.key(configuration): configuration for configuration in known}
    trials: dict[str, FrozenTrial] = {}
    for trial in sorted(study.optuna_trials, key=lambda trial: (-_STATES.index(trial.state), -trial.number)):
        trials[point_key(trial.params)] = trial
    started = []
    for key, trial in sorted(trials.items(), key=lambda entry: entry[1].number):
        if key in configurations:
            folds = _folds(study, configurations[key], versions)
            started.append(_started_trial(configurations[key], folds, trial))
    return started


def fold_identities(study: StudySummary, results: ResultStore) -> frozenset[str]:
    """List the identities of the folds of all points of a study that are known by now, started or not."""
    versions = find_versions(study, results)
    if versions is None or study.precision is None:
        return frozenset()
    points = points_of(study.plan, study.name).known(study.optuna_trials, study.precision)
    return frozenset(identity for point in points for identity in _folds(study, point, versions))


def _folds(study: StudySummary, point: FoldConfiguration, versions: CodeVersions) -> dict[str, Fold]:
    """List the folds of a point by identity, in the order of the scheme; none before the study has started."""
    if study.location is None or study.identity_inputs is None:
        return {}
    digest, device_type = study.location.corpus_digest, study.identity_inputs.device_type
    return {fold_identity(point, digest, fold, device_type, *versions): fold for fold in study.identity_inputs.scheme}


def _started_trial(configuration: FoldConfiguration, folds: Mapping[str, Fold], trial: FrozenTrial) -> StartedTrial:
    return StartedTrial(
        configuration=configuration,
        identity=trial_identity(list(folds)),
        folds=folds,
        state=trial.state,
        mean_validation_ua=trial.value,
        pruned=trial.user_attrs.get(PRUNED),
        failure=trial.user_attrs.get(FAILURE),
    )
