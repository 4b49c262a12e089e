"""Study without audio, and executor without training, so that only recording is measured."""

import threading
import time
from collections import deque
from collections.abc import Callable

import torch
from typing_extensions import override

from benchmarks.recording.synthetic_results import SyntheticResults
from ser.corpora.corpus import Corpus
from ser.folds import make_folds, parse_scheme
from ser.training.checkpoint import serialize_fold
from ser.training.trainer import TrainedFold
from studies.execution.base import Event, Executor, Finished, FoldTask
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.planning.study_name import study_name
from studies.provenance import provenance_tags
from studies.search.optuna_study import OptunaStudy
from studies.search.records import IdentityInputs, StudyLocation
from studies.search.session import StudySession
from studies.storages.home import Home
from tracking.backend.client import connect, experiment_id
from tracking.context import StudyContext
from tracking.writing.recorder import Recorder

_LABELS = ("words", "phonemes", "phonemes_x2", "utterance")
_SCOPES = tuple(range(3, 84, 2))
POINTS = 336
"""Number of points of these labels, scopes and all attentions, with one seed."""


class InstantTrainer(Executor):
    """Executor that draws a fold's result instead of training it.

    Args:
        results: Generator of results.
        slots: Folds at once.
        weights: Float32 numbers in a fold's weights.
        on_first_fold: Called when the first fold is submitted.
        ahead: Folds that may be unrecorded; with more, the trainer pauses, as no study stays far ahead of its records
            for long.
    """

    def __init__(
        self, results: SyntheticResults, slots: int, weights: int, on_first_fold: Callable[[], None], ahead: int = 50
    ) -> None:
        self._results = results
        self._slots = slots
        self._weights = {"network": torch.zeros(weights)}
        self._tasks: deque[FoldTask] = deque()
        self._on_first_fold: Callable[[], None] | None = on_first_fold
        self._unrecorded = threading.Semaphore(ahead)
        self.spent_s = 0.0
        """CPU time that drawing results took."""

    def recorded(self) -> None:
        """Note that a result was recorded."""
        self._unrecorded.release()

    @property
    @override
    def slots(self) -> int:
        return self._slots

    @override
    def free_slots(self) -> int:
        return self._slots - len(self._tasks)

    @override
    def submit(self, task: FoldTask) -> None:
        if self._on_first_fold is not None:
            self._on_first_fold()
            self._on_first_fold = None
        self._tasks.append(task)

    @override
    def cancel(self, identity: str) -> None:
        raise NotImplementedError(f"fold {identity} takes no time: there is nothing to cancel")

    @override
    def wait(self, timeout_s: float) -> list[Event]:
        if not self._tasks or not self._unrecorded.acquire(timeout=timeout_s):
            return []
        started_s = time.thread_time()
        task = self._tasks.popleft()
        trained = TrainedFold(self._results.fold(task), self._weights)
        event = Finished(task.identity, 0, serialize_fold(trained))
        self.spent_s += time.thread_time() - started_s
        return [event]

    @override
    def close(self) -> None:
        self._tasks.clear()


def open_study(home: Home, corpus: Corpus, trials: int) -> tuple[StudySession, Recorder]:
    """Open a study of a number of trials, without the audio, features and consistency check of a real one.

    Args:
        home: The data directory.
        corpus: The corpus.
        trials: Number of trials; the study has at least as many points.

    Returns:
        The study, and the recorder of its runs.
    """
    plan = StudyPlan.from_options(
        StudyOptions(
            corpus=corpus.name,
            recipe="recommended",
            attentions=("all",),
            labels=_LABELS,
            scopes=_SCOPES,
            seeds=-(-trials // POINTS),
            overrides={"precision": "fp32"},
        )
    )
    scheme = make_folds(corpus, parse_scheme("speaker"), "partner")
    name = study_name(plan, corpus.digest, "cpu")
    search, inputs = OptunaStudy.open(home.storage, name, plan), IdentityInputs(scheme, "cpu")
    search.save_precision("fp32")
    search.save_identity_inputs(inputs)
    client, shared = connect(home.tracking_uri_or_path), home.tracking_uri is not None
    experiment = experiment_id(client, corpus.name, None if shared else home.artifacts)
    location = StudyLocation(experiment, corpus.digest, scheme[0].scheme, len(scheme))
    search.save_location(location)
    context = StudyContext(
        name, plan.recipe, corpus.identity, corpus, scheme, provenance_tags("none"), {"recipe": plan.recipe}
    )
    session = StudySession(plan, home, search, "fp32", client, location, inputs)
    return session, Recorder(client, experiment, context, home.lock("recording"), shared)
