"""Normalisation of functionals: by speakers, whatever their units."""

from pathlib import Path

import numpy as np
import pytest

from ser.baselines import vectors
from ser.baselines.base import BaselineData
from ser.feature_settings import LogMelSettings
from ser.features.builder import build_store_if_missing
from ser.features.frontends import open_front_ends
from ser.features.frontends.base import FrontEndChoice
from ser.features.store import FeatureStore
from ser.folds import speaker_folds
from tests.support.toy_corpus import write_corpus


@pytest.mark.parametrize("unit", [1.0, 1e-7, 1e7])
def test_functionals_are_normalised_whatever_their_unit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, unit: float
) -> None:
    (tmp_path / "audio").mkdir()
    corpus = write_corpus(tmp_path / "audio", each=4)
    values = np.random.default_rng(1).normal(size=(len(corpus.utterances), 3))
    # A speaker who varies ten times less is no exception.
    values[[utterance.speaker == "f1" for utterance in corpus.utterances]] /= 10
    monkeypatch.setattr(vectors, "compute_frames", lambda corpus, front_end: [(row[None],) for row in unit * values])
    store = FeatureStore.open(build_store_if_missing(corpus, LogMelSettings(), tmp_path))
    (front_end,) = open_front_ends([FrontEndChoice(settings=LogMelSettings())])
    data = BaselineData(corpus, store, "zscore_speaker")
    fold = speaker_folds(corpus, "partner")[0]
    normalised = vectors.describe_audio(data, front_end, lambda done, total: None)(fold)
    for speaker in corpus.speakers:
        own = normalised[[utterance.speaker == speaker for utterance in corpus.utterances]]
        np.testing.assert_allclose(own.mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(own.std(axis=0), 1, rtol=1e-4)
