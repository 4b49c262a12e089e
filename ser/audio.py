"""Reads audio files as mono samples, and refuses what is not sound."""

import struct
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from ser.errors import AudioError

SHORTEST_S = 0.025
"""One analysis window: shorter audio has no frame."""

LARGEST_SAMPLE = 2.0
"""Lossy codecs overshoot 1 a little and are clipped; beyond this the scale itself is wrong."""

_UNKNOWN_LENGTH = 0xFFFFFFFF
"""A RIFF data size that a streaming writer leaves behind: it promises nothing."""


def read_audio(path: Path, sample_rate_hz: int = 16_000) -> NDArray[np.float32]:
    """Reads an audio file as mono samples at one rate.

    Channels are averaged; another rate is converted by soxr (high quality).

    Args:
        path: The file, in any format that libsndfile reads.
        sample_rate_hz: Rate of the result, in hertz.

    Returns:
        Samples in -1..1, shape `(sample,)`.

    Raises:
        AudioError: The file is missing, is not audio, is cut short, holds no samples, holds NaN or
            infinite samples or such of a wrong scale, or is shorter than one analysis window.
    """
    if not path.is_file():
        raise AudioError(path, "no such file")
    try:
        _refuse_truncated_wav(path)
    except OSError as error:
        raise AudioError(path, f"cannot be read: {error.strerror}") from error
    samples, file_rate_hz = _decode(path)
    if samples.shape[0] == 0:
        raise AudioError(path, "holds no samples")
    if not np.isfinite(samples).all():
        raise AudioError(path, "holds samples that are NaN or infinite")
    peak = float(np.abs(samples).max())
    if peak > LARGEST_SAMPLE:
        raise AudioError(path, f"samples reach {peak:g}; expected -1..1")
    mono = samples.mean(axis=1, dtype=np.float32)
    if len(mono) < round(SHORTEST_S * file_rate_hz):
        duration_ms = 1000 * len(mono) / file_rate_hz
        raise AudioError(path, f"lasts {duration_ms:.1f} ms; expected at least {1000 * SHORTEST_S:g} ms")
    if file_rate_hz != sample_rate_hz:
        mono = soxr.resample(mono, file_rate_hz, sample_rate_hz, quality="HQ")
    clipped: NDArray[np.float32] = np.clip(mono, -1, 1).astype(np.float32, copy=False)
    return clipped


def _decode(path: Path) -> tuple[NDArray[np.float32], int]:
    """All samples of a file, shape `(sample, channel)`, and their rate in hertz."""
    try:
        with soundfile.SoundFile(path) as file:
            promised = file.frames
            samples: NDArray[np.float32] = file.read(dtype="float32", always_2d=True)
            rate_hz = int(file.samplerate)
    except (soundfile.LibsndfileError, OSError) as error:
        reason = " ".join(str(getattr(error, "error_string", error)).split())
        raise AudioError(path, f"cannot be decoded as audio: {reason}") from error
    if len(samples) < promised:
        raise AudioError(path, f"is cut short: {len(samples)} of {promised} samples")
    return samples, rate_hz


def _refuse_truncated_wav(path: Path) -> None:
    """Compares a WAV header with the file's size: libsndfile silently reads what is left."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return
        while len(chunk := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", chunk)
            if name == b"data":
                held = size - file.tell()
                if length != _UNKNOWN_LENGTH and length > held:
                    raise AudioError(path, f"is cut short: {held} of {length} bytes of samples")
                return
            file.seek(length + length % 2, 1)
