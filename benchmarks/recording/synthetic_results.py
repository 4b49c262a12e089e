"""Random results in EmoDB's shape: 535 utterances of ten speakers, seven classes."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser.config import FoldConfiguration, digest_of
from ser.corpora.corpus import Corpus, Utterance
from ser.identity import RESULTS_VERSION
from ser.results import BaselineResult, CorpusIdentity, EpochRecord, Evaluation, Fold, FoldResult, TargetReport
from studies.execution.base import FoldTask

SPEAKERS = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")
UTTERANCES = (49, 58, 43, 38, 55, 35, 61, 69, 56, 71)
EMOTIONS = ("anger", "boredom", "disgust", "fear", "happiness", "sadness", "neutral")
ACCURACY = {"none": 0.72, "local": 0.73, "component": 0.735, "quantum": 0.725}
_STARTED_MS = 1_790_000_000_000
_FOLD_MS = 60_000


def synthetic_corpus() -> Corpus:
    """Create a corpus with EmoDB's speakers, pairs, classes and number of utterances, without audio."""
    generator = np.random.default_rng(1)
    utterances = tuple(
        Utterance(
            id=f"{speaker}a{number:02d}Xa",
            path=Path(f"{speaker}a{number:02d}Xa.wav"),
            speaker=speaker,
            emotion=EMOTIONS[generator.integers(len(EMOTIONS))],
            words=8,
            voiced_phonemes=25,
        )
        for speaker, utterance_count in zip(SPEAKERS, UTTERANCES, strict=True)
        for number in range(utterance_count)
    )
    pairs = list(zip(SPEAKERS[::2], SPEAKERS[1::2], strict=True))
    return Corpus(
        name="emodb",
        root=Path("made-up"),
        emotions=EMOTIONS,
        utterances=utterances,
        durations_s=(2.8,) * len(utterances),
        samples_sha256=tuple(utterance.id for utterance in utterances),
        partners=dict(pairs) | {second: first for first, second in pairs},
        language="de",
        digest=digest_of([utterance.id for utterance in utterances]),
    )


class SyntheticResults:
    """Generator of results of folds, and of a baseline.

    Args:
        corpus: The corpus; each fold tests and validates one speaker.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._identity = CorpusIdentity(name=corpus.name, digest=corpus.digest, emotions=corpus.emotions)
        self._utterances = len(corpus.utterances)
        class_index = {emotion: index for index, emotion in enumerate(corpus.emotions)}
        self._ids: dict[str, tuple[str, ...]] = {}
        self._actual: dict[str, NDArray[np.int64]] = {}
        for speaker in corpus.speakers:
            utterances = [utterance for utterance in corpus.utterances if utterance.speaker == speaker]
            self._ids[speaker] = tuple(utterance.id for utterance in utterances)
            self._actual[speaker] = np.array([class_index[utterance.emotion] for utterance in utterances])

    def fold(self, task: FoldTask) -> FoldResult:
        """Draw a fold's result, the same for the same identity; it varies a little with attention, fold and seed."""
        generator = np.random.default_rng(int(task.identity[:16], 16))
        configuration, fold = task.configuration, task.fold
        accuracy = ACCURACY[configuration.attention] + 0.02 * generator.standard_normal()
        started_ms = _STARTED_MS + fold.index * _FOLD_MS
        return FoldResult(
            identity=task.identity,
            results_version=RESULTS_VERSION,
            fold=fold,
            corpus=self._identity,
            configuration=configuration,
            test=self._evaluation(fold.test_speakers[0], accuracy, 7.2, generator),
            validation=self._evaluation(fold.validation_speakers[0], accuracy, 7.0, generator),
            curve=_curve(configuration, started_ms, generator),
            selected_epoch=configuration.epochs,
            targets=TargetReport(utterances=self._utterances),
            started_ms=started_ms,
            ended_ms=started_ms + _FOLD_MS,
            environment={"device": "made up"},
        )

    def baseline(self, scheme: tuple[Fold, ...], normalisation: str) -> BaselineResult:
        """Draw results of a logistic regression."""
        generator = np.random.default_rng(2)
        return BaselineResult(
            name="logistic regression",
            corpus=self._identity,
            normalisation=normalisation,
            folds=scheme,
            tests=tuple(self._evaluation(fold.test_speakers[0], 0.7, None, generator) for fold in scheme),
        )

    def _evaluation(
        self, speaker: str, accuracy: float, loss: float | None, generator: np.random.Generator
    ) -> Evaluation:
        actual = self._actual[speaker]
        classes = len(self._identity.emotions)
        guesses = generator.integers(classes, size=len(actual))
        predicted = np.where(generator.random(len(actual)) < accuracy, actual, guesses)
        return Evaluation(
            utterances=self._ids[speaker],
            speakers=(speaker,) * len(actual),
            sessions=(None,) * len(actual),
            actual=tuple(actual.tolist()),
            predicted=tuple(predicted.tolist()),
            scores=tuple(map(tuple, _scores(predicted, classes, generator).tolist())),
            loss=loss,
        )


def _curve(
    configuration: FoldConfiguration, started_ms: int, generator: np.random.Generator
) -> tuple[EpochRecord, ...]:
    epochs = np.arange(1, configuration.epochs + 1)
    noise = 1 + 0.05 * generator.standard_normal((6, len(epochs)))
    falling = 36 * np.exp(-epochs / 6) + 3
    rising = 0.75 * (1 - np.exp(-epochs / 5))
    names = (
        "training_loss",
        "gradient_norm",
        "gradient_norm_max",
        "validation_loss",
        "validation_ua",
        "validation_wa",
    )
    columns = noise * np.stack([falling, falling, 2 * falling, falling + 3, rising, rising])
    return tuple(
        EpochRecord(
            epoch=int(epoch),
            ended_ms=started_ms + int(epoch) * _FOLD_MS // (configuration.epochs + 1),
            values=dict(zip(names, values.tolist(), strict=True)),
        )
        for epoch, values in zip(epochs, columns.T, strict=True)
    )


def _scores(predicted: NDArray[np.int64], classes: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Draw scores that sum to 1 and are largest for the predicted class, shape `(utterance, class)`."""
    scores = generator.random((len(predicted), classes))
    scores[np.arange(len(predicted)), predicted] += 2
    return np.asarray(scores / scores.sum(axis=1, keepdims=True), dtype=np.float64)
