"""Running a study from a plan to its end: corpus, features, folds, search, workers, baseline."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlflow import MlflowClient

from ser.config import FoldConfiguration, Precision
from ser.corpora.corpus import Corpus
from ser.corpora.loading import load_corpus
from ser.errors import ConfigurationError
from ser.features.builder import build_store_if_missing
from ser.features.store import FeatureStore
from ser.folds import make_folds, parse_scheme
from ser.results import BaselineResult, Fold
from ser.training.baseline import logistic_regression_baseline
from ser.training.precision import check_precision_supported
from ser.training.targets import available_strategies, utterances_without_counts
from studies.consistency.lost_runs import recover_lost_runs
from studies.consistency.study_check import repair_study
from studies.coordination.coordinator import Coordinator
from studies.coordination.retries import STALL_TIMEOUT_S
from studies.coordination.shutdown import closing_runs_on_error
from studies.execution.backends import Backend
from studies.execution.base import StudyRequirements
from studies.execution.bf16_probe import choose_precision
from studies.monitoring.events import CallbackList, StudyCallback
from studies.monitoring.live_status import StatusWriter
from studies.monitoring.log_file import LogCallback, log_to_file
from studies.planning.plan import StudyPlan
from studies.provenance import provenance_tags
from studies.search.optuna_study import OptunaStudy
from studies.search.pruning import check_pruner
from studies.search.records import IdentityInputs, Point, StudyLocation
from studies.storages.home import Home
from tracking.backend.client import connect, experiment_id
from tracking.context import StudyContext
from tracking.outbox.background_writer import BackgroundWriter
from tracking.outbox.outbox import Outbox
from tracking.reading.reader import Reader
from tracking.writing.recorder import Recorder

SERVER_WRITER_THREADS = 4
"""Trials that are written to a tracking server at the same time."""

ProgressFactory = Callable[[str], Callable[[int, int], None]]
"""Opens a progress bar of the given name; the result is told how much is done, and of how much."""


@dataclass(frozen=True)
class Outcome:
    """A study that was run.

    Attributes:
        study: Its name.
        failures: What failed, one text a fold; empty when the study is complete.
        reader: Reads the results of its corpus and fold scheme.
    """

    study: str
    failures: tuple[str, ...]
    reader: Reader


def run_study(
    plan: StudyPlan,
    root: Path,
    home: Home,
    workplace: Backend,
    observer: StudyCallback,
    stage: ProgressFactory,
    stall_timeout_s: float | None = STALL_TIMEOUT_S,
) -> Outcome:
    """Runs a study, or goes on with it: what is finished is not trained again, here or in another study.

    Args:
        plan: What to compute.
        root: Folder of the corpus.
        home: Where everything is kept.
        workplace: Where folds are computed.
        observer: Is told what happens.
        stage: Shows the progress of what comes before the first fold.
        stall_timeout_s: Time without an ended epoch after which a fold is ended and tried again, or None for never.

    Returns:
        The study's name, what failed, and a reader of its results.

    Raises:
        SerError: The corpus, the store or the study cannot be used as asked; the text says why.
    """
    ground = _prepare_data(plan, root, home, workplace, stage)
    live = StatusWriter(home.live_status(ground.name), home.failures(ground.name), ground.name)
    observer = CallbackList(observer, live, LogCallback())
    with log_to_file(home.log(ground.name)), home.storage.acquire_lease(ground.name) as place:
        ledgers = _open_session(plan, root, home, workplace, ground)
        recorder = ledgers.recorder
        with (
            closing_runs_on_error(recorder, place.check),
            BackgroundWriter(place.check, observer.on_message, threads=writer_threads(home)) as sender,
        ):
            points = _recover(ledgers, home, workplace.device_type, place.check, observer, stage)
            study_run = recorder.ensure_study_run(complete=is_study_complete(points, ledgers.search, ledgers.precision))
            with closing(workplace.executor(_needs(plan, ground, ledgers, workplace), observer.on_message)) as executor:
                coordinator = Coordinator(
                    context=ledgers.context,
                    study_run=study_run,
                    points=points,
                    search=ledgers.search,
                    store=ground.store,
                    device_type=workplace.device_type,
                    outbox=ledgers.outbox,
                    recorder=recorder,
                    reader=ledgers.reader,
                    executor=executor,
                    observer=observer,
                    sender=sender,
                    stall_timeout_s=stall_timeout_s,
                )
                failures = coordinator.run()
            # Computed once, however often its writing is tried.
            baseline = cache(ground.baseline)
            sender.submit(lambda: _finish_study(recorder, study_run, baseline, complete=not failures))
            sender.flush()
    return Outcome(ground.name, tuple(failures), ledgers.reader)


@dataclass(frozen=True)
class _Ground:
    """What a study rests on, before anything of it is opened.

    Attributes:
        corpus: The corpus.
        configuration: The settings that all its points share.
        scheme: Its folds.
        store: Path of the feature store.
        name: Its name.
    """

    corpus: Corpus
    configuration: FoldConfiguration
    scheme: tuple[Fold, ...]
    store: Path
    name: str

    def baseline(self) -> BaselineResult:
        """The logistic regression beside its variants."""
        return logistic_regression_baseline(
            self.corpus, FeatureStore.open(self.store), self.scheme, self.configuration.normalisation
        )


@dataclass(frozen=True)
class _Ledgers:
    """Where a study is written, opened.

    Attributes:
        search: Its memory in Optuna.
        precision: Its arithmetic.
        client: The tracking store.
        experiment: Id of its experiment.
        context: The study as its runs tell it.
        outbox: Where results wait.
        recorder: Writes its runs.
        reader: Reads what any study has written.
    """

    search: OptunaStudy
    precision: Precision
    client: MlflowClient
    experiment: str
    context: StudyContext
    outbox: Outbox
    recorder: Recorder
    reader: Reader


def _prepare_data(plan: StudyPlan, root: Path, home: Home, workplace: Backend, stage: ProgressFactory) -> _Ground:
    """Reads the corpus, computes its features, divides it into folds, and refuses what cannot be computed."""
    corpus = load_corpus(plan.corpus, root.absolute(), stage("reading the corpus"), plan.corpus_options)
    configuration = plan.base("fp32")
    scheme = make_folds(corpus, parse_scheme(plan.folds), configuration.validation)
    check_pruner(plan.pruner, len(scheme), scheme[0].scheme)
    _check_counts(plan, corpus)
    # Nodes of a cluster look for the store at the same path, from other working directories.
    store = build_store_if_missing(
        corpus, configuration.features, home.features.absolute(), stage("computing features")
    )
    return _Ground(corpus, configuration, scheme, store, plan.name(corpus.digest, workplace.device_type))


def _open_session(plan: StudyPlan, root: Path, home: Home, workplace: Backend, ground: _Ground) -> _Ledgers:
    """Opens a study's databases, and keeps there what those who look from outside need to know of it."""
    corpus, scheme = ground.corpus, ground.scheme
    search = OptunaStudy.open(home.storage, ground.name, plan)
    precision = _resolve_precision(plan, search, home, workplace)
    client = connect(home.tracking_uri_or_path)
    experiment = experiment_id(client, corpus.name, home.artifacts if home.tracking_uri is None else None)
    search.save_identity_inputs(IdentityInputs(scheme, workplace.device_type))
    search.save_location(StudyLocation(experiment, corpus.digest, scheme[0].scheme, len(scheme)))
    tags, options = provenance_tags(workplace.processor), _options(plan, precision, root)
    context = StudyContext(ground.name, plan.recipe, corpus, scheme, tags, options)
    recorder = Recorder(client, experiment, context, home.lock("recording"), shared=home.tracking_uri is not None)
    reader = Reader(client, experiment, corpus.digest, scheme[0].scheme)
    return _Ledgers(search, precision, client, experiment, context, Outbox(home.outbox), recorder, reader)


def _needs(plan: StudyPlan, ground: _Ground, ledgers: _Ledgers, workplace: Backend) -> StudyRequirements:
    """What each node of a cluster must have."""
    return StudyRequirements(
        corpus=ground.corpus,
        loader=plan.corpus,
        options=plan.corpus_options,
        features=ground.configuration.features,
        store=ground.store,
        precision=ledgers.precision,
        device=workplace.device_type,
    )


def is_study_complete(points: Sequence[Point], search: OptunaStudy, precision: Precision) -> bool:
    """Whether nothing is left to be trained, and nothing more to be proposed."""
    return all(point.complete or point.pruned is not None for point in points) and search.is_exhausted(precision)


def _recover(
    ledgers: _Ledgers,
    home: Home,
    device_type: str,
    confirm: Callable[[], None],
    observer: StudyCallback,
    stage: ProgressFactory,
) -> list[Point]:
    """Takes back results whose runs are gone, mends what the ledgers disagree on, and returns the study's points."""
    recover_lost_runs(
        ledgers.client,
        ledgers.experiment,
        ledgers.context,
        ledgers.search,
        ledgers.precision,
        device_type,
        home.artifacts / ledgers.context.corpus.name if home.tracking_uri is None else None,
        ledgers.outbox,
        observer,
        stage("looking for lost results"),
    )
    # That may have taken long.
    confirm()
    return repair_study(
        ledgers.client,
        ledgers.experiment,
        ledgers.context,
        ledgers.search,
        ledgers.precision,
        device_type,
        ledgers.outbox,
        observer,
    )


def writer_threads(home: Home) -> int:
    """Trials that are written at the same time: SQLite takes one write after the other."""
    return 1 if home.tracking_uri is None else SERVER_WRITER_THREADS


def _finish_study(recorder: Recorder, study_run: str, baseline: Callable[[], BaselineResult], complete: bool) -> None:
    """Writes the baseline and the end of a study, unless they are written."""
    if not recorder.study_is_finished(study_run):
        recorder.record_baseline(study_run, baseline())
        recorder.finish_study(study_run, complete)


def _check_counts(plan: StudyPlan, corpus: Corpus) -> None:
    """Refuses label strategies that the corpus has no counts for, before anything is computed."""
    offered = available_strategies(corpus.utterances)
    missing = [labels for labels in plan.labels if labels not in offered]
    if missing and plan.criterion == "ctc":
        ids = utterances_without_counts(corpus.utterances, missing[0])
        raise ConfigurationError(
            f"corpus {corpus.name} lacks the counts for labels {', '.join(missing)} in {len(ids)} of "
            f"{len(corpus.utterances)} utterances (first: {ids[0]}); it offers: {', '.join(offered)}"
        )


def _resolve_precision(plan: StudyPlan, search: OptunaStudy, home: Home, workplace: Backend) -> Precision:
    """The study's arithmetic: what it began with, or now resolved and kept."""
    if search.precision is None:
        resolved = plan.precision
        if resolved == "auto":
            resolved = choose_precision(home.machine_cache, workplace.processor, workplace.bf16_speedup)
        check_precision_supported(resolved, workplace.device_type)
        search.keep_precision(resolved)
        return resolved
    return search.precision


def _options(plan: StudyPlan, precision: Precision, root: Path) -> dict[str, str]:
    """The plan as parameters of the study's run."""
    options = {name: str(value) for name, value in plan.model_dump(mode="json").items() if name != "settings"}
    return options | {"resolved_precision": precision, "root": str(root)}
