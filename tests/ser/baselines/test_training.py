"""Classical baselines: right where they can be, blind where they must be, and chosen by validation alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ser.baselines.base import BaselineData, ClassicalBaseline
from ser.baselines.frame_statistics import FrameStatisticsBaseline
from ser.baselines.training import BASELINES, train_baseline
from ser.config import Normalisation
from ser.corpora.corpus import Corpus
from ser.corpora.loading import load_corpus
from ser.feature_settings import LogMelSettings
from ser.features.builder import build_store_if_missing
from ser.features.store import FeatureStore
from ser.folds import speaker_folds
from ser.metrics import evaluation_confusion, unweighted_accuracy, weighted_accuracy
from ser.results import BaselineResult, FunctionalsName
from tests.support.toy_corpus import write_corpus

Train = Callable[..., BaselineResult]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return write_corpus(tmp_path_factory.mktemp("audio"), each=4)


@pytest.fixture(scope="module")
def train(corpus: Corpus) -> Train:
    store = FeatureStore.open(build_store_if_missing(corpus, LogMelSettings(), corpus.root / "stores"))

    def train_on(
        changed: Corpus = corpus,
        functionals: FunctionalsName = "means and deviations",
        normalisation: Normalisation = "zscore_speaker",
    ) -> BaselineResult:
        folds = speaker_folds(corpus, "partner")
        return train_baseline(BASELINES[functionals](), BaselineData(changed, store, normalisation), folds)

    return train_on


@pytest.mark.parametrize("functionals", BASELINES)
@pytest.mark.parametrize("normalisation", ["zscore_speaker", "zscore_training"])
def test_noise_and_tone_are_told_apart_on_unseen_speakers(
    train: Train, corpus: Corpus, functionals: FunctionalsName, normalisation: Normalisation
) -> None:
    if functionals in ("eGeMAPSv02", "ComParE_2016"):
        pytest.importorskip("opensmile")
    result = train(functionals=functionals, normalisation=normalisation)
    hits = [np.mean(np.equal(test.predicted, test.actual)) for test in result.tests]
    # Of 6373 functionals of an instant most are noise.
    assert np.mean(hits) >= (0.75 if functionals == "ComParE_2016" else 1)
    assert (result.functionals, result.normalisation) == (functionals, normalisation)
    assert result.corpus.digest == corpus.digest
    assert set(result.inverse_penalties) <= set(BASELINES[functionals].inverse_penalties)


@pytest.mark.parametrize("normalisation", ["zscore_speaker", "zscore_training"])
def test_every_utterance_and_fold_is_a_step(corpus: Corpus, normalisation: Normalisation) -> None:
    store = FeatureStore.open(build_store_if_missing(corpus, LogMelSettings(), corpus.root / "stores"))
    steps: list[tuple[int, int]] = []
    folds = speaker_folds(corpus, "partner")
    data = BaselineData(corpus, store, normalisation)
    train_baseline(FrameStatisticsBaseline(), data, folds, lambda done, total: steps.append((done, total)))
    total = len(corpus.utterances) + len(folds)
    assert steps == [(number, total) for number in range(1, total + 1)]


def test_each_utterance_is_tested_once_under_its_own_name(train: Train, corpus: Corpus) -> None:
    result = train()
    tested = {
        name: (speaker, actual)
        for t in result.tests
        for name, speaker, actual in zip(t.utterances, t.speakers, t.actual, strict=True)
    }
    assert tested == {u.id: (u.speaker, corpus.emotions.index(u.emotion)) for u in corpus.utterances}
    for fold, validation, test in zip(result.folds, result.validations, result.tests, strict=True):
        assert set(test.speakers) == set(fold.test_speakers)
        assert set(validation.speakers) == set(fold.validation_speakers)
        np.testing.assert_allclose(np.sum(test.scores, axis=1), 1)
        assert np.argmax(test.scores, axis=1).tolist() == list(test.predicted)


@pytest.mark.parametrize("functionals", ["means and deviations", "functionals"])
def test_a_baseline_is_deterministic(train: Train, functionals: FunctionalsName) -> None:
    assert train(functionals=functionals) == train(functionals=functionals)


def flip_emotions(corpus: Corpus, *speakers: str) -> Corpus:
    other = {"anger": "sadness", "sadness": "anger"}
    utterances = (replace(u, emotion=other[u.emotion]) if u.speaker in speakers else u for u in corpus.utterances)
    return replace(corpus, utterances=tuple(utterances))


def test_labels_of_the_test_speaker_are_not_seen(train: Train, corpus: Corpus) -> None:
    before, after = train(), train(flip_emotions(corpus, "f1"))
    assert set(before.tests[0].speakers) == {"f1"}
    assert after.tests[0].scores == before.tests[0].scores
    assert after.inverse_penalties[0] == before.inverse_penalties[0]
    assert after.tests[0].actual != before.tests[0].actual


class _ByPenalty(FrameStatisticsBaseline):
    """Decides for the class that is C, whatever it hears."""

    inverse_penalties = (0.0, 1.0)

    def fit(self, vectors: NDArray[np.float64], classes: NDArray[np.int64], inverse_penalty: float) -> float:
        return inverse_penalty

    def scores(self, classifier: float, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.tile(np.eye(2)[int(classifier)], (len(vectors), 1))


class _BySureness(_ByPenalty):
    """Decides for the first class: with C = 0 sure of it, with C = 1 in doubt."""

    def scores(self, classifier: float, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.tile([0.6, 0.4] if classifier else [0.99, 0.01], (len(vectors), 1))


def test_equal_validation_uas_are_told_apart_by_their_loss(corpus: Corpus, tmp_path: Path) -> None:
    store = FeatureStore.open(build_store_if_missing(corpus, LogMelSettings(), tmp_path))
    data = BaselineData(corpus, store, "zscore_speaker")
    result = train_baseline(_BySureness(), data, speaker_folds(corpus, "partner"))
    assert result.inverse_penalties == (1.0, 1.0, 1.0, 1.0)


def test_the_validation_speaker_chooses_the_penalty(corpus: Corpus, tmp_path: Path) -> None:
    store = FeatureStore.open(build_store_if_missing(corpus, LogMelSettings(), tmp_path))
    folds = speaker_folds(corpus, "partner")

    def chosen(*sad_speakers: str) -> tuple[float, ...]:
        utterances = (replace(u, emotion=corpus.emotions[1]) for u in corpus.utterances if u.speaker in sad_speakers)
        others = (u for u in corpus.utterances if u.speaker not in sad_speakers)
        by_id = {u.id: u for u in (*utterances, *others)}
        changed = replace(corpus, utterances=tuple(by_id[u.id] for u in corpus.utterances))
        baseline: ClassicalBaseline = _ByPenalty()
        return train_baseline(baseline, BaselineData(changed, store, "zscore_speaker"), folds).inverse_penalties

    # With as many of each emotion both values reach the same UA, and the smaller C is chosen.
    assert chosen() == (0.0, 0.0, 0.0, 0.0)
    validator = folds[0].validation_speakers[0]
    expected = tuple(float(fold.validation_speakers == (validator,)) for fold in folds)
    assert chosen(validator) == expected


@pytest.mark.parametrize(
    ("functionals", "ua", "wa"),
    [
        ("means and deviations", 0.680, 0.680),
        ("functionals", 0.852, 0.858),
        ("eGeMAPSv02", 0.809, 0.815),
        ("ComParE_2016", 0.832, 0.839),
    ],
)
def test_emodb_reaches_what_the_documentation_says(
    emodb_root: Path, tmp_path: Path, functionals: FunctionalsName, ua: float, wa: float
) -> None:
    if functionals in ("eGeMAPSv02", "ComParE_2016"):
        pytest.importorskip("opensmile")
    corpus = load_corpus("emodb", emodb_root)
    store = FeatureStore.open(build_store_if_missing(corpus, LogMelSettings(), tmp_path))
    data = BaselineData(corpus, store, "zscore_speaker")
    result = train_baseline(BASELINES[functionals](), data, speaker_folds(corpus, "partner"))
    pooled = sum((evaluation_confusion(test, 7) for test in result.tests), start=np.zeros((7, 7), dtype=np.int64))
    assert pooled.sum() == 535
    assert unweighted_accuracy(pooled) == pytest.approx(ua, abs=0.006)
    assert weighted_accuracy(pooled) == pytest.approx(wa, abs=0.006)
