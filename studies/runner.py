"""Run of a study from its plan to its end: corpus, features, folds, search, workers, baseline."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ser.config import Precision
from ser.corpora.corpus import Corpus
from ser.corpora.loading import load_corpus
from ser.errors import ConfigurationError, CorpusError
from ser.feature_settings import FeatureSettings
from ser.features.builder import build_stores
from ser.folds import describe_unused_columns, make_folds, parse_scheme
from ser.results import Fold
from ser.training.targets import available_strategies, utterances_without_counts
from studies.baselines import (
    StudyBaselines,
    baseline_inputs,
    check_opensmile,
    train_baselines,
    without_untrained_opensmile,
)
from studies.consistency.study_check import repair_study
from studies.coordination.coordinator import Coordinator
from studies.coordination.projector import Projector
from studies.coordination.retries import STALL_TIMEOUT_S
from studies.coordination.shutdown import closing_runs_on_error
from studies.execution.backends import Backend
from studies.execution.base import StudyRequirements
from studies.execution.precision_probe import choose_precision
from studies.monitoring.events import CallbackList, StudyCallback
from studies.monitoring.live_status import StatusWriter
from studies.monitoring.log_file import LogCallback, log_to_file
from studies.planning.plan import StudyPlan
from studies.planning.study_name import study_name
from studies.provenance import home_tag, home_tag_name, provenance_tags
from studies.search.optuna_study import OptunaStudy
from studies.search.pruning import check_pruner
from studies.search.records import IdentityInputs, Point, StartRecord, StudyLocation
from studies.search.session import StudySession
from studies.storages.artifact_locations import hold_artifact_locations
from studies.storages.base import Lease
from studies.storages.home import Home
from studies.storages.takeover import take_over_results
from tracking.backend.client import connect, experiment_id
from tracking.checks.deleted_runs import restore_deleted
from tracking.context import StudyContext
from tracking.results.baselines import BaselineStore
from tracking.writing.background_writer import BackgroundWriter
from tracking.writing.recorder import Recorder

SERVER_WRITER_THREADS = 4
"""Trials that are written to a tracking server at the same time."""

ProgressFactory = Callable[[str], Callable[[int, int], None]]
"""Function that opens a progress bar with a title; its result is called with the steps done and their number."""


@dataclass(frozen=True)
class Outcome:
    """Outcome of a study's run.

    Attributes:
        study: Name of the study.
        failures: Failures, one text per fold; empty when the study is complete.
        location: Its corpus and fold scheme.
        corpus: The corpus as it was read.
    """

    study: str
    failures: tuple[str, ...]
    location: StudyLocation
    corpus: Corpus


@dataclass(frozen=True)
class _StudyData:
    """Corpus, folds and features of a study.

    Attributes:
        corpus: The corpus.
        scheme: All folds, in order.
        stores: Path of the feature store of each front end.
        warnings: What the user should know of the corpus before the study trains.
    """

    corpus: Corpus
    scheme: tuple[Fold, ...]
    stores: Mapping[FeatureSettings, Path]
    warnings: tuple[str, ...]


def run_study(
    plan: StudyPlan,
    root: Path,
    home: Home,
    backend: Backend,
    callback: StudyCallback,
    progress_factory: ProgressFactory,
    stall_timeout_s: float | None = STALL_TIMEOUT_S,
    opensmile_baselines: bool = False,
) -> Outcome:
    """Run a study, or resume it: finished folds are not trained again, whichever study trained them.

    Args:
        plan: The study's plan.
        root: Folder of the corpus.
        home: The data directory.
        backend: Where folds are trained.
        callback: Called with the study's progress.
        progress_factory: Opens progress bars before the first fold.
        stall_timeout_s: Time without a finished epoch after which a fold is cancelled and tried again; None for never.
        opensmile_baselines: Whether to train linear SVMs on openSMILE's functionals, too; without the package, a
            message says that they are left out.

    Returns:
        The study's name, its failures, and its corpus and fold scheme.

    Raises:
        SerError: The corpus, the feature store or the study cannot be used as asked.
    """
    data = _prepare_data(plan, root, home, progress_factory, callback.on_message)
    name = study_name(plan, data.corpus.digest, backend.device_type)
    callback = CallbackList(callback, StatusWriter(home.live_status(name), home.failures(name), name), LogCallback())
    with (
        log_to_file(home.log(name)),
        hold_artifact_locations(home, callback.on_message),
        home.storage.acquire_lease(name) as lease,
    ):
        reason = check_opensmile() if opensmile_baselines else ""
        for warning in (*data.warnings, *filter(None, [reason])):
            callback.on_message(warning)
        take_over_results(home, callback.on_message, progress_factory)
        session = _open_session(plan, home, backend, data, callback.on_message)
        recorder = _record_start(session, data.corpus, root, provenance_tags(backend.processor))
        with (
            closing_runs_on_error(recorder, lease.check),
            _background_writer(session, lease, callback.on_message) as background,
        ):
            points = _repair(session, lease, callback, progress_factory("checking results"))
            study_run = recorder.ensure_study_run(complete=session.is_complete(points))
            with closing(backend.executor(_requirements(data, session, backend), callback.on_message)) as executor:
                projector = Projector(session, recorder, study_run)
                coordinator = Coordinator(
                    session, points, data.stores, projector, executor, callback, background, stall_timeout_s
                )
                failures = coordinator.run()
            baselines = _train_baselines(plan, data, home, progress_factory, opensmile_baselines and not reason)
            background.submit(lambda: finish_study(recorder, study_run, baselines, complete=not failures))
            background.flush()
    return Outcome(name, tuple(failures), session.location, data.corpus)


def _repair(
    session: StudySession, lease: Lease, callback: StudyCallback, progress: Callable[[int, int], None]
) -> list[Point]:
    """Repair what results, MLflow and Optuna disagree on, say what it was, and return the study's points."""
    check = repair_study(session, lease, resumes=True, progress=progress)
    for message in check.messages:
        callback.on_message(message)
    return check.points()


def _background_writer(session: StudySession, lease: Lease, notify: Callable[[str], None]) -> BackgroundWriter:
    restore = partial(restore_deleted, session.client, notify)
    return BackgroundWriter(lease.check, notify, threads=writer_threads(session.home), restore=restore)


def writer_threads(home: Home) -> int:
    """Return the number of trials that are written at the same time; SQLite takes one write after the other."""
    return 1 if home.tracking_uri is None else SERVER_WRITER_THREADS


def _prepare_data(
    plan: StudyPlan, root: Path, home: Home, progress_factory: ProgressFactory, announce: Callable[[str], None]
) -> _StudyData:
    """Load the corpus, compute its features, make its folds, and refuse what cannot be trained."""
    corpus = load_corpus(plan.corpus, root.absolute(), progress_factory("reading the corpus"), plan.corpus_options)
    if corpus.conflict is not None:
        raise CorpusError(f"corpus {corpus.name}: {corpus.conflict}")
    configuration = plan.base("fp32")
    fold_scheme = parse_scheme(plan.folds)
    scheme = make_folds(corpus, fold_scheme, configuration.validation)
    check_pruner(plan.pruner, len(scheme), scheme[0].scheme)
    _check_counts(plan, corpus)
    # Nodes of a cluster look for the stores at the same paths, from other working directories.
    choices, folder = plan.front_end_choices(), home.features.absolute()
    paths = build_stores(corpus, choices, folder, progress_factory("computing features"), announce)
    stores = {choice.settings: path for choice, path in zip(choices, paths, strict=True)}
    warnings = corpus.warnings + describe_unused_columns(corpus, fold_scheme, _used_counts(plan))
    return _StudyData(corpus, scheme, stores, warnings)


def _used_counts(plan: StudyPlan) -> set[str]:
    """Return the counts from which the study makes its targets; cross-entropy has no targets of several labels."""
    strategies = plan.labels if plan.has_targets else ()
    counts = {"words": "words", "phonemes": "voiced_phonemes", "phonemes_x2": "voiced_phonemes"}
    return {counts[labels] for labels in strategies if labels in counts}


def _open_session(
    plan: StudyPlan, home: Home, backend: Backend, data: _StudyData, notify: Callable[[str], None]
) -> StudySession:
    """Open a study's databases, and save there what checks without the corpus need."""
    corpus, scheme = data.corpus, data.scheme
    search = OptunaStudy.open(home.storage, study_name(plan, corpus.digest, backend.device_type), plan)
    precision = _resolve_precision(plan, search, home, backend)
    client = connect(home.tracking_uri_or_path)
    artifacts = home.artifacts if home.tracking_uri is None else None
    experiment = experiment_id(client, corpus.name, artifacts, notify)
    location = StudyLocation(experiment, corpus.digest, scheme[0].scheme, len(scheme))
    inputs = IdentityInputs(scheme, backend.device_type)
    search.save_identity_inputs(inputs)
    search.save_location(location)
    return StudySession(plan, home, search, precision, client, location, inputs)


def _record_start(session: StudySession, corpus: Corpus, root: Path, tags: Mapping[str, str]) -> Recorder:
    """Save the facts of a study's start in Optuna, and open the recorder of its runs, which logs them in MLflow."""
    plan, home = session.plan, session.home
    session.search.save_start(StartRecord.of(corpus, root, home_tag_name(home.root), tags))
    values = plan.model_dump(mode="json", exclude={"settings", "front_ends", "front_end_settings"})
    options = {name: str(value) for name, value in values.items()}
    if plan.front_ends:
        options["features"] = " ".join(choice.settings.label for choice in plan.front_ends)
    options |= {"resolved_precision": session.precision}
    home_tags = home_tag(home.root, root, session.precision)
    context = StudyContext(session.name, plan.recipe, corpus.identity, corpus, session.scheme, tags, options, home_tags)
    shared = home.tracking_uri is not None
    return Recorder(session.client, session.experiment, context, home.lock("recording"), shared=shared)


def _requirements(data: _StudyData, session: StudySession, backend: Backend) -> StudyRequirements:
    """Requirements of the study for each node of a cluster."""
    plan = session.plan
    return StudyRequirements(
        corpus=data.corpus,
        loader=plan.corpus,
        options=plan.corpus_options,
        stores={data.stores[choice.settings]: choice for choice in plan.front_end_choices()},
        precision=session.precision,
        device=backend.device_type,
    )


def _train_baselines(
    plan: StudyPlan, data: _StudyData, home: Home, progress_factory: ProgressFactory, opensmile: bool
) -> StudyBaselines:
    """Train the classical baselines of a study, unless they were trained before."""
    store = BaselineStore(home.results)
    inputs = baseline_inputs(plan, data.scheme)
    if not opensmile:
        inputs = without_untrained_opensmile(inputs, data.corpus.digest, store)
    return train_baselines(data.corpus, data.stores, inputs, store, progress_factory)


def finish_study(recorder: Recorder, study_run: str, baselines: StudyBaselines, complete: bool) -> None:
    """Write the baselines and the end of a study, unless they are written; a finished study may have new baselines."""
    is_finished = recorder.study_is_finished(study_run)
    if baselines.has_new or not is_finished:
        recorder.record_baseline(study_run, baselines.results[0], baselines.results[1:])
    if not is_finished:
        recorder.finish_study(study_run, complete)


def _check_counts(plan: StudyPlan, corpus: Corpus) -> None:
    """Refuse label strategies for which the corpus has no counts, before anything is computed."""
    available = available_strategies(corpus.utterances)
    missing = [labels for labels in plan.labels if labels not in available]
    if missing and plan.has_targets:
        ids = utterances_without_counts(corpus.utterances, missing[0])
        raise ConfigurationError(
            f"corpus {corpus.name} lacks the counts for labels {', '.join(missing)} in {len(ids)} of "
            f"{len(corpus.utterances)} utterances (first: {ids[0]}); it offers: {', '.join(available)}"
        )


def _resolve_precision(plan: StudyPlan, search: OptunaStudy, home: Home, backend: Backend) -> Precision:
    """Precision of the study: the one of its first start, which resolves and saves it."""
    if search.precision is not None:
        return search.precision
    precision = plan.precision
    if precision == "auto":
        precision = choose_precision(home.machine_cache, backend.processor, backend.speedups)
    # It imports torch, and most starts find the precision of an earlier one.
    from ser.training.precision import check_precision_supported

    check_precision_supported(precision, backend.device_type)
    search.save_precision(precision)
    return precision
