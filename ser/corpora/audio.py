"""Read audio files as mono samples; refuse invalid ones."""

import struct
from math import isfinite
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from ser.errors import AudioError

MIN_DURATION_S = 0.025
"""One analysis window: shorter audio has no frame."""

MAX_SAMPLE = 2.0
"""Lossy codecs overshoot 1 a little and are clipped; beyond this the scale itself is wrong."""

SEGMENT_SLACK_S = 0.01
"""A segment may end this much after its file: labels are often rounded."""

_UNKNOWN_LENGTH = 0xFFFFFFFF
"""A RIFF data size that a streaming writer leaves behind: it promises nothing."""


def read_audio(
    path: Path, sample_rate_hz: int = 16_000, start_s: float | None = None, end_s: float | None = None
) -> NDArray[np.float32]:
    """Read an audio file, or a segment of it, as mono samples at one rate.

    Channels are averaged; another rate is converted by soxr (high quality).

    Args:
        path: The file, in any format that libsndfile reads.
        sample_rate_hz: Rate of the result, in hertz.
        start_s: Start of the segment, in seconds; None for the start of the file.
        end_s: End of the segment, in seconds; None for the end of the file.

    Returns:
        Samples in -1..1, shape `(sample,)`.

    Raises:
        AudioError: The file is missing, is not audio, is cut short, holds no samples, holds NaN or
            infinite samples or such of a wrong scale, does not hold the whole segment, or is shorter
            than one analysis window.
    """
    try:
        if not path.is_file():
            raise AudioError(path, "no such file")
        _refuse_truncated_wav(path)
    except OSError as error:
        raise AudioError(path, f"cannot be read: {error.strerror}") from error
    samples, file_rate_hz = _decode(path, start_s, end_s)
    if samples.shape[0] == 0:
        raise AudioError(path, "holds no samples")
    # Both ends of the range are NaN where any sample is.
    peak = max(-float(samples.min()), float(samples.max()))
    if not isfinite(peak):
        raise AudioError(path, "holds samples that are NaN or infinite")
    if peak > MAX_SAMPLE:
        raise AudioError(path, f"samples reach {peak:g}; expected -1..1")
    mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)
    if len(mono) < round(MIN_DURATION_S * file_rate_hz):
        duration_ms = 1000 * len(mono) / file_rate_hz
        raise AudioError(path, f"lasts {duration_ms:.1f} ms; expected at least {1000 * MIN_DURATION_S:g} ms")
    if file_rate_hz != sample_rate_hz:
        mono = soxr.resample(mono, file_rate_hz, sample_rate_hz, quality="HQ")
    clipped: NDArray[np.float32] = mono.clip(np.float32(-1), np.float32(1))
    return clipped


def _decode(path: Path, start_s: float | None, end_s: float | None) -> tuple[NDArray[np.float32], int]:
    """Decode a file or a segment: samples, shape `(sample, channel)`, and their rate in hertz."""
    try:
        with soundfile.SoundFile(path) as file:
            rate_hz = int(file.samplerate)
            first, count = _segment_bounds(path, file.frames, rate_hz, start_s, end_s)
            if first:
                file.seek(first)
            segment = -1 if end_s is None else count
            samples: NDArray[np.float32] = file.read(segment, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, TypeError, ValueError) as error:
        # The last two come from soundfile itself: headerless files, and formats that cannot be sought in.
        reason = " ".join(str(getattr(error, "error_string", error)).split())
        raise AudioError(path, f"cannot be decoded as audio: {reason}") from error
    if len(samples) < count:
        raise AudioError(path, f"is cut short: {len(samples)} of {count} samples")
    return samples, rate_hz


def _segment_bounds(
    path: Path, frames: int, rate_hz: int, start_s: float | None, end_s: float | None
) -> tuple[int, int]:
    """First sample and number of samples of a segment of a file of `frames` samples."""
    duration_s = frames / rate_hz
    from_s, to_s = start_s or 0.0, duration_s if end_s is None else end_s
    if not 0 <= from_s < to_s <= duration_s + SEGMENT_SLACK_S and (start_s, end_s) != (None, None):
        raise AudioError(path, f"has no segment from {from_s:g} to {to_s:g} s: it lasts {duration_s:.3f} s")
    first = round(from_s * rate_hz)
    return first, min(round(to_s * rate_hz), frames) - first


def _refuse_truncated_wav(path: Path) -> None:
    """Compare a WAV header with the file's size: libsndfile reads a truncated file without an error."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return
        while len(chunk := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", chunk)
            if name == b"data":
                available = size - file.tell()
                if length != _UNKNOWN_LENGTH and length > available:
                    raise AudioError(path, f"is cut short: {available} of {length} bytes of samples")
                return
            file.seek(length + length % 2, 1)
