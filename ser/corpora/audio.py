"""Read audio files as mono samples; refuse invalid ones and those that would take too much memory."""

import hashlib
import os
import struct
from enum import Enum
from math import isfinite
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from ser.errors import AudioError, ConfigurationError

DIGEST_RATE_HZ = 16_000
"""Rate at which samples are digested, in hertz."""

MIN_DURATION_S = 0.025
"""One analysis window: shorter audio has no frame."""

MAX_DURATION_S = 1800.0
"""Longest utterance in seconds; environment variable `SER_MAX_AUDIO_S` sets another limit."""

MAX_LONG_RATE_HZ = 48_000
"""Rate at which an utterance of `MAX_DURATION_S` may still be recorded; at twice the rate it may last half as long. It
bounds the memory that an utterance takes while it is read: 0.35 GB for its samples."""

MAX_CHANNELS = 64
MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 768_000
"""Rates of recorded speech, with room on both sides: conversion from 1 Hz would take 16,000 times the memory."""

MAX_SAMPLE = 2.0
"""Lossy codecs overshoot 1 a little and are clipped; beyond this the scale itself is wrong."""

SEGMENT_SLACK_S = 0.01
"""A segment may end this much after its file: labels are often rounded."""

MAX_MISSING_SHARE = 0.05
"""Share of the samples in a header that a file may lack: header sizes are often slightly wrong."""

BLOCK_SAMPLES = 2**22
"""Samples of all channels that are decoded at once."""

DECODING_ERRORS = (soundfile.LibsndfileError, OSError, TypeError, ValueError)
"""The last two come from soundfile itself: headerless files, and formats that cannot be sought in."""

_PLACEHOLDER_BYTES = 0x7FFF0000
"""Smallest RIFF data size that a streaming writer leaves behind: it promises nothing."""

_SILENT_PEAK = 1e-3
_MAX_OFFSET = 0.05
_FULL_SCALE, _MAX_CLIPPED_SHARE = 0.999, 0.005
_MIN_MONO_SHARE = 0.1


class AudioIssue(Enum):
    """Doubtful quality of audio that can be read; the value describes it in a note."""

    WRONG_SIZE = "the header's size is wrong, the samples in the file are used"
    ANTIPHASE = "channels in antiphase, which cancel each other when averaged"
    SILENT = f"silence (peak below {_SILENT_PEAK:g})"
    OFFSET = f"a constant offset (mean beyond {_MAX_OFFSET:g})"
    CLIPPED = f"clipping (more than {_MAX_CLIPPED_SHARE:.1%} of samples at full scale)"


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
            infinite samples or such of a wrong scale, does not hold the whole segment, is shorter
            than one analysis window, or exceeds the limits of duration, rate, channels or memory.
    """
    return read_audio_with_issues(path, sample_rate_hz, start_s, end_s)[0]


def digest_samples(samples: NDArray[np.float32]) -> str:
    """Digest samples that were read at `DIGEST_RATE_HZ`: SHA-256 in hex digits."""
    return hashlib.sha256(samples.astype("<f4", copy=False).tobytes()).hexdigest()


def read_audio_with_issues(
    path: Path, sample_rate_hz: int = 16_000, start_s: float | None = None, end_s: float | None = None
) -> tuple[NDArray[np.float32], tuple[AudioIssue, ...]]:
    """Read audio as `read_audio` does, and list what makes its quality doubtful."""
    try:
        return _read(path, sample_rate_hz, start_s, end_s)
    except MemoryError as error:
        raise AudioError(path, "needs more memory than there is") from error


def _read(
    path: Path, sample_rate_hz: int, start_s: float | None, end_s: float | None
) -> tuple[NDArray[np.float32], tuple[AudioIssue, ...]]:
    wrong_size = check_file(path)
    mono, file_rate_hz, issues = _decode(path, start_s, end_s)
    if wrong_size:
        issues.add(AudioIssue.WRONG_SIZE)
    if len(mono) < round(MIN_DURATION_S * file_rate_hz):
        raise AudioError(path, too_short(len(mono) / file_rate_hz))
    issues |= _signal_issues(mono, silent=AudioIssue.ANTIPHASE not in issues)
    if file_rate_hz != sample_rate_hz:
        mono = soxr.resample(mono, file_rate_hz, sample_rate_hz, quality="HQ")
    clipped: NDArray[np.float32] = mono.clip(np.float32(-1), np.float32(1))
    return clipped, tuple(issue for issue in AudioIssue if issue in issues)


def _signal_issues(mono: NDArray[np.float32], silent: bool) -> set[AudioIssue]:
    """Find issues of mono samples; `silent` is whether silence is an issue of its own."""
    if max(float(mono.max()), -float(mono.min())) < _SILENT_PEAK:
        return {AudioIssue.SILENT} if silent else set()
    issues = set()
    if abs(float(mono.mean())) > _MAX_OFFSET:
        issues.add(AudioIssue.OFFSET)
    clipped = np.count_nonzero(mono >= _FULL_SCALE) + np.count_nonzero(mono <= -_FULL_SCALE)
    if clipped / len(mono) > _MAX_CLIPPED_SHARE:
        issues.add(AudioIssue.CLIPPED)
    return issues


def _decode(path: Path, start_s: float | None, end_s: float | None) -> tuple[NDArray[np.float32], int, set[AudioIssue]]:
    """Decode a file or a segment by blocks: mono samples at the file's rate, the rate in hertz, and issues."""
    channel_power = mono_power = 0.0
    try:
        with soundfile.SoundFile(path) as file:
            rate_hz, channels = int(file.samplerate), int(file.channels)
            first, count = _segment_bounds(path, file.frames, rate_hz, start_s, end_s)
            _check_limits(path, count, rate_hz, channels)
            if first:
                file.seek(first)
            # One array that is filled block by block: several that are joined would take the memory twice.
            mono = np.empty(count, np.float32)
            end = 0
            while end < count:
                frames = min(count - end, BLOCK_SAMPLES // channels)
                block: NDArray[np.float32] = file.read(frames, dtype="float32", always_2d=True)
                if not len(block):
                    break
                check_scale(path, block)
                averages = block[:, 0] if channels == 1 else block.mean(axis=1, dtype=np.float32)
                mono[end : end + len(block)] = averages
                end += len(block)
                if channels > 1:
                    channel_power += float(np.square(block, dtype=np.float64).mean(axis=1).sum())
                    mono_power += float(np.square(averages, dtype=np.float64).sum())
    except DECODING_ERRORS as error:
        raise decoding_error(path, error) from error
    if end < (1 - MAX_MISSING_SHARE) * count:
        raise AudioError(path, f"is cut short: {end} of {count} samples")
    if not end:
        raise AudioError(path, "holds no samples")
    issues = {AudioIssue.WRONG_SIZE} if end < count else set()
    if mono_power < _MIN_MONO_SHARE**2 * channel_power:
        issues.add(AudioIssue.ANTIPHASE)
    return mono[:end], rate_hz, issues


def decoding_error(path: Path, error: Exception) -> AudioError:
    """Say why soundfile cannot decode a file."""
    reason = " ".join(str(getattr(error, "error_string", error)).split())
    return AudioError(path, _format_hint(path) or f"cannot be decoded as audio: {reason}")


def _format_hint(path: Path) -> str | None:
    """Explain files that often stand where audio is expected."""
    with path.open("rb") as file:
        head = file.read(32)
    if head.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not audio; fetch the file with: git lfs pull"
    if head[4:8] == b"ftyp":
        return "is MPEG-4 audio (m4a), which cannot be read; convert it with: ffmpeg -i IN.m4a OUT.wav"
    return None


def too_short(duration_s: float) -> str:
    """Say of audio that it is shorter than one analysis window."""
    return f"lasts {1000 * duration_s:.1f} ms; expected at least {1000 * MIN_DURATION_S:g} ms"


def check_scale(path: Path, samples: NDArray[np.float32]) -> None:
    """Refuse samples that are NaN, infinite, or of a wrong scale."""
    # Both ends of the range are NaN where any sample is.
    peak = max(-float(samples.min()), float(samples.max()))
    if not isfinite(peak):
        raise AudioError(path, "holds samples that are NaN or infinite")
    if peak > MAX_SAMPLE:
        raise AudioError(path, f"samples reach {peak:g}; expected -1..1")


def check_form(path: Path, rate_hz: int, channels: int) -> None:
    """Refuse a rate or a number of channels that no recording of speech has."""
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise AudioError(path, f"has a sample rate of {rate_hz} Hz; expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz")
    if channels > MAX_CHANNELS:
        raise AudioError(path, f"has {channels} channels; expected {MAX_CHANNELS} at most")


def _check_limits(path: Path, count: int, rate_hz: int, channels: int) -> None:
    """Refuse what a header claims before any sample is read: a small file can claim years."""
    check_form(path, rate_hz, channels)
    limit_s = max_duration_s()
    if rate_hz > MAX_LONG_RATE_HZ:
        limit_s *= MAX_LONG_RATE_HZ / rate_hz
    if count > limit_s * rate_hz:
        duration_s = count / rate_hz
        limit = f"expected {limit_s:g} s at most at {rate_hz} Hz (SER_MAX_AUDIO_S sets another limit)"
        raise AudioError(path, f"has an utterance of {duration_s:.4g} s according to its header; {limit}")


def max_duration_s() -> float:
    """Read the longest allowed utterance from the environment, in seconds.

    Raises:
        ConfigurationError: `SER_MAX_AUDIO_S` is no positive number.
    """
    text = os.environ.get("SER_MAX_AUDIO_S", "")
    try:
        limit_s = float(text) if text else MAX_DURATION_S
    except ValueError:
        limit_s = 0.0
    if not (isfinite(limit_s) and limit_s > 0):
        raise ConfigurationError(f"SER_MAX_AUDIO_S={text!r}: expected seconds, such as {MAX_DURATION_S:g}")
    return limit_s


def _segment_bounds(
    path: Path, frames: int, rate_hz: int, start_s: float | None, end_s: float | None
) -> tuple[int, int]:
    """First sample and number of samples of a segment of a file of `frames` samples."""
    duration_s = frames / rate_hz
    from_s, to_s = start_s or 0.0, duration_s if end_s is None else end_s
    if not 0 <= from_s < to_s <= duration_s + SEGMENT_SLACK_S and (start_s, end_s) != (None, None):
        raise AudioError(path, f"has no segment from {from_s:g} to {to_s:g} s: it lasts {duration_s:.3f} s")
    first = round(from_s * rate_hz)
    return first, max(0, min(round(to_s * rate_hz), frames) - first)


def check_file(path: Path) -> bool:
    """Refuse what is no file, cannot be read, or is a WAV file that is cut short.

    Returns:
        Whether its header gives another size than the file has, which it may by a little.
    """
    try:
        if not path.is_file():
            raise AudioError(path, "no such file")
        return _check_wav_size(path)
    except OSError as error:
        raise AudioError(path, f"cannot be read: {error.strerror}") from error


def _check_wav_size(path: Path) -> bool:
    """Compare a WAV header with the file's size: libsndfile reads a truncated file without an error.

    Returns:
        Whether the header gives another size than the file has, which it may by a little.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return False
        while len(chunk := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", chunk)
            if name == b"data":
                available = size - file.tell()
                if length < _PLACEHOLDER_BYTES and available < (1 - MAX_MISSING_SHARE) * length:
                    raise AudioError(path, f"is cut short: {available} of {length} bytes of samples")
                return bool(length > available)
            file.seek(length + length % 2, 1)
    return False
