"""Recorder of a study in MLflow: one study run, its trial runs, their fold runs.

Every call may be repeated: a run is looked up by its tags before it is created, and metrics carry the
timestamps of the result, not of the writing, so that repeating the writes repairs a kill between any two of them.
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from ser.config import FoldConfiguration
from ser.files import file_lock
from ser.metrics import unweighted_accuracy, weighted_accuracy
from ser.results import BaselineResult, FoldResult
from ser.training.checkpoint import StoredFold
from tracking import schema
from tracking.analysis.trial_result import TrialResult
from tracking.analysis.variants.naming import trial_run_name
from tracking.backend.artifacts import Artifacts
from tracking.backend.client import end_run, retry_once_on_conflict
from tracking.backend.queries import RUNNING, is_finished, search_runs
from tracking.backend.views import install_saved_views
from tracking.context import StudyContext
from tracking.results.fetching import download_baselines
from tracking.writing import payloads, run_files
from tracking.writing.descriptions import failed_description, pruned_description, study_description, trial_description
from tracking.writing.duplicates import supersede_duplicates, supersede_study_runs
from tracking.writing.fold_run_cache import FoldRunCache


class Recorder:
    """Writer of a study's runs, the only one.

    Args:
        client: The tracking store.
        experiment: Id of the corpus's experiment.
        context: The study.
        lock: Lock file that all recorders of this data directory share.
        shared: True if recorders of other data directories may write into the same store.
    """

    def __init__(
        self, client: MlflowClient, experiment: str, context: StudyContext, lock: Path, shared: bool = False
    ) -> None:
        self._client = client
        self._experiment = experiment
        self._context = context
        self._lock = lock
        self._shared = shared
        self._folds = FoldRunCache(client, experiment, lock.with_suffix(""))
        self._artifacts = Artifacts(client)

    def ensure_study_run(self, complete: bool = False) -> str:
        """Find or create the study's run, and resume it until `finish_study`.

        Args:
            complete: True if all points of the study are complete: only then a finished run stays finished. A
                study with more trials than before resumes the run that it had finished.

        Returns:
            Id of the run.
        """
        # Two studies that start at once would both write the same tag for the first time, which MLflow refuses.
        with file_lock(self._lock):
            install_saved_views(self._client, self._experiment)
        runs = search_runs(self._client, self._experiment, ser__kind="study", ser__study=self._context.study)
        run = runs[0] if runs else self._create_study_run()
        if not (complete and is_finished(run)):
            self._resume_run(run, self._context.options)
            self._artifacts.log(run.info.run_id, run_files.study_files(self._context))
        for name, value in self._context.home_tags.items():
            if run.data.tags.get(name) != value:
                self._client.set_tag(run.info.run_id, name, value)
        return str(run.info.run_id)

    def _create_study_run(self) -> Run:
        """Create the study's run, and put the trials of one that was deleted below it."""
        run = self._create(self._context.study, {schema.KIND: "study"})
        for trial in search_runs(self._client, self._experiment, ser__kind="trial", ser__study=self._context.study):
            self._client.set_tag(trial.info.run_id, schema.PARENT, run.info.run_id)
        return run

    def ensure_trial_run(self, study_run: str, trial_id: str, configuration: FoldConfiguration) -> str:
        """Find or create a trial's run below the study's; return its id."""
        # All studies' runs of the configuration are fetched, which the trial's first folds need, too.
        runs = self._folds.fetch(payloads.model_digest(configuration))
        run = next((run for run in runs if self._is_trial_of_study(run, trial_id)), None)
        if run is None:
            tags = {schema.KIND: "trial", schema.PARENT: study_run, schema.TRIAL_ID: trial_id}
            tags |= payloads.configuration_tags(configuration)
            run = self._create(trial_run_name(configuration), tags)
        if not is_finished(run):
            self._resume_run(run, payloads.log_params(configuration))
        return self._artifacts.remember(run)

    def log_fold(self, trial_run: str, fold: StoredFold) -> Run:
        """Write a trained fold's run, or complete the run that a kill left unfinished.

        Returns:
            The fold's run; another study's run if that has written the same fold.
        """
        result = fold.result
        with self._folds.lock_fold(
            result.identity, payloads.model_digest(result.configuration), result.started_ms
        ) as cached:
            run = cached.run or self._create_fold(trial_run, result)
            cached.run = run
            if not cached.complete:
                self._complete_fold(run, fold)
                cached.complete = True
        tags = run.data.tags
        if not self._shared and tags.get(schema.STUDY) == self._context.study and tags.get(schema.PARENT) != trial_run:
            # The run of its trial was deleted. On a server it may be the trial of another data directory.
            self._client.set_tag(run.info.run_id, schema.PARENT, trial_run)
        return run

    def supersede_duplicates(self, configuration: FoldConfiguration) -> dict[str, Run]:
        """Supersede duplicate runs of folds that another data directory has written at the same time.

        Returns:
            The canonical run, by fold identity, of each fold that had several.
        """
        if not self._shared:
            return {}
        return supersede_duplicates(self._client, self._experiment, payloads.model_digest(configuration))

    def finish_trial(
        self, run_id: str, result: TrialResult, tags: Mapping[str, str], failures: Sequence[str] = ()
    ) -> None:
        """Write a complete trial's scores and end its run.

        Args:
            run_id: Id of the trial's run.
            result: The trial with all its folds.
            tags: Tags that name the source of reused folds, if there are any.
            failures: Failed attempts at its folds, each with its traceback.
        """
        ended_ms = max(fold.ended_ms for fold in result.folds)
        files = run_files.trial_files(result)
        # The run started with the study's devices; nodes of a cluster come and go.
        all_tags = {
            **tags,
            **payloads.trial_processor_tag(result),
            **run_files.digest_tag(files),
            schema.NOTE: trial_description(result, self._experiment),
        }
        self._write(run_id, metrics=payloads.metrics_at(payloads.trial_scores(result), ended_ms), tags=all_tags)
        self._artifacts.log(run_id, files | run_files.failure_files(failures))
        end_run(self._client, run_id, "FINISHED", ended_ms)
        self._artifacts.forget(run_id)

    def fail_trial(self, run_id: str, reason: str, failures: Sequence[str] = ()) -> None:
        """Mark a trial that lacks folds as failed; the next start of the study tries it again.

        Args:
            run_id: Id of the trial's run.
            reason: The reason, with its first line as a summary.
            failures: Failed attempts at its folds, each with its traceback.
        """
        self._write(run_id, tags={schema.FAILURE: reason[:5000], schema.NOTE: failed_description(reason)})
        self._artifacts.log(run_id, run_files.failure_files(failures))
        end_run(self._client, run_id, "FAILED")

    def prune_trial(self, run_id: str, reason: str) -> None:
        """Mark a trial as pruned, with the reason; its folds stay."""
        self._write(run_id, tags={schema.PRUNED: reason[:5000], schema.NOTE: pruned_description(reason)})
        end_run(self._client, run_id, "KILLED")

    def record_baseline(self, run_id: str, baseline: BaselineResult, others: Sequence[BaselineResult] = ()) -> None:
        """Write a baseline's scores and predictions to the study's run; other baselines that it has stay.

        Args:
            run_id: Id of the study's run.
            baseline: The logistic regression on the frames of the study's first front end.
            others: Other baselines, of which only the predictions are written.
        """
        pooled = payloads.pooled_confusion(baseline.tests, len(baseline.corpus.emotions))
        scores = {schema.BASELINE_UA: unweighted_accuracy(pooled), schema.BASELINE_WA: weighted_accuracy(pooled)}
        run = self._client.get_run(run_id)
        is_recorded = schema.BASELINE_UA in run.data.metrics
        # Of two values of one moment MLflow shows the greater.
        moment_ms = time.time_ns() // 1_000_000 if is_recorded else int(run.info.start_time)
        if not scores.items() <= run.data.metrics.items():
            self._write(run_id, metrics=payloads.metrics_at(scores, moment_ms))
        recorded = download_baselines(self._client, run) if is_recorded else ()
        self._artifacts.log(run_id, run_files.baseline_files(baseline, (*recorded, *others)))

    def study_is_finished(self, run_id: str) -> bool:
        """Check that the study's run is complete."""
        return is_finished(self._client.get_run(run_id))

    def finish_study(self, run_id: str, complete: bool) -> None:
        """Describe the study's run and end it: FINISHED if every trial is complete, else FAILED."""
        name, corpus = self._context.study, self._context.corpus.name
        trials = search_runs(self._client, self._experiment, ser__kind="trial", ser__study=name)
        processors = payloads.processor_tag(run.data.tags.get(schema.PROCESSOR, "") for run in trials)
        self._write(run_id, tags=processors | {schema.NOTE: study_description(name, corpus, trials, self._experiment)})
        end_run(self._client, run_id, "FINISHED" if complete else "FAILED")
        if self._shared:
            supersede_study_runs(self._client, self._experiment, name)

    def close_open_runs(self) -> None:
        """End the open runs of a study that stops early; the next start resumes them."""
        for run in search_runs(self._client, self._experiment, RUNNING, ser__study=self._context.study):
            end_run(self._client, run.info.run_id, "KILLED")

    def _resume_run(self, run: Run, params: Mapping[str, str]) -> None:
        """Write a run's dataset and parameters as far as they are missing, and mark it as running.

        An existing parameter is not written again: MLflow refuses another value, such as another path of the corpus.
        """
        run_id = str(run.info.run_id)
        if run.info.status != "RUNNING":
            self._client.update_run(run_id, status="RUNNING")
        # As with the views: two first writes of a dataset at once would fail.
        with file_lock(self._lock):
            self._log_corpus(run_id)
        self._write_missing_params(run, params)
        for tag in (schema.FAILURE, schema.PRUNED, schema.NOTE):
            if tag in run.data.tags:
                self._client.delete_tag(run_id, tag)

    def _write_missing_params(self, run: Run, params: Mapping[str, str]) -> None:
        missing = {name: value for name, value in params.items() if name not in run.data.params}
        try:
            self._write(str(run.info.run_id), missing)
        except MlflowException:
            # Another home has written some of them since the run was read, perhaps with other values.
            current = self._client.get_run(run.info.run_id)
            if missing.keys().isdisjoint(current.data.params):
                raise
            self._write_missing_params(current, params)

    def _log_corpus(self, run_id: str) -> None:
        """Log the corpus as a run's dataset."""
        corpus = self._context.loaded_corpus
        if corpus is not None:
            retry_once_on_conflict(lambda: self._client.log_inputs(run_id, [payloads.dataset_input(corpus)]))

    def _create(self, name: str, tags: Mapping[str, str], start_ms: int | None = None) -> Run:
        all_tags = payloads.study_tags(self._context) | dict(tags)
        return self._client.create_run(self._experiment, start_time=start_ms, tags=all_tags, run_name=name)

    def _complete_fold(self, run: Run, fold: StoredFold) -> None:
        """Write all of a fold's run, whatever exists of it, and end it."""
        result, run_id = fold.result, self._artifacts.remember(run)
        self._log_corpus(run_id)
        metrics = payloads.curve_metrics(result) + payloads.metrics_at(payloads.fold_scores(result), result.ended_ms)
        files = run_files.fold_files(result)
        self._write(run_id, payloads.log_params(result.configuration), metrics, run_files.digest_tag(files))
        self._artifacts.log(run_id, files, {schema.TRAINED_FOLD: fold.path})
        self._client.set_terminated(run_id, "FINISHED", result.ended_ms)
        self._artifacts.forget(run_id)

    def _is_trial_of_study(self, run: Run, trial_id: str) -> bool:
        tags = {schema.KIND: "trial", schema.STUDY: self._context.study, schema.TRIAL_ID: trial_id}
        return tags.items() <= run.data.tags.items()

    def _create_fold(self, trial_run: str, result: FoldResult) -> Run:
        tags = {
            schema.KIND: "fold",
            schema.PARENT: trial_run,
            schema.FOLD_IDENTITY: result.identity,
            schema.FOLD_NAME: result.fold.name,
            schema.RESULTS_VERSION: str(result.results_version),
        }
        if "device" in result.environment:
            # Nodes of a cluster may differ; the study's tag names the devices that it started with.
            tags[schema.PROCESSOR] = result.environment["device"]
        name = schema.fold_run_name(trial_run_name(result.configuration), result.fold.index, result.fold.name)
        return self._create(name, tags | payloads.configuration_tags(result.configuration), result.started_ms)

    def _write(
        self,
        run_id: str,
        params: Mapping[str, str] | None = None,
        metrics: list[Metric] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        param_rows = [Param(name, value) for name, value in (params or {}).items()]
        tag_rows = [RunTag(name, value) for name, value in (tags or {}).items()]
        write = partial(self._client.log_batch, run_id, metrics or [], param_rows, tag_rows)
        if self._shared:
            # Another data directory may run the same study and write the same.
            retry_once_on_conflict(write)
        else:
            write()
