"""Features of audio files: this project, a thread a core, against a plain loop over librosa, one file at a time."""

from pathlib import Path

import numpy as np

from benchmarks.measurement import Measurement
from benchmarks.paired_processes import BenchProcess, Work, median_s, run_interleaved
from benchmarks.reference import extract
from benchmarks.workloads import Source, configuration_of, examples
from ser.config import FeatureSettings
from ser.corpora.loading import load_corpus
from ser.features.builder import compute_log_mels


def ours(emodb: Path) -> Work:
    """Features of all utterances, as the store makes them."""
    corpus, settings = load_corpus("emodb", emodb), FeatureSettings()
    return lambda: list(compute_log_mels(corpus, settings))


def reference(emodb: Path) -> Work:
    """Features of the same files in the same order, as librosa makes them."""
    paths = [utterance.path for utterance in load_corpus("emodb", emodb).utterances]
    settings = FeatureSettings()
    return lambda: [extract(path, settings) for path in paths]


def stored(source: Source) -> Work:
    """What a fold reads in the place of audio: the training utterances, normalised, off the map."""
    data = source.open().data(configuration_of("none", 10))
    return lambda: len(examples(data))


def against_librosa(emodb: Path, folder: Path, rounds: int) -> list[Measurement]:
    """The ratio of both, once warm, the greatest difference of their values, and what an epoch pays instead.

    Args:
        emodb: The corpus.
        folder: Where its store lies.
        rounds: How often each side runs.
    """
    with (
        BenchProcess(reference, emodb) as theirs,
        BenchProcess(ours, emodb) as our,
        BenchProcess(stored, Source(folder, emodb)) as kept,
    ):
        sides = {"reference": theirs, "ours": our, "stored": kept}
        run_interleaved(sides, 1)
        timed = run_interleaved(sides, rounds)
    reference_s, ours_s, stored_s = (median_s(timed[name]) for name in ("reference", "ours", "stored"))
    pairs = list(zip(timed["ours"][0].returned, timed["reference"][0].returned, strict=True))
    difference = max(float(np.abs(one - other).max()) for one, other in pairs)
    case = f"{len(pairs)} files of EmoDB"
    details = f"{ours_s:.2f} s against {reference_s:.2f} s, medians of {rounds}"
    # A loop that computes features anew each epoch takes them of the training utterances alone.
    used = timed["stored"][0].returned
    epoch_s = reference_s * used / len(pairs)
    epoch_details = f"{stored_s:.3f} s against {epoch_s:.2f} s for {used} utterances"
    return [
        Measurement("features against librosa", case, reference_s / ours_s, "times", 10.0, details=details),
        Measurement("features of an epoch off the store", case, epoch_s / stored_s, "times", details=epoch_details),
        Measurement("greatest difference of a log-mel", case, difference, "nats", 1e-3, upper_bound=True),
    ]
