"""Front end of log-mels, the change of the spectrum, and prosody.

A frame holds: log-mels; square roots of the absolute deltas of their cepstrum; the prosodic tracks
(`ser.feature_settings.PROSODY_TRACKS`); the absolute deltas of these. Deltas are slopes of a regression over five
frames.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from typing_extensions import override

from ser.corpora.corpus import Utterance
from ser.feature_settings import LogMelProsodySettings
from ser.features.frontends.base import FrontEnd
from ser.features.logmel import frame_count, log_mel

_DELTA_FRAMES = 5

_PITCH_WINDOW = 1024
"""Samples in which the period of the voice is looked for: at 16 kHz three periods of 50 Hz."""

_VOICED_HEIGHT = 0.5
"""Height of the autocorrelation's peak from which a frame counts as voiced, 0..1."""

_SEMITONES = 12

_FLOOR = 1e-10


class LogMelProsodyFrontEnd(FrontEnd):
    """Log-mels, changes and prosody, by librosa where it has them."""

    def __init__(self, settings: Sequence[LogMelProsodySettings]) -> None:
        super().__init__(settings)
        (self._settings,) = settings
        self._shift = round(self._settings.frame_shift_s * self._settings.sample_rate_hz)

    @override
    def frame_count(self, samples: int) -> int:
        return frame_count(samples, self._settings)

    @override
    def compute(self, utterance: Utterance, samples: NDArray[np.float32]) -> tuple[NDArray[np.floating], ...]:
        import librosa

        log_mels = log_mel(torch.from_numpy(samples), self._settings).numpy()
        cepstrum = librosa.feature.mfcc(S=log_mels.T, n_mfcc=self._settings.cepstra).T
        tracks = self._prosody(samples)
        parts = (log_mels, np.sqrt(np.abs(delta(cepstrum))), tracks, np.abs(delta(tracks)))
        return (np.concatenate(parts, axis=1).astype(np.float32),)

    def _prosody(self, samples: NDArray[np.float32]) -> NDArray[np.float64]:
        """Compute the prosodic tracks, shape `(frame, track)`."""
        import librosa

        rate_hz, shift = self._settings.sample_rate_hz, self._shift
        f0_hz = librosa.yin(
            samples,
            fmin=self._settings.f0_min_hz,
            fmax=self._settings.f0_max_hz,
            sr=rate_hz,
            frame_length=_PITCH_WINDOW,
            hop_length=shift,
            pad_mode="constant",
        )
        heights = self._peak_heights(samples)
        voiced = heights >= _VOICED_HEIGHT
        energy = librosa.feature.rms(y=samples, frame_length=self._settings.fft_size, hop_length=shift)[0]
        # librosa warns of signals that are shorter than its window.
        filled = np.pad(samples, (0, max(0, self._settings.fft_size - len(samples))))
        centroid_hz = librosa.feature.spectral_centroid(
            y=filled, sr=rate_hz, n_fft=self._settings.fft_size, hop_length=shift, pad_mode="constant"
        )[0, : len(voiced)]
        semitones = _fill(_SEMITONES * np.log2(f0_hz / self._settings.f0_min_hz), voiced)
        tracks = (semitones, voiced, heights, np.log(np.square(energy) + _FLOOR), centroid_hz / 1000)
        return np.stack([np.asarray(track, dtype=np.float64) for track in tracks], axis=1)

    def _peak_heights(self, samples: NDArray[np.float32]) -> NDArray[np.float64]:
        """Compute the greatest normalised autocorrelation of each frame at a period of the voice, -1..1."""
        import librosa

        rate_hz = self._settings.sample_rate_hz
        padded = np.pad(samples.astype(np.float64), _PITCH_WINDOW // 2)
        frames = librosa.util.frame(padded, frame_length=_PITCH_WINDOW, hop_length=self._shift)
        shortest, longest = round(rate_hz / self._settings.f0_max_hz), round(rate_hz / self._settings.f0_min_hz)
        correlation = librosa.autocorrelate(frames, max_size=longest + 1, axis=0)
        # A longer lag has fewer products.
        products = 1 - np.arange(shortest, longest + 1) / _PITCH_WINDOW
        heights = (correlation[shortest:] / products[:, None]).max(axis=0) / (correlation[0] + _FLOOR)
        return np.asarray(np.clip(heights, -1, 1), dtype=np.float64)


def delta(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Compute the slope of each column over five frames; the first and last frames are continued."""
    import librosa

    slopes: NDArray[np.floating] = librosa.feature.delta(values, width=_DELTA_FRAMES, axis=0, mode="nearest")
    return slopes


def _fill(track: NDArray[np.floating], valid: NDArray[np.bool_]) -> NDArray[np.floating]:
    """Interpolate a track linearly where it is not valid; 0 where it is valid nowhere."""
    if not valid.any():
        return np.zeros_like(track)
    positions = np.arange(len(track))
    filled: NDArray[np.floating] = np.interp(positions, positions[valid], track[valid])
    return filled
