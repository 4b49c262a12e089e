"""Features of audio files: this project against a loop over librosa, one thread each."""

from pathlib import Path

import numpy as np
import torch

from benchmarks.reference import extract
from benchmarks.rows import Row
from benchmarks.sides import Side, Work, in_turn, median_s
from ser.audio import read_audio
from ser.config import FeatureSettings
from ser.features.logmel import log_mel

FILES = 100


def ours(paths: tuple[Path, ...]) -> Work:
    """Features as the store makes them."""
    torch.set_num_threads(1)
    settings = FeatureSettings()

    def work() -> list[np.ndarray]:
        return [
            log_mel(torch.from_numpy(read_audio(path, settings.sample_rate_hz)), settings).numpy() for path in paths
        ]

    return work


def reference(paths: tuple[Path, ...]) -> Work:
    """Features as librosa makes them."""
    torch.set_num_threads(1)
    settings = FeatureSettings()

    def work() -> list[np.ndarray]:
        return [extract(path, settings) for path in paths]

    return work


def against_librosa(audio: Path, rounds: int) -> list[Row]:
    """The ratio of both, once warm, and the greatest difference of their values.

    Args:
        audio: A folder of wav files; the first hundred are taken.
        rounds: How often each side runs.
    """
    paths = tuple(sorted(audio.rglob("*.wav"))[:FILES])
    with Side(reference, paths) as theirs, Side(ours, paths) as our:
        in_turn({"reference": theirs, "ours": our}, 1)
        timed = in_turn({"reference": theirs, "ours": our}, rounds)
    reference_s, ours_s = median_s(timed["reference"]), median_s(timed["ours"])
    pairs = zip(timed["ours"][0].returned, timed["reference"][0].returned, strict=True)
    difference = max(float(np.abs(one - other).max()) for one, other in pairs)
    case = f"{len(paths)} files of EmoDB"
    details = f"{ours_s:.2f} s against {reference_s:.2f} s, medians of {rounds}"
    return [
        Row("features against librosa", case, reference_s / ours_s, "times", 10.0, details=details),
        Row("greatest difference of a log-mel", case, difference, "nats", 1e-3, at_most=True),
    ]
