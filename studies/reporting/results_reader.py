"""Reader of the results table of a report: the trials that Optuna lists, with the folds whose results are on disk."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ser.errors import SerError
from ser.results import BaselineResult, Fold, FoldResult
from studies.baselines import baseline_inputs
from studies.search.records import StudyLocation
from studies.search.started_trials import CodeVersions, StartedTrial, find_versions, started_trials
from studies.search.summaries import StudySummary
from studies.storages.home import Home
from tracking.analysis.results_table import PrunedTrial, ResultsTable, ScoredTrial, without_pruned
from tracking.analysis.scored_folds import ScoredFold, score_folds
from tracking.results.baselines import BaselineInputs, BaselineStore
from tracking.results.store import ResultStore


@dataclass(frozen=True)
class _StudyTrial:
    """Trial with the study that reports name it by."""

    study: StudySummary
    trial: StartedTrial


class ResultsReader:
    """Reader of the results of one corpus and fold scheme, of all studies."""

    def __init__(self, home: Home, location: StudyLocation) -> None:
        self._home = home
        self._location = location
        self._results = ResultStore(home.results)
        self._baselines = BaselineStore(home.results)
        # Neither changes, and a report is written again and again while its studies run.
        self._scored_folds: dict[str, ScoredFold] = {}
        self._versions: dict[str, CodeVersions] = {}
        self._fetch_notes: tuple[str, ...] = ()
        self._searched_runs: set[str] = set()

    def fetch(
        self,
        studies: Iterable[StudySummary],
        progress: Callable[[int, int], None] = lambda done, total: None,
        baselines: bool = True,
    ) -> None:
        """Fetch results that are missing here from the tracking server; without one, do nothing.

        Args:
            studies: All studies.
            progress: Called with the number of results that are fetched, and of those to fetch.
            baselines: Whether missing baselines are looked for, too; the server has those of studies that have ended.
        """
        if self._home.tracking_uri is None:
            return
        # It imports MLflow, which a report of results on disk does without.
        from studies.reporting.shared_results import fetch_shared_results

        studies = self._studies_of_location(studies)
        entries = self._distinct_trials(studies, {}).values()
        identities = {identity for entry in entries for identity in entry.trial.folds}
        inputs = _baseline_inputs(studies) if baselines else []
        self._fetch_notes = fetch_shared_results(
            self._home, self._location, identities, inputs, self._searched_runs, progress
        )

    def _studies_of_location(self, studies: Iterable[StudySummary]) -> list[StudySummary]:
        return [study for study in studies if self._location.same_data_as(study.location)]

    def table(
        self, studies: Iterable[StudySummary], progress: Callable[[int, int], None] = lambda done, total: None
    ) -> ResultsTable:
        """Read all trials and baselines across studies, each trial once.

        Args:
            studies: All studies, the one that started first at the front: it names a trial that others have, too.
            progress: Called with the number of results that are read, and of those to read.

        Returns:
            The table. A trial has the folds that exist; pruned trials are listed apart. Its notes are those of the
            corpus, failed trials, and what could not be read.
        """
        studies = self._studies_of_location(studies)
        notes = dict.fromkeys(note for study in studies if study.start is not None for note in study.start.notes)
        notes |= dict.fromkeys(self._fetch_notes)
        trials = self._distinct_trials(studies, notes)
        self._read_folds([entry.trial for entry in trials.values()], notes, progress)
        compared, pruned = [], []
        for entry in trials.values():
            trial = self._scored_trial(entry)
            if entry.trial.failure is not None and len(trial.folds) < len(trial.scheme):
                reason = entry.trial.failure.partition("\n")[0]
                notes[f"failed: {entry.trial.name} of study {trial.study}: {reason}"] = None
            if entry.trial.pruned is None:
                compared.append(trial)
            else:
                pruned.append(PrunedTrial(entry.trial.name, entry.trial.pruned, trial))
        comparable, excluded = without_pruned(sorted(compared, key=_order), pruned)
        return ResultsTable(comparable, self._read_baselines(studies), tuple(notes), excluded)

    def _distinct_trials(self, studies: Sequence[StudySummary], notes: dict[str, None]) -> dict[str, _StudyTrial]:
        """List each trial once, by identity; one that a study has pruned counts as pruned where all have pruned it."""
        trials: dict[str, _StudyTrial] = {}
        for study in studies:
            versions = self._find_versions(study)
            if versions is None:
                if study.started is not None:
                    notes[f"left out: study {study.name}: no result tells with which versions it was trained"] = None
                continue
            for trial in started_trials(study, versions):
                first = trials.get(trial.identity)
                if first is None or (first.trial.pruned is not None and trial.pruned is None):
                    trials[trial.identity] = _StudyTrial(study, trial)
        return trials

    def _find_versions(self, study: StudySummary) -> CodeVersions | None:
        if study.name not in self._versions:
            versions = find_versions(study, self._results)
            if versions is None:
                return None
            self._versions[study.name] = versions
        return self._versions[study.name]

    def _read_folds(
        self, trials: Sequence[StartedTrial], notes: dict[str, None], progress: Callable[[int, int], None]
    ) -> None:
        """Read and score those folds of trials that are new; note damaged files."""
        new = self._results.identities() - self._scored_folds.keys()
        new_folds = [[identity for identity in trial.folds if identity in new] for trial in trials]
        done, total = 0, sum(map(len, new_folds))
        for identities in new_folds:
            results: dict[str, FoldResult] = {}
            for identity in identities:
                try:
                    results[identity] = self._results.result(identity)
                except SerError as error:
                    notes[f"left out: {error}"] = None
            self._scored_folds |= zip(results, score_folds(list(results.values())), strict=True)
            done += len(identities)
            progress(done, total)

    def _scored_trial(self, entry: _StudyTrial) -> ScoredTrial:
        study, trial = entry.study, entry.trial
        return ScoredTrial(
            study=study.name,
            recipe=study.plan.recipe,
            trial_id=trial.identity,
            scheme=tuple(trial.folds.values()),
            folds=tuple(
                _as_fold(self._scored_folds[identity], fold)
                for identity, fold in trial.folds.items()
                if identity in self._scored_folds
            ),
        )

    def _read_baselines(self, studies: Sequence[StudySummary]) -> tuple[BaselineResult, ...]:
        """Read the baselines of the front ends and normalisations that studies train with."""
        digest = self._location.corpus_digest
        baselines = (self._baselines.find(digest, *inputs) for inputs in _baseline_inputs(studies))
        return tuple(baseline for baseline in baselines if baseline is not None)


def _baseline_inputs(studies: Iterable[StudySummary]) -> list[BaselineInputs]:
    """List the inputs of all baselines of studies, once."""
    inputs = [
        inputs
        for study in studies
        if study.identity_inputs is not None
        for inputs in baseline_inputs(study.plan, study.identity_inputs.scheme)
    ]
    return list(dict.fromkeys(inputs))


def _as_fold(scored: ScoredFold, fold: Fold) -> ScoredFold:
    """Return a fold's result as the reported scheme counts and names it, which its identity leaves open."""
    return scored if scored.fold == fold else replace(scored, fold=fold)


def _order(trial: ScoredTrial) -> tuple[bool, int]:
    """Sort complete trials before others, and those that were trained first to the front, whatever study lists them."""
    return len(trial.folds) < len(trial.scheme), min((fold.started_ms for fold in trial.folds), default=0)
