"""Made-up results in EmoDB's shape: 535 utterances of ten speakers, seven classes, 24 epochs; drawn, not trained."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser.config import FoldConfiguration, digest_of
from ser.corpora.base import Corpus, Utterance
from ser.identity import RESULTS_VERSION, fold_identity, trial_identity
from ser.results import BaselineResult, CorpusIdentity, EpochRecord, Evaluation, Fold, FoldResult, TargetReport
from tracking.results import TrialResult

SPEAKERS = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")
UTTERANCES = (49, 58, 43, 38, 55, 35, 61, 69, 56, 71)
EMOTIONS = ("anger", "boredom", "disgust", "fear", "happiness", "sadness", "neutral")
BEGAN_MS = 1_790_000_000_000
FOLD_MS = 60_000
SHARE_RIGHT = {"none": 0.72, "local": 0.73, "component": 0.735, "quantum": 0.725}


def made_up_corpus() -> Corpus:
    """EmoDB's speakers, pairs, classes and number of utterances; no audio."""
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
        for speaker, many in zip(SPEAKERS, UTTERANCES, strict=True)
        for number in range(many)
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


class Results:
    """Draws trials and a baseline.

    Args:
        corpus: The corpus.
        scheme: Its folds.
    """

    def __init__(self, corpus: Corpus, scheme: tuple[Fold, ...]) -> None:
        self.corpus, self.scheme = corpus, scheme
        self._identity = CorpusIdentity(name=corpus.name, digest=corpus.digest, emotions=corpus.emotions)
        self._ids = {s: tuple(u.id for u in corpus.utterances if u.speaker == s) for s in corpus.speakers}
        index = {emotion: place for place, emotion in enumerate(corpus.emotions)}
        self._actual = {
            s: np.array([index[u.emotion] for u in corpus.utterances if u.speaker == s]) for s in corpus.speakers
        }

    def trial_id(self, configuration: FoldConfiguration) -> str:
        """The trial's identity."""
        return trial_identity([fold_identity(configuration, self.corpus.digest, f, "cpu") for f in self.scheme])

    def trial(self, configuration: FoldConfiguration, study: str, recipe: str, run_id: str) -> TrialResult:
        """A complete trial; the same configuration has the same results."""
        generator = np.random.default_rng(int(self.trial_id(configuration)[:8], 16))
        return TrialResult(
            study=study,
            recipe=recipe,
            trial_id=self.trial_id(configuration),
            scheme=self.scheme,
            folds=tuple(self._fold(configuration, fold, generator) for fold in self.scheme),
            run_id=run_id,
        )

    def baseline(self, normalisation: str) -> BaselineResult:
        """A logistic regression as might be."""
        generator = np.random.default_rng(2)
        return BaselineResult(
            name="logistic regression",
            corpus=self._identity,
            normalisation=normalisation,
            folds=self.scheme,
            tests=tuple(self._decided(fold.test_speakers[0], 0.7, None, generator) for fold in self.scheme),
        )

    def _fold(self, configuration: FoldConfiguration, fold: Fold, generator: np.random.Generator) -> FoldResult:
        right = SHARE_RIGHT[configuration.attention] + 0.02 * generator.standard_normal()
        began_ms = BEGAN_MS + fold.index * FOLD_MS
        return FoldResult(
            identity=fold_identity(configuration, self.corpus.digest, fold, "cpu"),
            results_version=RESULTS_VERSION,
            fold=fold,
            corpus=self._identity,
            configuration=configuration,
            test=self._decided(fold.test_speakers[0], right, 7.2, generator),
            validation=self._decided(fold.validation_speakers[0], right, 7.0, generator),
            curve=self._curve(configuration, began_ms, generator),
            selected_epoch=configuration.epochs,
            targets=TargetReport(utterances=len(self.corpus.utterances)),
            started_ms=began_ms,
            ended_ms=began_ms + FOLD_MS,
            environment={"processor": "made up"},
        )

    def _decided(self, speaker: str, right: float, loss: float | None, generator: np.random.Generator) -> Evaluation:
        actual = self._actual[speaker]
        classes = len(self.corpus.emotions)
        guessed = generator.integers(classes, size=len(actual))
        predicted = np.where(generator.random(len(actual)) < right, actual, guessed)
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
        self, configuration: FoldConfiguration, began_ms: int, generator: np.random.Generator
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
                ended_ms=began_ms + int(epoch) * FOLD_MS // (configuration.epochs + 1),
                values=dict(zip(names, values.tolist(), strict=True)),
            )
            for epoch, values in zip(epochs, columns.T, strict=True)
        )


def _scores(predicted: NDArray[np.int64], classes: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Scores that sum to 1 and are largest where it was decided, shape `(utterance, class)`."""
    raw = generator.random((len(predicted), classes))
    raw[np.arange(len(predicted)), predicted] += 2
    return np.asarray(raw / raw.sum(axis=1, keepdims=True), dtype=np.float64)
