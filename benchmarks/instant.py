"""A corpus in memory and a trainer that takes no time: what is left of a study is its recording."""

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ser.checkpoint import to_bytes
from ser.config import FoldConfiguration, digest_of
from ser.corpora.base import Corpus, Utterance
from ser.identity import RESULTS_VERSION
from ser.labels import offered_strategies
from ser.results import CorpusIdentity, EpochRecord, Evaluation, FoldResult, TargetReport
from ser.training import TrainedFold
from studies.executors.base import Event, Executor, Finished, FoldTask

EMOTIONS = ("anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness")
SPEAKERS = 10
UTTERANCES = 540
"""As many as EmoDB has, rounded to equal speakers."""

_BEGAN_MS = 1_700_000_000_000


def made_up_corpus() -> Corpus:
    """A corpus of EmoDB's size without audio: ten paired speakers, seven emotions, counts of words and phonemes."""
    names = [f"{number:02d}" for number in range(1, SPEAKERS + 1)]
    utterances = tuple(
        Utterance(
            id=f"{name}-{take:02d}",
            path=Path("none.wav"),
            speaker=name,
            emotion=EMOTIONS[take % len(EMOTIONS)],
            words=5,
            voiced_phonemes=12,
        )
        for name in names
        for take in range(UTTERANCES // SPEAKERS)
    )
    partners = {name: names[index ^ 1] for index, name in enumerate(names)}
    assert offered_strategies(utterances)
    return Corpus(
        name="manifest",
        root=Path(),
        emotions=EMOTIONS,
        utterances=utterances,
        durations_s=(2.8,) * len(utterances),
        samples_sha256=tuple(utterance.id for utterance in utterances),
        partners=partners,
        language="de",
        digest=digest_of([utterance.id for utterance in utterances]),
    )


class InstantTrainer(Executor):
    """Makes up a fold's result when it is asked for: drawn from the fold's identity, so equal at every start.

    Args:
        corpus: The corpus.
        slots: Folds in hand at once.
        weights: Float32 numbers in a fold's weights.
        begun: Called when the first fold is handed out.
        ahead: Results that may wait to be recorded; with more, the trainer rests, as no study stays far ahead of
            its records for long.
    """

    def __init__(self, corpus: Corpus, slots: int, weights: int, begun: Callable[[], None], ahead: int = 50) -> None:
        self._corpus = corpus
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
        trained = TrainedFold(_made_up_result(self._corpus, task), self._weights)
        event = Finished(task.identity, 0, to_bytes(trained))
        self.spent_s += time.thread_time() - began
        return [event]

    def close(self) -> None:
        """Lets go of what is in hand."""
        self._tasks.clear()


def _made_up_result(corpus: Corpus, task: FoldTask) -> FoldResult:
    """A result whose hits depend a little on attention, speaker and seed, as real ones do."""
    generator = np.random.default_rng(int(task.identity[:16], 16))
    configuration, fold = task.configuration, task.fold
    lift = {"none": 0.0, "local": 0.01, "component": 0.03, "quantum": 0.0}[configuration.attention]
    hit_rate = 0.68 + lift + 0.06 * float(generator.standard_normal())
    curve = tuple(
        EpochRecord(
            epoch=epoch,
            ended_ms=_BEGAN_MS + 2000 * epoch,
            values={
                "training_loss": 20.0 / epoch + float(generator.random()),
                "gradient_norm": 5.0 + float(generator.random()),
                "gradient_norm_max": 12.0 + float(generator.random()),
                "validation_loss": 22.0 / epoch + float(generator.random()),
                "validation_ua": hit_rate * (1 - 0.5 / epoch),
                "validation_wa": hit_rate * (1 - 0.4 / epoch),
            },
        )
        for epoch in range(1, configuration.epochs + 1)
    )
    return FoldResult(
        identity=task.identity,
        results_version=RESULTS_VERSION,
        fold=fold,
        corpus=CorpusIdentity(name=corpus.name, digest=corpus.digest, emotions=corpus.emotions),
        configuration=configuration,
        test=_made_up_decisions(corpus, fold.test_speakers, hit_rate, generator, configuration),
        validation=_made_up_decisions(corpus, fold.validation_speakers, hit_rate, generator, configuration),
        curve=curve,
        selected_epoch=configuration.epochs,
        targets=TargetReport(utterances=len(corpus.utterances)),
        started_ms=_BEGAN_MS,
        ended_ms=curve[-1].ended_ms,
        environment={"torch": str(torch.__version__), "device": "none"},
    )


def _made_up_decisions(
    corpus: Corpus,
    speakers: tuple[str, ...],
    hit_rate: float,
    generator: np.random.Generator,
    configuration: FoldConfiguration,
) -> Evaluation:
    part = [utterance for utterance in corpus.utterances if utterance.speaker in speakers]
    classes = len(corpus.emotions)
    actual = np.array([corpus.emotions.index(utterance.emotion) for utterance in part])
    hits = generator.random(len(part)) < hit_rate
    others = (actual + generator.integers(1, classes, len(part))) % classes
    predicted: NDArray[np.int64] = np.where(hits, actual, others)
    scores = generator.dirichlet(np.ones(classes), len(part))
    return Evaluation(
        utterances=tuple(utterance.id for utterance in part),
        speakers=tuple(utterance.speaker for utterance in part),
        sessions=tuple(utterance.session for utterance in part),
        actual=tuple(int(k) for k in actual),
        predicted=tuple(int(k) for k in predicted),
        scores=tuple(tuple(float(score) for score in row) for row in scores),
        loss=1.0 + float(generator.random()),
        undecided_share=0.0 if configuration.decision == "best_path" else None,
    )
