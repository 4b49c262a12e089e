"""Frames of recordings in memory, computed by a model's front end."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ser.corpora.audio import MIN_DURATION_S, check_scale, read_audio, too_short
from ser.corpora.audio_blocks import read_duration_s
from ser.corpora.corpus import Utterance
from ser.errors import AudioError, SerError, UtteranceError
from ser.features.frontends.base import FrontEnd


@dataclass(frozen=True)
class Recording:
    """Recording of speech.

    Attributes:
        name: Its name in messages and tables.
        audio: Audio file, or samples at the rate of the model's front end, shape `(sample,)`, floats, -1..1.
        speaker: Speaker, or None where nobody knows.
        start_s: Start of the segment of the file that is meant, in seconds; None for the start of the file.
        end_s: End of the segment, in seconds; None for the end of the file.
    """

    name: str
    audio: Path | NDArray[np.float32]
    speaker: str | None = None
    start_s: float | None = None
    end_s: float | None = None

    def duration_s(self, sample_rate_hz: int) -> float:
        """Return its duration in seconds; that of a file by its header, or 0 for one that cannot be read.

        Args:
            sample_rate_hz: Rate of samples in memory.
        """
        if not isinstance(self.audio, Path):
            return len(self.audio) / sample_rate_hz
        try:
            end_s = read_duration_s(self.audio) if self.end_s is None else self.end_s
            return end_s - (self.start_s or 0.0)
        except AudioError:
            return 0.0


@dataclass(frozen=True)
class FramesInMemory:
    """Frames of several recordings, as a feature store offers those of a corpus.

    Attributes:
        arrays: Frames of each recording, shape `(frame, width)`.
    """

    arrays: tuple[NDArray[np.floating], ...]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Frames of each recording, shape `(recording,)`."""
        return np.array([len(array) for array in self.arrays], dtype=np.int64)

    @property
    def width(self) -> int:
        """Numbers in a frame."""
        return int(self.arrays[0].shape[1])

    def frames(self, index: int) -> NDArray[np.floating]:
        """Frames of one recording, shape `(frame, width)`."""
        return self.arrays[index]


def compute_recordings(front_end: FrontEnd, recordings: Sequence[Recording]) -> list[NDArray[np.floating] | SerError]:
    """Compute the frames of recordings, several at a time; the values do not depend on how many.

    Returns:
        Frames of each, shape `(frame, width)`, in the type in which a store keeps them, or the reason for which there
        are none, such as a number that this type does not hold.
    """

    def compute(recording: Recording) -> NDArray[np.floating] | SerError:
        try:
            return _compute(front_end, recording)
        except SerError as error:
            return error

    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(compute, recordings))
    finally:
        torch.set_num_threads(threads)


def _compute(front_end: FrontEnd, recording: Recording) -> NDArray[np.floating]:
    samples, path = recording.audio, Path(recording.name)
    if isinstance(samples, Path):
        path, samples = samples, read_audio(samples, front_end.sample_rate_hz, recording.start_s, recording.end_s)
    else:
        samples = _check_samples(path, samples, front_end.sample_rate_hz)
    utterance = Utterance(id=recording.name, path=path, speaker="", emotion="")
    computed = front_end.compute_within_memory(utterance, samples)[0]
    with np.errstate(over="ignore"):
        frames = computed.astype(front_end.settings[0].stored_type)
    if not np.isfinite(frames).all():
        settings = front_end.settings[0]
        raise UtteranceError(
            path,
            recording.name,
            f"has frames of {settings.label} that are not finite or beyond the range of {settings.stored_type}",
        )
    return frames


def _check_samples(path: Path, samples: NDArray[np.floating], rate_hz: int) -> NDArray[np.float32]:
    """Return samples in memory as `read_audio` returns those of a file.

    Raises:
        AudioError: They are none or too few, of several channels, integers, or out of the range.
    """
    if samples.ndim != 1:
        raise AudioError(path, f"has samples of shape {samples.shape}; expected (sample,), one channel")
    if not np.issubdtype(samples.dtype, np.floating):
        raise AudioError(path, f"has samples of type {samples.dtype}; expected floats, -1..1")
    if not len(samples):
        raise AudioError(path, "holds no samples")
    if len(samples) < round(MIN_DURATION_S * rate_hz):
        raise AudioError(path, too_short(len(samples) / rate_hz))
    single = samples.astype(np.float32, copy=False)
    check_scale(path, single)
    return single.clip(np.float32(-1), np.float32(1))
