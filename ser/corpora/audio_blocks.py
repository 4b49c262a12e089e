"""Reading of long recordings in blocks, so that memory does not grow with their duration."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from ser.corpora.audio import (
    BLOCK_SAMPLES,
    DECODING_ERRORS,
    MAX_MISSING_SHARE,
    check_file,
    check_form,
    check_scale,
    decoding_error,
)
from ser.errors import AudioError

MAX_LONG_DURATION_S = 86_400.0
"""Longest recording that is read in blocks, in seconds: a day."""


def read_duration_s(path: Path) -> float:
    """Read the duration of a recording from its header, in seconds.

    Raises:
        AudioError: It is no audio file.
    """
    check_file(path)
    try:
        with soundfile.SoundFile(path) as file:
            check_form(path, file.samplerate, file.channels)
            return float(file.frames / file.samplerate)
    except DECODING_ERRORS as error:
        raise decoding_error(path, error) from error


def check_duration(path: Path, max_duration_s: float = MAX_LONG_DURATION_S) -> float:
    """Refuse a recording that is too long according to its header, before any sample is read.

    Returns:
        Its duration in seconds.

    Raises:
        AudioError: It is longer, or no audio file.
    """
    duration_s = read_duration_s(path)
    if duration_s > max_duration_s:
        raise AudioError(
            path, f"lasts {duration_s:.4g} s according to its header; expected {max_duration_s:g} s at most"
        )
    return duration_s


def read_blocks(path: Path, sample_rate_hz: int, block_s: float) -> Iterator[NDArray[np.float32]]:
    """Read a recording as mono samples at one rate, block by block.

    Channels are averaged; another rate is converted by soxr (high quality), without a seam between blocks.

    Args:
        path: The file, in any format that libsndfile reads.
        sample_rate_hz: Rate of the result, in hertz.
        block_s: Duration of a block, in seconds.

    Yields:
        Samples in -1..1, shape `(sample,)`, as many in every block but the last, which may be shorter.

    Raises:
        AudioError: The file is missing, is not audio, is cut short, holds no samples, or holds samples that are not
            finite or of a wrong scale.
    """
    block = round(block_s * sample_rate_hz)
    rest = np.empty(0, np.float32)
    for samples in _convert(path, sample_rate_hz, block_s):
        rest = np.concatenate((rest, samples.clip(np.float32(-1), np.float32(1))))
        while len(rest) >= block:
            yield rest[:block]
            rest = rest[block:]
    if len(rest):
        yield rest


def _convert(path: Path, sample_rate_hz: int, block_s: float) -> Iterator[NDArray[np.float32]]:
    """Decode a file and convert its rate; the parts have any number of samples."""
    check_file(path)
    try:
        with soundfile.SoundFile(path) as file:
            rate_hz, channels, count = int(file.samplerate), int(file.channels), int(file.frames)
            check_form(path, rate_hz, channels)
            resampler = soxr.ResampleStream(rate_hz, sample_rate_hz, 1, dtype="float32", quality="HQ")
            frames, end = max(1, min(round(block_s * rate_hz), BLOCK_SAMPLES // channels)), 0
            while len(samples := file.read(frames, dtype="float32", always_2d=True)):
                check_scale(path, samples)
                end += len(samples)
                mono = samples[:, 0] if channels == 1 else samples.mean(axis=1, dtype=np.float32)
                yield mono if rate_hz == sample_rate_hz else resampler.resample_chunk(mono)
            if rate_hz != sample_rate_hz:
                yield resampler.resample_chunk(np.empty(0, np.float32), last=True)
    except DECODING_ERRORS as error:
        raise decoding_error(path, error) from error
    if not end:
        raise AudioError(path, "holds no samples")
    if end < (1 - MAX_MISSING_SHARE) * count:
        raise AudioError(path, f"is cut short: {end} of {count} samples")
