"""Log-mels against librosa, an independent implementation."""

from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from ser.errors import ConfigurationError
from ser.feature_settings import FeatureSettings, LogMelSettings
from ser.features.logmel import frame_count, log_mel

# librosa warns of audio shorter than a transform, which is a case here.
pytestmark = pytest.mark.filterwarnings("ignore:n_fft=512 is too large")

DEFAULT = LogMelSettings()
OTHERS = [
    LogMelSettings(sample_rate_hz=8_000, mel_bands=26, fft_size=256),
    LogMelSettings(mel_bands=64, window_s=0.032, frame_shift_s=0.008, fft_size=1024, log_floor=1e-6),
    LogMelSettings(fft_size=513),
]


def by_librosa(samples: NDArray[Any], settings: FeatureSettings) -> NDArray[Any]:
    energies = librosa.feature.melspectrogram(
        y=samples,
        sr=settings.sample_rate_hz,
        n_fft=settings.fft_size,
        hop_length=round(settings.frame_shift_s * settings.sample_rate_hz),
        win_length=round(settings.window_s * settings.sample_rate_hz),
        window="hann",
        center=True,
        pad_mode="constant",
        power=2.0,
        n_mels=settings.mel_bands,
        dtype=samples.dtype,
    )
    return np.asarray(np.log(np.maximum(energies, settings.log_floor)).T)


def signals() -> dict[str, NDArray[np.float64]]:
    generator = np.random.default_rng(0)
    time_s = np.arange(20_000) / 16_000
    impulse = np.zeros(4_000)
    impulse[1_234] = 1.0
    return {
        "noise": 0.2 * generator.standard_normal(20_000),
        "chirp": np.sin(2 * np.pi * (50 + 3_000 * time_s) * time_s),
        "impulse": impulse,
        "silence": np.zeros(5_000),
        "one window": 0.1 * generator.standard_normal(400),
        "quiet": 1e-4 * generator.standard_normal(8_000),
    }


@pytest.mark.parametrize("name", signals())
def test_log_mel_in_float64_equals_librosa_to_nine_digits(name: str) -> None:
    samples = signals()[name]
    ours = log_mel(torch.from_numpy(samples), DEFAULT)
    assert ours.dtype == torch.float64
    np.testing.assert_allclose(ours.numpy(), by_librosa(samples, DEFAULT), rtol=0, atol=1e-9)


# A pure tone's empty bands hold float32's rounding alone, in which two implementations need not agree.
@pytest.mark.parametrize("name", ["noise", "impulse", "silence", "one window", "quiet"])
def test_log_mel_in_float32_equals_librosa_to_a_thousandth(name: str) -> None:
    samples = signals()[name].astype(np.float32)
    ours = log_mel(torch.from_numpy(samples), DEFAULT)
    assert ours.dtype == torch.float32
    np.testing.assert_allclose(ours.numpy(), by_librosa(samples, DEFAULT), rtol=0, atol=1e-3)


@pytest.mark.parametrize("settings", OTHERS, ids=["8 kHz", "64 bands", "odd fft"])
def test_log_mel_with_other_settings_equals_librosa(settings: FeatureSettings) -> None:
    samples = signals()["noise"]
    ours = log_mel(torch.from_numpy(samples), settings).numpy()
    np.testing.assert_allclose(ours, by_librosa(samples, settings), rtol=0, atol=1e-9)


def test_log_mel_of_real_speech_equals_librosa(emodb_root: Path) -> None:
    for path in sorted((emodb_root / "wav").glob("*.wav"))[::25]:
        samples, rate_hz = soundfile.read(path, dtype="float64")
        assert rate_hz == DEFAULT.sample_rate_hz
        exact = log_mel(torch.from_numpy(samples), DEFAULT).numpy()
        np.testing.assert_allclose(exact, by_librosa(samples, DEFAULT), rtol=0, atol=1e-9)
        single = samples.astype(np.float32)
        ours = log_mel(torch.from_numpy(single), DEFAULT).numpy()
        np.testing.assert_allclose(ours, by_librosa(single, DEFAULT), rtol=0, atol=1e-3)


def test_a_recording_longer_than_one_block_is_seamless() -> None:
    samples = 0.1 * np.random.default_rng(1).standard_normal(16_000 * 85)
    ours = log_mel(torch.from_numpy(samples), DEFAULT).numpy()
    assert len(ours) > 8192
    np.testing.assert_allclose(ours, by_librosa(samples, DEFAULT), rtol=0, atol=1e-9)


@pytest.mark.parametrize("settings", [DEFAULT, *OTHERS])
def test_frame_count_is_the_number_of_frames(settings: FeatureSettings) -> None:
    for samples in [*range(400, 420), 559, 560, 561, 16_000]:
        assert frame_count(samples, settings) == len(log_mel(torch.zeros(samples), settings))


def test_silence_lies_on_the_floor() -> None:
    assert torch.all(log_mel(torch.zeros(1_000), DEFAULT) == torch.tensor(1e-10).log())


def test_a_window_longer_than_the_transform_is_refused() -> None:
    with pytest.raises(
        ConfigurationError, match=r"window_s 0\.05 is 800 samples at 16000 Hz; expected 1 to fft_size 512"
    ):
        log_mel(torch.zeros(1_000), LogMelSettings(window_s=0.05))


def test_a_shift_below_one_sample_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="frame_shift_s 1e-05 is shorter than a sample"):
        log_mel(torch.zeros(1_000), LogMelSettings(frame_shift_s=1e-5))
