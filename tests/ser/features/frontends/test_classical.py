"""Front ends without a network: log-mels with prosody, and openSMILE's descriptors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ser.corpora.corpus import Corpus, Utterance
from ser.errors import FeatureStoreError
from ser.feature_settings import PROSODY_TRACKS, LogMelProsodySettings, LogMelSettings, OpenSmileSettings
from ser.features.builder import build_stores
from ser.features.frontends.choices import parse_front_ends
from ser.features.frontends.log_mel_prosody import LogMelProsodyFrontEnd
from ser.features.frontends.opensmile import OpenSmileFrontEnd
from ser.features.logmel import log_mel
from ser.features.store import FeatureStore
from tests.support.toy_corpus import write_corpus

UTTERANCE = Utterance("a", Path("a.wav"), "s", "joy")
RATE_HZ = 16_000
SETTINGS = LogMelProsodySettings()
SPECTRAL = SETTINGS.mel_bands + SETTINGS.cepstra


def voice(f0_hz: float, seconds: float = 1.0) -> Any:
    """Harmonics of a steady voice."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return sum(0.1 / k * np.sin(2 * np.pi * k * f0_hz * time_s) for k in range(1, 8)).astype(np.float32)  # type: ignore[union-attr]


def prosody(samples: Any) -> dict[str, Any]:
    (frames,) = LogMelProsodyFrontEnd([SETTINGS]).compute(UTTERANCE, samples)
    assert frames.shape == (1 + len(samples) // 160, SETTINGS.width)
    assert np.isfinite(frames).all()
    return {name: frames[:, SPECTRAL + column] for column, name in enumerate(PROSODY_TRACKS)}


def test_the_first_numbers_are_log_mels() -> None:
    samples = voice(200)
    (frames,) = LogMelProsodyFrontEnd([SETTINGS]).compute(UTTERANCE, samples)
    np.testing.assert_array_equal(frames[:, :40], log_mel(torch.from_numpy(samples), LogMelSettings()).numpy())


def test_changes_are_slopes_of_the_orthonormal_cepstrum() -> None:
    samples = np.concatenate([voice(120, 0.3), voice(240, 0.3)])
    (frames,) = LogMelProsodyFrontEnd([SETTINGS]).compute(UTTERANCE, samples)
    log_mels, bands = frames[:, :40].astype(np.float64), np.arange(40)
    basis = np.cos(np.pi * (bands + 0.5)[None] * np.arange(20)[:, None] / 40) * np.sqrt(2 / 40)
    basis[0] /= np.sqrt(2)
    cepstrum = log_mels @ basis.T
    slope = sum(k * (cepstrum[2 + k : len(cepstrum) - 4 + k]) for k in (-2, -1, 1, 2)) / 10
    np.testing.assert_allclose(frames[2:-4, 40:60], np.sqrt(np.abs(slope)), atol=2e-3)


@pytest.mark.parametrize("f0_hz", [90.0, 180.0, 360.0])
def test_f0_is_in_semitones_above_its_minimum(f0_hz: float) -> None:
    tracks = prosody(voice(f0_hz))
    middle = slice(20, 80)
    np.testing.assert_allclose(tracks["F0 in semitones"][middle], 12 * np.log2(f0_hz / 60), atol=0.3)
    assert (tracks["voiced"][middle] == 1).all()
    assert (tracks["height of the autocorrelation peak"][middle] > 0.9).all()


def test_f0_is_filled_over_unvoiced_frames() -> None:
    noise = (0.1 * np.random.default_rng(0).standard_normal(RATE_HZ // 2)).astype(np.float32)
    tracks = prosody(np.concatenate([voice(100, 0.5), noise, voice(200, 0.5)]))
    gap = slice(55, 95)
    assert (tracks["voiced"][gap] == 0).mean() > 0.9
    low, high = 12 * np.log2(100 / 60), 12 * np.log2(200 / 60)
    assert ((tracks["F0 in semitones"][gap] > low - 1) & (tracks["F0 in semitones"][gap] < high + 1)).all()
    loud, quiet = prosody(voice(150)), prosody(0.1 * voice(150))
    np.testing.assert_allclose((loud["log energy"] - quiet["log energy"])[20:80], np.log(100), atol=0.01)


@pytest.mark.parametrize("samples", [np.zeros(RATE_HZ, np.float32), voice(100, 0.03)], ids=["silence", "30 ms"])
def test_silence_and_short_utterances_have_finite_frames(samples: Any) -> None:
    (frames,) = LogMelProsodyFrontEnd([SETTINGS]).compute(UTTERANCE, samples)
    assert frames.shape == (1 + len(samples) // 160, SETTINGS.width)
    assert np.isfinite(frames).all()


def test_classical_front_ends_are_stored(tmp_path: Path) -> None:
    pytest.importorskip("opensmile")
    (tmp_path / "audio").mkdir()
    corpus: Corpus = write_corpus(tmp_path / "audio")
    names = ["log_mel_prosody", "opensmile", "opensmile:ComParE_2016"]
    paths = build_stores(corpus, parse_front_ends(names), tmp_path / "stores")
    stores = [FeatureStore.open(path) for path in paths]
    assert [store.width for store in stores] == [70, 25, 65]
    for store in stores:
        expected = [frames * store.settings.frame_shift_s for frames in store.lengths]
        np.testing.assert_allclose(expected, corpus.durations_s, atol=0.08)


def test_openSMILE_refuses_what_is_too_short() -> None:  # noqa: N802
    pytest.importorskip("opensmile")
    with pytest.raises(FeatureStoreError, match="lasts 20 ms, too short for openSMILE"):
        OpenSmileFrontEnd([OpenSmileSettings()]).compute(UTTERANCE, voice(100, 0.02))
