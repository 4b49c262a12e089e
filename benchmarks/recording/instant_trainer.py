"""A study without audio and a trainer that takes no time: what is left is the recording."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch

from benchmarks.recording.synthetic_results import Results
from ser.corpora.corpus import Corpus
from ser.folds import make_folds, parse_scheme
from ser.training.checkpoint import serialize_fold
from ser.training.trainer import TrainedFold
from studies.execution.base import Event, Executor, Finished, FoldTask
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.provenance import provenance_tags
from studies.search.optuna_study import OptunaStudy
from studies.search.records import IdentityInputs, Point, StudyLocation
from studies.storages.home import Home
from tracking.backend.client import connect, experiment_id
from tracking.context import StudyContext
from tracking.reading.reader import Reader
from tracking.writing.recorder import Recorder

_LABELS = ("words", "phonemes", "phonemes_x2", "utterance")
_SCOPES = tuple(range(3, 84, 2))
POINTS = 336
"""Points of these labels, scopes and all attentions, with one seed."""


class InstantTrainer(Executor):
    """Makes up a fold's result when it is asked for.

    Args:
        results: Draws the results.
        slots: Folds in hand at once.
        weights: Float32 numbers in a fold's weights.
        begun: Called when the first fold is handed out.
        ahead: Results that may wait to be recorded; with more, the trainer rests, as no study stays far ahead of
            its records for long.
    """

    def __init__(self, results: Results, slots: int, weights: int, begun: Callable[[], None], ahead: int = 50) -> None:
        self._results = results
        self._slots = slots
        self._weights = {"network": torch.zeros(weights)}
        self._tasks: deque[FoldTask] = deque()
        self._begun: Callable[[], None] | None = begun
        self._room = threading.Semaphore(ahead)
        self.spent_s = 0.0
        """Processor time that making up results took."""

    def recorded(self) -> None:
        """Is told that a result was recorded."""
        self._room.release()

    @property
    def slots(self) -> int:
        """Folds in hand at once."""
        return self._slots

    def free_slots(self) -> int:
        """Slots that could take a fold now."""
        return self._slots - len(self._tasks)

    def submit(self, task: FoldTask) -> None:
        """Takes a fold."""
        if self._begun is not None:
            self._begun()
            self._begun = None
        self._tasks.append(task)

    def cancel(self, identity: str) -> None:
        """Lets go of a fold in hand."""
        raise NotImplementedError(f"fold {identity} is made up when it is asked for: there is nothing to cancel")

    def wait(self, timeout_s: float) -> list[Event]:
        """Ends the fold that was handed out first."""
        if not self._tasks or not self._room.acquire(timeout=timeout_s):
            return []
        began = time.thread_time()
        task = self._tasks.popleft()
        trained = TrainedFold(self._results.fold(task), self._weights)
        event = Finished(task.identity, 0, serialize_fold(trained))
        self.spent_s += time.thread_time() - began
        return [event]

    def close(self) -> None:
        """Lets go of what is in hand."""
        self._tasks.clear()


@dataclass(frozen=True)
class Study:
    """A study that is open and of which nothing is recorded.

    Attributes:
        context: The study.
        search: Its memory in Optuna.
        points: Its points.
        recorder: Writes its runs.
        reader: Reads them.
    """

    context: StudyContext
    search: OptunaStudy
    points: list[Point]
    recorder: Recorder
    reader: Reader


def open_study(home: Home, corpus: Corpus, trials: int) -> Study:
    """Opens a study of so many trials, without what comes before in a real one: audio, features, reconciliation."""
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
    name = plan.name(corpus.digest, "cpu")
    search = OptunaStudy.open(home.storage, name, plan)
    search.keep_precision("fp32")
    search.save_identity_inputs(IdentityInputs(scheme, "cpu"))
    client = connect(home.tracking_uri_or_path)
    experiment = experiment_id(client, corpus.name, home.artifacts if home.tracking_uri is None else None)
    search.save_location(StudyLocation(experiment, corpus.digest, scheme[0].scheme, len(scheme)))
    context = StudyContext(name, plan.recipe, corpus, scheme, provenance_tags("none"), {"recipe": plan.recipe})
    return Study(
        context,
        search,
        search.points("fp32")[:trials],
        Recorder(client, experiment, context, home.lock("recording"), home.tracking_uri is not None),
        Reader(client, experiment, corpus.digest, scheme[0].scheme),
    )
