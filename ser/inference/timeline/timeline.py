"""Timeline of a long recording: which emotion is heard when; memory does not grow with the recording."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser.corpora.audio_blocks import check_duration, read_blocks
from ser.errors import AudioError
from ser.inference.frames import Recording
from ser.inference.model import Prediction
from ser.inference.timeline.segments import Segment, WindowSettings, cut_windows, join_segments
from ser.inference.timeline.speech import BLOCK_S, SAMPLE_RATE_HZ, SpeechDetector, Stretch

Predict = Callable[[Sequence[Recording]], Iterable[Prediction]]
"""Prediction of several windows, in their order, as `EmotionModel.predict` makes it."""

Progress = Callable[[float], None]
"""Function that is called with the share done, 0..1."""

_WINDOWS_AT_ONCE = 64
_PEAK_S = 0.02
_MAX_PEAKS = 1600
_SHARE_OF_SPEECH = 0.15
"""Share of the time that the search for speech takes, about."""


@dataclass(frozen=True)
class Timeline:
    """Timeline of a recording.

    Attributes:
        name: Name of the recording.
        duration_s: Its duration in seconds.
        segments: Its segments in the order of time; what lies between them is no speech.
        peaks: Greatest magnitude of equal parts of the recording, 0..1, at most 1600.
    """

    name: str
    duration_s: float
    segments: tuple[Segment, ...]
    peaks: tuple[float, ...]


class _Envelope:
    """Waveform of a recording in short: the peak of every 20 ms."""

    def __init__(self) -> None:
        self.samples = 0
        self._peaks: list[NDArray[np.float32]] = []

    def follow(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Yield blocks as they are, and note their peaks."""
        width = round(_PEAK_S * SAMPLE_RATE_HZ)
        for block in blocks:
            self.samples += len(block)
            self._peaks.append(np.maximum.reduceat(np.abs(block), np.arange(0, len(block), width)))
            yield block

    def peaks(self) -> tuple[float, ...]:
        """Return the peaks, at most `_MAX_PEAKS`."""
        peaks = np.concatenate(self._peaks)
        parts = np.unique(np.linspace(0, len(peaks), min(len(peaks), _MAX_PEAKS), endpoint=False).astype(int))
        return tuple(np.maximum.reduceat(peaks, parts).astype(np.float64).round(3).tolist())


def make_timeline(
    path: Path,
    predict: Predict,
    detector: SpeechDetector,
    settings: WindowSettings,
    progress: Progress,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
) -> Timeline:
    """Make the timeline of a recording.

    Args:
        path: The audio file.
        predict: Prediction of windows; they have no speaker, since a recording may have several.
        detector: Detector of speech.
        settings: The windows.
        progress: Called with the share done.
        sample_rate_hz: Rate of the windows' samples: that of the model's front end.

    Raises:
        AudioError: The file cannot be read, or is too long.
        SerError: The model cannot decide for a window.
    """
    duration_s = check_duration(path)
    envelope = _Envelope()
    seen = _tell(
        read_blocks(path, SAMPLE_RATE_HZ, BLOCK_S), lambda seconds: progress(_SHARE_OF_SPEECH * seconds / duration_s)
    )
    stretches = detector.find_stretches(envelope.follow(seen))
    windows = list(cut_windows(stretches, settings))
    heard: list[tuple[Stretch, Mapping[str, float]]] = []
    recordings = _read_windows(path, windows, sample_rate_hz)
    while batch := list(islice(recordings, _WINDOWS_AT_ONCE)):
        for prediction in predict(batch):
            if prediction.reason is not None:
                raise AudioError(path, f"has {prediction.recording.name} that {prediction.reason}")
            heard.append((windows[len(heard)], prediction.probabilities))
        progress(_SHARE_OF_SPEECH + (1 - _SHARE_OF_SPEECH) * len(heard) / len(windows))
    segments = join_segments(stretches, heard, settings)
    progress(1.0)
    return Timeline(str(path), envelope.samples / SAMPLE_RATE_HZ, tuple(segments), envelope.peaks())


def _tell(blocks: Iterable[NDArray[np.float32]], progress: Progress) -> Iterator[NDArray[np.float32]]:
    """Yield blocks as they are, and call `progress` with the seconds that were read."""
    samples = 0
    for block in blocks:
        samples += len(block)
        yield block
        progress(samples / SAMPLE_RATE_HZ)


def _read_windows(path: Path, windows: Sequence[Stretch], sample_rate_hz: int) -> Iterator[Recording]:
    """Read the samples of windows, which lie in the order of time, in one pass over the file."""
    buffer, offset = np.empty(0, np.float32), 0
    blocks = read_blocks(path, sample_rate_hz, BLOCK_S)
    for window in windows:
        start, end = round(window.start_s * sample_rate_hz), round(window.end_s * sample_rate_hz)
        while offset + len(buffer) < end and (block := next(blocks, None)) is not None:
            passed = min(start - offset, len(buffer))
            buffer, offset = np.concatenate((buffer[passed:], block)), offset + passed
        yield Recording(f"speech at {window.start_s:.2f} s", buffer[start - offset : end - offset].copy())
