"""Reading MLflow back: which folds are finished, a fold's result, and the table that a report is made of."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.entities import Run, ViewType
from mlflow.tracking import MlflowClient
from pydantic import ValidationError

from ser.errors import SerError
from ser.results import BaselineResult, Fold, FoldResult, scheme_of
from ser.training.checkpoint import read_result
from tracking import schema
from tracking.analysis.kept import kept
from tracking.analysis.results_table import PrunedTrial, ResultsTable, ScoredTrial, without_pruned
from tracking.analysis.scored_folds import Sharing
from tracking.analysis.trial_result import TrialResult
from tracking.backend.artifacts import artifact_path, download, has_result_artifact, open_artifact
from tracking.backend.queries import has_tags, is_finished, search_runs
from tracking.meanwhile import Meanwhile
from tracking.memory import resting_collector
from tracking.reading.partial_trials import partial_trial
from tracking.reading.trial_files import TOGETHER, TrialFile, read_artifact, read_trials


def _named(run: Run) -> str:
    return f"{run.info.run_name} of study {run.data.tags[schema.STUDY]}"


def _failure_of(run: Run) -> str:
    """Why a trial failed, in one line."""
    return f"failed: {_named(run)}: {run.data.tags[schema.FAILURE].partition(chr(10))[0]}"


class Reader:
    """Reads one corpus's runs of one fold scheme, whichever study wrote them.

    Args:
        client: The tracking store.
        experiment: Id of the corpus's experiment.
        corpus_digest: Digest of the corpus.
        scheme: Name of the fold scheme.
    """

    def __init__(self, client: MlflowClient, experiment: str, corpus_digest: str, scheme: str) -> None:
        self._client = client
        self._experiment = experiment
        self._corpus_digest = corpus_digest
        self._scheme = scheme
        # What a finished run holds never changes, and a watch reads again and again.
        self._read: dict[str, ScoredTrial] = {}
        self._sharing = Sharing()
        self._downloads = TemporaryDirectory(prefix="ser-")

    def finished_folds(self, model: str) -> dict[str, Run]:
        """Finished fold runs of one configuration, in any study and fold scheme.

        Args:
            model: Digest of the configuration.

        Returns:
            Runs by fold identity, less those whose results somebody has deleted: such a fold is to be trained again.
        """
        tags = {"ser__kind": "fold", "ser__model": model, "ser__corpus_digest": self._corpus_digest}
        runs = search_runs(self._client, self._experiment, **tags)
        return {
            run.data.tags[schema.FOLD_IDENTITY]: run for run in runs if is_finished(run) and has_result_artifact(run)
        }

    def started_configurations(self) -> frozenset[str]:
        """Digests of all configurations of which any study has begun a trial; folds lie below trials alone."""
        tags = {"ser__kind": "trial", "ser__corpus_digest": self._corpus_digest}
        return frozenset(run.data.tags[schema.MODEL] for run in search_runs(self._client, self._experiment, **tags))

    def fold_result(self, run: Run) -> FoldResult:
        """The result that a finished fold run holds."""
        with open_artifact(self._client, run, schema.TRAINED_FOLD) as path:
            return read_result(path)

    def find_reusable_trial(self, trial_id: str, study: str) -> TrialResult | None:
        """The finished trial of that identity that another study has trained itself, if there is one."""
        runs = search_runs(self._client, self._experiment, ser__kind="trial", ser__trial_id=trial_id)
        for run in runs:
            tags = run.data.tags
            whole = is_finished(run) and has_result_artifact(run)
            if whole and tags[schema.STUDY] != study and schema.REUSED_FROM not in tags:
                return self._trial_result(run)
        return None

    def table(self, progress: Callable[[int, int], None] | None = None) -> ResultsTable:
        """Reads all trials and baselines across studies, each trial once.

        Args:
            progress: Called with the steps done and their number, two for each trial.

        Returns:
            The table; a trial that no study has finished has the folds that exist, one that was given up stands
            apart. Its notes are those of the corpus, what was skipped, and trials that could not be read.
        """
        return self.begin(progress)()

    def begin(
        self, progress: Callable[[int, int], None] | None = None, meanwhile: Meanwhile = map
    ) -> Callable[[], ResultsTable]:
        """Begins to read the table.

        Args:
            progress: As `table` calls it.
            meanwhile: Reads trials.

        Returns:
            What gives the table; to be called once.
        """
        with resting_collector():
            tags = {"ser__corpus_digest": self._corpus_digest, "ser__fold_scheme": self._scheme}
            finished: dict[str, Run] = {}
            unfinished: dict[str, Run] = {}
            for run in search_runs(self._client, self._experiment, ser__kind="trial", **tags):
                identity = run.data.tags[schema.TRIAL_ID]
                if not (is_finished(run) and has_result_artifact(run)):
                    unfinished[identity] = run
                elif identity not in finished or schema.REUSED_FROM in finished[identity].data.tags:
                    finished[identity] = run
            reading = self._finished_trials(finished, progress or (lambda done, total: None), meanwhile)

        def table() -> ResultsTable:
            with resting_collector():
                studies = search_runs(self._client, self._experiment, ser__kind="study", **tags)
                return self._table(reading(), unfinished, studies)

        return table

    def _table(
        self, trials: dict[str, ScoredTrial], unfinished: Mapping[str, Run], found: Sequence[Run]
    ) -> ResultsTable:
        notes = dict.fromkeys(note for run in found for note in self._corpus_notes(run))
        begun = {identity: run for identity, run in unfinished.items() if identity not in trials}
        pruned = self._read_partial_trials(begun, found, trials, notes)
        baselines: dict[str, BaselineResult] = {}
        for run in found:
            if is_finished(run) and has_result_artifact(run):
                baseline = BaselineResult.model_validate_json(self._content(run, schema.BASELINE_RESULT))
                baselines[baseline.normalisation] = baseline
        compared, given_up = without_pruned(tuple(trials.values()), pruned)
        return ResultsTable(trials=compared, baselines=tuple(baselines.values()), notes=tuple(notes), pruned=given_up)

    def _read_partial_trials(
        self,
        begun: Mapping[str, Run],
        found: Sequence[Run],
        trials: dict[str, ScoredTrial],
        notes: dict[str, None],
    ) -> list[PrunedTrial]:
        """Adds trials that are not finished to `trials`, and what is to be said of them to `notes`.

        Args:
            begun: Their runs, by identity.
            found: The studies' runs.
            trials: Trials by identity.
            notes: Notes, in their order.

        Returns:
            Those that were given up.
        """
        studies = {run.data.tags[schema.STUDY]: run for run in found}
        schemes = {trial.study: trial.scheme for trial in trials.values()}
        pruned: list[PrunedTrial] = []
        for identity, run in begun.items():
            if schema.FAILURE in run.data.tags:
                notes[_failure_of(run)] = None
            try:
                trial = ScoredTrial.read(kept(self._partial_trial(run, studies, schemes)), self._sharing)
            except SerError as error:
                notes[f"left out: {_named(run)}: {error}"] = None
                continue
            reason = run.data.tags.get(schema.PRUNED)
            if reason is None:
                trials[identity] = trial
            else:
                pruned.append(PrunedTrial(name=str(run.info.run_name), reason=reason, trial=trial))
        return pruned

    def _finished_trials(
        self, finished: Mapping[str, Run], progress: Callable[[int, int], None], meanwhile: Meanwhile
    ) -> Callable[[], dict[str, ScoredTrial]]:
        """Finished trials by identity; each is found, which a remote store makes a download, and then read."""
        new = [run for run in finished.values() if run.info.run_id not in self._read]
        done = len(finished) - len(new)

        def step(trials: int) -> None:
            nonlocal done
            done += trials
            progress(done, len(new) + len(finished))

        def files(runs: Sequence[Run]) -> list[TrialFile]:
            found = [TrialFile(self._trial_file(run), _named(run)) for run in runs]
            step(len(runs))
            return found

        parts = [new[first : first + TOGETHER] for first in range(0, len(new), TOGETHER)]
        read = meanwhile(read_trials, map(files, parts))

        def trials() -> dict[str, ScoredTrial]:
            for runs, found in zip(parts, read, strict=True):
                self._read.update(zip((run.info.run_id for run in runs), found, strict=True))
                step(len(runs))
            return {identity: self._read[run.info.run_id] for identity, run in finished.items()}

        return trials

    def _trial_result(self, run: Run) -> TrialResult:
        try:
            return TrialResult.model_validate_json(self._content(run, schema.TRIAL_RESULT))
        except ValidationError as error:
            raise SerError(f"{schema.TRIAL_RESULT} of {_named(run)} is no trial's result: {error}") from error

    def _partial_trial(
        self, run: Run, studies: Mapping[str, Run], schemes: Mapping[str, tuple[Fold, ...]]
    ) -> TrialResult:
        """An unfinished trial; all trials of a study have one scheme, so a finished one may tell it."""
        study = run.data.tags[schema.STUDY]
        if study not in schemes and study not in studies:
            raise SerError(f"its study has no run; mend it with: ser study check {study} --repair")
        scheme = schemes.get(study) or scheme_of(self._content(studies[study], schema.FOLD_SCHEME))
        finished = self.finished_folds(run.data.tags[schema.MODEL])
        results = {identity: self.fold_result(fold) for identity, fold in finished.items()}
        return partial_trial(run, scheme, results)

    def _corpus_notes(self, study: Run) -> list[str]:
        path = artifact_path(study, schema.SKIPPED)
        if not is_finished(study) and path is not None and not path.is_file():
            # A study that has only just begun, or whose lost run was made anew.
            return []
        told = json.loads(self._content(study, schema.SKIPPED))
        skipped = [f"skipped: {each['name']}: {each['reason']}" for each in told["skipped"]]
        return [*told["notes"], *skipped]

    def _content(self, run: Run, name: str) -> bytes:
        with open_artifact(self._client, run, name) as path:
            return read_artifact(path, _named(run))

    def _trial_file(self, run: Run) -> Path:
        """A trial's file; one that had to be downloaded stays as long as this reader."""
        path = artifact_path(run, schema.TRIAL_RESULT)
        if path is not None:
            return path
        return download(self._client, run, schema.TRIAL_RESULT, Path(self._downloads.name))


def latest_fold_run(client: MlflowClient, experiment: str, corpus_digest: str, scheme: str) -> str | None:
    """The fold that was finished last, by its run; None before the first one.

    Args:
        client: The tracking store.
        experiment: Id of the corpus's experiment.
        corpus_digest: Digest of the corpus.
        scheme: Name of the fold scheme.
    """
    tags = {schema.KIND: "fold", schema.CORPUS_DIGEST: corpus_digest, schema.SCHEME: scheme}
    finished = f"{has_tags(tags)} and attributes.status = 'FINISHED'"
    runs = client.search_runs([experiment], finished, ViewType.ACTIVE_ONLY, 1, ["attributes.end_time DESC"])
    return str(runs[0].info.run_id) if runs else None
