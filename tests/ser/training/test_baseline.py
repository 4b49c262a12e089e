"""The logistic baseline: right where it can be, blind where it must be."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ser.corpora.corpus import Corpus
from ser.corpora.loading import load_corpus
from ser.feature_settings import LogMelSettings
from ser.features.builder import build_store_if_missing
from ser.features.store import FeatureStore
from ser.folds import speaker_folds
from ser.metrics import evaluation_confusion, unweighted_accuracy, weighted_accuracy
from ser.results import BaselineResult
from ser.training.baseline import logistic_regression_baseline
from tests.support.toy_corpus import write_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return write_corpus(tmp_path_factory.mktemp("audio"), each=4)


@pytest.fixture(scope="module")
def store(corpus: Corpus) -> FeatureStore:
    return FeatureStore.open(build_store_if_missing(corpus, LogMelSettings(), corpus.root / "stores"))


def baseline(corpus: Corpus, store: FeatureStore) -> BaselineResult:
    return logistic_regression_baseline(corpus, store, speaker_folds(corpus, "partner"), "zscore_speaker")


def test_noise_and_tone_are_told_apart_on_unseen_speakers(corpus: Corpus, store: FeatureStore) -> None:
    result = baseline(corpus, store)
    assert [test.predicted == test.actual for test in result.tests] == [True] * 4
    assert result.normalisation == "zscore_speaker"
    assert result.corpus.digest == corpus.digest


def test_each_utterance_is_tested_once_under_its_own_name(corpus: Corpus, store: FeatureStore) -> None:
    result = baseline(corpus, store)
    tested = {
        name: (speaker, actual)
        for t in result.tests
        for name, speaker, actual in zip(t.utterances, t.speakers, t.actual, strict=True)
    }
    assert tested == {u.id: (u.speaker, corpus.emotions.index(u.emotion)) for u in corpus.utterances}
    for fold, test in zip(result.folds, result.tests, strict=True):
        assert set(test.speakers) == set(fold.test_speakers)
        np.testing.assert_allclose(np.sum(test.scores, axis=1), 1)
        assert np.argmax(test.scores, axis=1).tolist() == list(test.predicted)


def test_the_baseline_is_deterministic(corpus: Corpus, store: FeatureStore) -> None:
    assert baseline(corpus, store) == baseline(corpus, store)


def test_labels_of_test_and_validation_speakers_are_not_seen(corpus: Corpus, store: FeatureStore) -> None:
    other = {"anger": "sadness", "sadness": "anger"}
    flipped = tuple(replace(u, emotion=other[u.emotion]) if u.speaker in ("f1", "m1") else u for u in corpus.utterances)
    before = baseline(corpus, store).tests[0]
    after = baseline(replace(corpus, utterances=flipped), store).tests[0]
    assert set(before.speakers) == {"f1"}
    assert after.scores == before.scores
    assert after.actual != before.actual


def test_emodb_reaches_seventy_percent_by_speaker_normalisation(emodb_root: Path, tmp_path: Path) -> None:
    corpus = load_corpus("emodb", emodb_root)
    store = FeatureStore.open(build_store_if_missing(corpus, LogMelSettings(), tmp_path))
    result = logistic_regression_baseline(corpus, store, speaker_folds(corpus, "partner"), "zscore_speaker")
    pooled = sum((evaluation_confusion(test, 7) for test in result.tests), start=np.zeros((7, 7), dtype=np.int64))
    assert pooled.sum() == 535
    # A prototype of ours, on frames of its own, had .704 and .708.
    assert unweighted_accuracy(pooled) == pytest.approx(0.70, abs=0.02)
    assert weighted_accuracy(pooled) == pytest.approx(0.71, abs=0.02)
