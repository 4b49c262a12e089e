"""Functionals of an utterance: as many as documented, and of the numbers that they are named after."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ser.baselines.functionals import utterance_functionals
from ser.feature_settings import PROSODY_TRACKS, LogMelProsodySettings

SETTINGS = LogMelProsodySettings()
FIRST_TRACK = SETTINGS.mel_bands + SETTINGS.cepstra
CONTOURS = 50
"""20 cepstral coefficients and 5 tracks, and the deltas of both."""


def frames_with(count: int, **tracks: NDArray[np.float64]) -> NDArray[np.float64]:
    frames = np.zeros((count, SETTINGS.width))
    for name, values in tracks.items():
        frames[:, FIRST_TRACK + PROSODY_TRACKS.index(name.replace("_", " "))] = values
    return frames


def statistics_of(functionals: NDArray[np.float64], track: str) -> list[float]:
    index = 2 * SETTINGS.cepstra + PROSODY_TRACKS.index(track)
    return functionals[:-6].reshape(9, CONTOURS)[:, index].tolist()


def test_statistics_are_those_of_a_ramp() -> None:
    ramp = np.arange(101) / 100
    functionals = utterance_functionals(frames_with(101, log_energy=ramp), SETTINGS)
    assert functionals.shape == (456,)
    expected = [0.5, np.std(ramp), 0.05, 0.25, 0.5, 0.75, 0.95, 1.0, 0.0]
    assert statistics_of(functionals, "log energy") == pytest.approx(expected, abs=1e-9)


def test_skewness_and_trend_have_their_signs() -> None:
    tail = np.exp(np.linspace(3, 0, 200))
    functionals = utterance_functionals(frames_with(200, log_energy=tail), SETTINGS)
    *_, trend, skewness = statistics_of(functionals, "log energy")
    assert trend < 0 < skewness


def test_rhythm_counts_voiced_stretches_and_syllables() -> None:
    voiced = np.tile(np.repeat([0.0, 1.0], [30, 20]), 4)
    energy = 3 * np.sin(2 * np.pi * np.arange(200) / 50)
    functionals = utterance_functionals(frames_with(200, voiced=voiced, log_energy=energy), SETTINGS)
    # 2 s: duration, share of voiced frames, voiced stretches a second, mean lengths, syllables a second.
    assert functionals[-6:].tolist() == pytest.approx([2.0, 0.4, 2.0, 0.2, 0.3, 2.0])


@pytest.mark.parametrize("flag", [0.0, 1.0])
def test_an_utterance_of_one_kind_and_few_frames_has_finite_numbers(flag: float) -> None:
    functionals = utterance_functionals(frames_with(2, voiced=np.full(2, flag)), SETTINGS)
    assert np.isfinite(functionals).all()
    assert functionals[-6:].tolist() == pytest.approx([0.02, flag, flag / 0.02, 0.02 * flag, 0.02 * (1 - flag), 0.0])
