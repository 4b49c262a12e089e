"""Reader of a corpus's runs: finished folds, their results, and the results table of a report."""

from collections.abc import Callable, Mapping, Sequence

from mlflow.entities import Run, ViewType
from mlflow.tracking import MlflowClient
from pydantic import ValidationError

from ser.errors import SerError
from ser.files import parse_json_object
from ser.results import BaselineResult, Fold, FoldResult, scheme_of
from ser.training.checkpoint import read_result
from tracking import schema
from tracking.analysis.results_table import PrunedTrial, ResultsTable, ScoredTrial, without_pruned
from tracking.analysis.trial_result import TrialResult
from tracking.backend.artifacts import artifact_path, has_result_artifact, open_artifact
from tracking.backend.queries import has_tags, is_finished, search_runs
from tracking.reading.existing_results import ExistingResults
from tracking.reading.partial_trials import partial_trial


def _describe(run: Run) -> str:
    return f"{run.info.run_name} of study {run.data.tags[schema.STUDY]}"


def _failure_note(run: Run) -> str:
    """Describe a trial's failure in one line."""
    return f"failed: {_describe(run)}: {run.data.tags[schema.FAILURE].partition(chr(10))[0]}"


class Reader:
    """Reader of one corpus's runs of one fold scheme, of all studies.

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
        # The result of a finished run never changes, and `watch_study` reads again and again.
        self._scored_trials: dict[str, ScoredTrial] = {}

    def existing_results(self, model: str) -> ExistingResults:
        """Find the finished trials and folds of a configuration, in any study and fold scheme, in one query.

        Args:
            model: Digest of the configuration.

        Returns:
            Runs without those whose result files were deleted: such folds are trained again.
        """
        tags = {"ser__model": model, "ser__corpus_digest": self._corpus_digest}
        return ExistingResults.from_runs(search_runs(self._client, self._experiment, **tags))

    def started_configurations(self) -> frozenset[str]:
        """List the digests of all configurations of which any study has started a trial; only these have folds."""
        tags = {"ser__kind": "trial", "ser__corpus_digest": self._corpus_digest}
        return frozenset(run.data.tags[schema.MODEL] for run in search_runs(self._client, self._experiment, **tags))

    def fold_result(self, run: Run) -> FoldResult:
        """Read the result of a finished fold run."""
        with open_artifact(self._client, run, schema.TRAINED_FOLD) as path:
            return read_result(path)

    def trial_result(self, run: Run) -> TrialResult:
        """Read the result of a finished trial run.

        Raises:
            SerError: Its file is gone or is not a valid trial result.
        """
        try:
            return TrialResult.model_validate_json(self._content(run, schema.TRIAL_RESULT))
        except ValidationError as error:
            name = f"{schema.TRIAL_RESULT} of {_describe(run)} (run {run.info.run_id})"
            raise SerError(f"{name} is not a valid trial result: {error}") from error

    def table(self, progress: Callable[[int, int], None] | None = None) -> ResultsTable:
        """Read all trials and baselines across studies, each trial once.

        Args:
            progress: Called with the number of finished trials that are read and of all of them.

        Returns:
            The table. A trial that no study has finished has the folds that exist; pruned trials are listed
            apart. Its notes are those of the corpus, skipped files, and trials that could not be read.
        """
        tags = {"ser__corpus_digest": self._corpus_digest, "ser__fold_scheme": self._scheme}
        finished: dict[str, Run] = {}
        unfinished: dict[str, Run] = {}
        for run in search_runs(self._client, self._experiment, ser__kind="trial", **tags):
            identity = run.data.tags[schema.TRIAL_ID]
            if not (is_finished(run) and has_result_artifact(run)):
                unfinished[identity] = run
            elif identity not in finished or schema.REUSED_FROM in finished[identity].data.tags:
                finished[identity] = run
        trials = {}
        for done, (identity, run) in enumerate(finished.items(), 1):
            trials[identity] = self._scored_trial(run)
            if progress is not None:
                progress(done, len(finished))
        studies = search_runs(self._client, self._experiment, ser__kind="study", **tags)
        return self._table(trials, unfinished, studies)

    def _table(
        self, trials: dict[str, ScoredTrial], unfinished: Mapping[str, Run], studies: Sequence[Run]
    ) -> ResultsTable:
        notes = dict.fromkeys(note for run in studies for note in self._corpus_notes(run))
        partial_runs = {identity: run for identity, run in unfinished.items() if identity not in trials}
        pruned = self._read_partial_trials(partial_runs, studies, trials, notes)
        baselines: dict[str, BaselineResult] = {}
        for run in studies:
            if is_finished(run) and has_result_artifact(run):
                baseline = BaselineResult.model_validate_json(self._content(run, schema.BASELINE_RESULT))
                baselines[baseline.normalisation] = baseline
        compared, pruned_trials = without_pruned(tuple(trials.values()), pruned)
        return ResultsTable(compared, tuple(baselines.values()), tuple(notes), pruned_trials)

    def _read_partial_trials(
        self,
        runs: Mapping[str, Run],
        studies: Sequence[Run],
        trials: dict[str, ScoredTrial],
        notes: dict[str, None],
    ) -> list[PrunedTrial]:
        """Add unfinished trials to `trials`, and notes on them to `notes`.

        Args:
            runs: Runs of unfinished trials, by identity.
            studies: Runs of studies.
            trials: Trials by identity.
            notes: Notes, in their order.

        Returns:
            Pruned trials, which are not added.
        """
        study_runs = {run.data.tags[schema.STUDY]: run for run in studies}
        schemes = {trial.study: trial.scheme for trial in trials.values()}
        pruned: list[PrunedTrial] = []
        for identity, run in runs.items():
            if schema.FAILURE in run.data.tags:
                notes[_failure_note(run)] = None
            try:
                trial = ScoredTrial.of(self._partial_trial(run, study_runs, schemes))
            except SerError as error:
                notes[f"left out: {_describe(run)}: {error}"] = None
                continue
            reason = run.data.tags.get(schema.PRUNED)
            if reason is None:
                trials[identity] = trial
            else:
                pruned.append(PrunedTrial(name=str(run.info.run_name), reason=reason, trial=trial))
        return pruned

    def _scored_trial(self, run: Run) -> ScoredTrial:
        """Read and score a finished trial, once."""
        if run.info.run_id not in self._scored_trials:
            self._scored_trials[run.info.run_id] = ScoredTrial.of(self.trial_result(run))
        return self._scored_trials[run.info.run_id]

    def _partial_trial(
        self, run: Run, study_runs: Mapping[str, Run], schemes: Mapping[str, tuple[Fold, ...]]
    ) -> TrialResult:
        """Read an unfinished trial; its fold scheme is that of the study's finished trials, or from the study's run."""
        study = run.data.tags[schema.STUDY]
        if study not in schemes and study not in study_runs:
            raise SerError(f"study {study} has no MLflow run; repair it with: ser study check {study} --repair")
        scheme = schemes.get(study) or scheme_of(self._content(study_runs[study], schema.FOLD_SCHEME))
        finished = self.existing_results(run.data.tags[schema.MODEL]).folds
        results = {identity: self.fold_result(fold) for identity, fold in finished.items()}
        return partial_trial(run, scheme, results)

    def _corpus_notes(self, study: Run) -> list[str]:
        path = artifact_path(study, schema.SKIPPED)
        if not is_finished(study) and path is not None and not path.is_file():
            # A study that has just started, or whose lost run was created again.
            return []
        try:
            content = parse_json_object(self._content(study, schema.SKIPPED))
            skipped = [f"skipped: {file['name']}: {file['reason']}" for file in content["skipped"]]
            return [*content["notes"], *skipped]
        except (ValueError, KeyError, TypeError) as error:
            return [f"notes on the corpus are missing: {schema.SKIPPED} of {_describe(study)} is damaged ({error})"]

    def _content(self, run: Run, name: str) -> bytes:
        with open_artifact(self._client, run, name) as path:
            try:
                return path.read_bytes()
            except OSError as error:
                raise SerError(
                    f"{path}: cannot be read ({error.strerror}); MLflow lists it as a file of {_describe(run)}"
                ) from error


def latest_fold_run(client: MlflowClient, experiment: str, corpus_digest: str, scheme: str) -> str | None:
    """Find the run of the fold that was finished last; None before the first one.

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
