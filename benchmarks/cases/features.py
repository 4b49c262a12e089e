"""Features of audio files: this project, a thread a core, against a plain loop over librosa, one file at a time."""

from pathlib import Path

import numpy as np

from benchmarks.measurement import Row
from benchmarks.paired_processes import Side, Work, in_turn, median_s
from benchmarks.reference import extract
from benchmarks.workloads import Source, configuration_of, examples
from ser.config import FeatureSettings
from ser.corpora.loading import open_corpus
from ser.features.builder import frames_of_all


def ours(emodb: Path) -> Work:
    """Features of all utterances, as the store makes them."""
    corpus, settings = open_corpus("emodb", emodb), FeatureSettings()
    return lambda: list(frames_of_all(corpus, settings))


def reference(emodb: Path) -> Work:
    """Features of the same files in the same order, as librosa makes them."""
    paths = [utterance.path for utterance in open_corpus("emodb", emodb).utterances]
    settings = FeatureSettings()
    return lambda: [extract(path, settings) for path in paths]


def stored(source: Source) -> Work:
    """What a fold reads in the place of audio: the training utterances, normalised, off the map."""
    data = source.open().data(configuration_of("none", 10))
    return lambda: len(examples(data))


def against_librosa(emodb: Path, folder: Path, rounds: int) -> list[Row]:
    """The ratio of both, once warm, the greatest difference of their values, and what an epoch pays instead.

    Args:
        emodb: The corpus.
        folder: Where its store lies.
        rounds: How often each side runs.
    """
    with Side(reference, emodb) as theirs, Side(ours, emodb) as our, Side(stored, Source(folder, emodb)) as kept:
        sides = {"reference": theirs, "ours": our, "stored": kept}
        in_turn(sides, 1)
        timed = in_turn(sides, rounds)
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
        Row("features against librosa", case, reference_s / ours_s, "times", 10.0, details=details),
        Row("features of an epoch off the store", case, epoch_s / stored_s, "times", details=epoch_details),
        Row("greatest difference of a log-mel", case, difference, "nats", 1e-3, at_most=True),
    ]
