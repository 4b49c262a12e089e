"""Running a study from a plan to its end: corpus, features, folds, search, workers, baseline."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ser.arithmetic import require_precision
from ser.baseline import logistic_baseline
from ser.config import Precision
from ser.corpora import open_corpus
from ser.corpora.base import Corpus
from ser.errors import ConfigurationError
from ser.features.store import FeatureStore, ensure_store
from ser.folds import make_folds, parse_scheme
from ser.labels import offered_strategies
from ser.results import BaselineResult
from studies.attempts import STALL_TIMEOUT_S
from studies.coordinator import Coordinator
from studies.executors.node import NodeNeeds
from studies.home import Home
from studies.live import StatusFile
from studies.lost_runs import take_back
from studies.observer import Observer, Observers
from studies.plan import StudyPlan
from studies.precision import resolved_precision
from studies.provenance import provenance_tags
from studies.pruning import check_pruner
from studies.reconciliation_check import reconcile
from studies.search import Basis, Search, Whereabouts
from studies.stopping import stopped_at_errors
from studies.workplaces import Workplace
from tracking.connection import experiment_id, open_tracking
from tracking.outbox import Outbox
from tracking.reading import Reader
from tracking.recorder import Recorder, StudyContext
from tracking.sender import Sender

Stage = Callable[[str], Callable[[int, int], None]]
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
    workplace: Workplace,
    observer: Observer,
    stage: Stage,
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
    device_type = workplace.device_type
    corpus = open_corpus(plan.corpus, root.absolute(), stage("reading the corpus"), plan.corpus_options)
    configuration = plan.base("fp32")
    scheme = make_folds(corpus, parse_scheme(plan.folds), configuration.validation)
    check_pruner(plan.pruner, len(scheme), scheme[0].scheme)
    _check_counts(plan, corpus)
    # Nodes of a cluster look for the store at the same path, from other working directories.
    store = ensure_store(corpus, configuration.features, home.features.absolute(), stage("computing features"))
    name = plan.name(corpus.digest, device_type)
    observer = Observers(observer, StatusFile(home.live_status(name), home.failures(name), name))
    with home.storage.coordinate(name) as place:
        search = Search.open(home.storage, name, plan)
        precision = _kept_precision(plan, search, home, workplace)
        client = open_tracking(home.tracking)
        artifacts = home.artifacts if home.tracking_uri is None else None
        experiment = experiment_id(client, corpus.name, artifacts)
        search.keep_basis(Basis(scheme, device_type))
        search.keep_whereabouts(Whereabouts(experiment, corpus.digest, scheme[0].scheme, len(scheme)))
        context = StudyContext(
            name, plan.recipe, corpus, scheme, provenance_tags(workplace.processor), _options(plan, precision, root)
        )
        recorder = Recorder(client, experiment, context, home.lock("recording"))
        outbox = Outbox(home.outbox)
        reader = Reader(client, experiment, corpus.digest, scheme[0].scheme)
        with stopped_at_errors(recorder), Sender(place.confirm, observer.noticed) as sender:
            take_back(
                client,
                experiment,
                context,
                search,
                precision,
                device_type,
                artifacts and artifacts / corpus.name,
                outbox,
                observer,
                stage("looking for lost results"),
            )
            points = reconcile(client, experiment, context, search, precision, device_type, outbox, observer)
            study_run = recorder.study_run()
            needs = NodeNeeds(corpus, plan.corpus_options, configuration.features, store, precision, device_type)
            with closing(workplace.executor(needs, observer.noticed)) as executor:
                coordinator = Coordinator(
                    context=context,
                    study_run=study_run,
                    points=points,
                    search=search,
                    store=store,
                    device_type=device_type,
                    outbox=outbox,
                    recorder=recorder,
                    reader=reader,
                    executor=executor,
                    observer=observer,
                    sender=sender,
                    stall_timeout_s=stall_timeout_s,
                )
                failures = coordinator.run()
            # Computed once, however often its writing is tried.
            baseline = cache(
                lambda: logistic_baseline(corpus, FeatureStore.open(store), scheme, configuration.normalisation)
            )
            sender.send(lambda: _finish_study(recorder, study_run, baseline, complete=not failures))
            sender.drain()
    return Outcome(name, tuple(failures), reader)


def _finish_study(recorder: Recorder, study_run: str, baseline: Callable[[], BaselineResult], complete: bool) -> None:
    """Writes the baseline and the end of a study, unless they are written."""
    if not recorder.study_is_finished(study_run):
        recorder.record_baseline(study_run, baseline())
        recorder.finish_study(study_run, complete)


def _check_counts(plan: StudyPlan, corpus: Corpus) -> None:
    """Refuses label strategies that the corpus has no counts for, before anything is computed."""
    offered = offered_strategies(corpus.utterances)
    missing = [labels for labels in plan.labels if labels not in offered]
    if missing and plan.criterion == "ctc":
        raise ConfigurationError(
            f"corpus {corpus.name} lacks the counts for labels {', '.join(missing)}; it offers: {', '.join(offered)}"
        )


def _kept_precision(plan: StudyPlan, search: Search, home: Home, workplace: Workplace) -> Precision:
    """The study's arithmetic: what it began with, or now resolved and kept."""
    if search.precision is None:
        resolved = plan.precision
        if resolved == "auto":
            resolved = resolved_precision(home.machine_facts, workplace.processor, workplace.gain_of_bf16)
        require_precision(resolved, workplace.device_type)
        search.keep_precision(resolved)
        return resolved
    return search.precision


def _options(plan: StudyPlan, precision: Precision, root: Path) -> dict[str, str]:
    """The plan as parameters of the study's run."""
    options = {name: str(value) for name, value in plan.model_dump(mode="json").items() if name != "settings"}
    return options | {"resolved_precision": precision, "root": str(root)}
