"""Logistic regression on 456 functionals of cepstrum, prosody and rhythm: what a classical system hears.

Nine statistics (mean, deviation, percentiles 5, 25, 50, 75 and 95, trend, skewness) of 20 cepstral coefficients, of 5
prosodic tracks (`ser.feature_settings.PROSODY_TRACKS`) and of the deltas of both make 450; six numbers describe rhythm.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ser.baselines.base import BaselineData, Progress, VectorsOfFold
from ser.baselines.logistic_regression import LogisticRegressionBaseline
from ser.baselines.vectors import describe_audio
from ser.corpora.corpus import Utterance
from ser.feature_settings import PROSODY_TRACKS, LogMelProsodySettings
from ser.features.frontends.log_mel_prosody import LogMelProsodyFrontEnd, delta

_PERCENTILES = (5, 25, 50, 75, 95)

_LEAST_DEVIATION = 1e-8
"""A track that deviates by less is constant: it has no skewness."""

_PEAK_DISTANCE_S = 0.1
_PEAK_PROMINENCE = 1.0
"""Peaks of the log energy are syllables where they stand out by a factor e, a tenth of a second apart."""


class FunctionalsBaseline(LogisticRegressionBaseline):
    """Logistic regression on functionals of the audio, whatever front end the networks have."""

    functionals = "functionals"

    @override
    def describe(self, data: BaselineData, progress: Progress) -> VectorsOfFold:
        return describe_audio(data, _FunctionalsFrontEnd([LogMelProsodySettings()]), progress)


class _FunctionalsFrontEnd(LogMelProsodyFrontEnd):
    """Front end whose only frame has the functionals of an utterance.

    Args:
        settings: Settings of the frames that they are made of.
    """

    def __init__(self, settings: Sequence[LogMelProsodySettings]) -> None:
        super().__init__(settings)
        (self._frame_settings,) = settings

    @override
    def compute(self, utterance: Utterance, samples: NDArray[np.float32]) -> tuple[NDArray[np.floating], ...]:
        (frames,) = super().compute(utterance, samples)
        return (utterance_functionals(frames.astype(np.float64), self._frame_settings)[np.newaxis],)


def utterance_functionals(frames: NDArray[np.float64], settings: LogMelProsodySettings) -> NDArray[np.float64]:
    """Compute the functionals of an utterance.

    Args:
        frames: Its frames by the front end `log_mel_prosody`, shape `(frame, width)`.
        settings: Settings of the front end.

    Returns:
        Its functionals, shape `(456,)` with the default settings.
    """
    import librosa

    first_track = settings.mel_bands + settings.cepstra
    log_mels, tracks = frames[:, : settings.mel_bands], frames[:, first_track : first_track + len(PROSODY_TRACKS)]
    cepstrum = librosa.feature.mfcc(S=log_mels.T, n_mfcc=settings.cepstra).T
    contours = np.concatenate([cepstrum, delta(cepstrum), tracks, delta(tracks)], axis=1)
    return np.concatenate([_statistics(contours, settings.frame_shift_s), _rhythm(tracks, settings.frame_shift_s)])


def _statistics(contours: NDArray[np.float64], frame_shift_s: float) -> NDArray[np.float64]:
    """Compute nine statistics of each contour, shape `(9 * contour,)`; the trend is the slope of a line per second."""
    mean, deviation = contours.mean(axis=0), contours.std(axis=0)
    time_s = frame_shift_s * (np.arange(len(contours)) - (len(contours) - 1) / 2)
    trend = time_s @ contours / max(float(time_s @ time_s), frame_shift_s**2)
    standardised = (contours - mean) / np.where(deviation > _LEAST_DEVIATION, deviation, np.inf)
    skewness = (standardised**3).mean(axis=0)
    return np.concatenate([mean, deviation, *np.percentile(contours, _PERCENTILES, axis=0), trend, skewness])


def _rhythm(tracks: NDArray[np.float64], frame_shift_s: float) -> NDArray[np.float64]:
    """Compute six numbers of rhythm.

    Returns:
        Duration in seconds, share of voiced frames, voiced stretches a second, mean lengths of a voiced and of an
        unvoiced stretch in seconds (0 where there is none), syllables a second.
    """
    from scipy.signal import find_peaks

    voiced = tracks[:, PROSODY_TRACKS.index("voiced")] > 0.5
    energy = tracks[:, PROSODY_TRACKS.index("log energy")]
    duration_s = len(tracks) * frame_shift_s
    starts = np.flatnonzero(np.diff(voiced, prepend=not voiced[0]))
    lengths_s = frame_shift_s * np.diff(starts, append=len(voiced))
    of_voiced, of_unvoiced = lengths_s[voiced[starts]], lengths_s[~voiced[starts]]
    distance = round(_PEAK_DISTANCE_S / frame_shift_s)
    peaks, _ = find_peaks(energy, distance=distance, prominence=_PEAK_PROMINENCE)
    means_s = [float(part.mean()) if len(part) else 0.0 for part in (of_voiced, of_unvoiced)]
    return np.array(
        [duration_s, voiced.mean(), len(of_voiced) / duration_s, *means_s, len(peaks) / duration_s], dtype=np.float64
    )
