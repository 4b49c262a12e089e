"""Feature extraction: this project, one thread per core, vs. a plain loop over librosa, one file at a time."""

from pathlib import Path

import numpy as np

from benchmarks.measurement import Measurement
from benchmarks.paired_processes import BenchProcess, Work, median_s, run_interleaved
from benchmarks.reference import extract
from benchmarks.workloads import Source, configuration_of, examples
from ser.corpora.loading import load_corpus
from ser.feature_settings import LogMelSettings
from ser.features.builder import compute_frames
from ser.features.frontends.log_mel import LogMelFrontEnd


def ours(emodb: Path) -> Work:
    """Compute features of all utterances as for a store."""
    corpus, front_end = load_corpus("emodb", emodb), LogMelFrontEnd([LogMelSettings()])
    return lambda: [frames for (frames,) in compute_frames(corpus, front_end)]


def reference(emodb: Path) -> Work:
    """Compute features of the same files in the same order with librosa."""
    paths = [utterance.path for utterance in load_corpus("emodb", emodb).utterances]
    settings = LogMelSettings()
    return lambda: [extract(path, settings) for path in paths]


def stored(source: Source) -> Work:
    """Read a fold's normalized training utterances from the memory-mapped store."""
    data = source.open().data(configuration_of("none", 10))
    return lambda: len(examples(data))


def vs_librosa(emodb: Path, folder: Path, rounds: int) -> list[Measurement]:
    """Measure the ratio of both once warm, the largest difference of their values, and the ratio for a stored epoch.

    Args:
        emodb: Folder of EmoDB.
        folder: Folder of its store.
        rounds: Runs of each side.
    """
    with (
        BenchProcess(reference, emodb) as reference_process,
        BenchProcess(ours, emodb) as our_process,
        BenchProcess(stored, Source(folder, emodb)) as stored_process,
    ):
        processes = {"reference": reference_process, "ours": our_process, "stored": stored_process}
        run_interleaved(processes, 1)
        calls = run_interleaved(processes, rounds)
    reference_s, ours_s, stored_s = (median_s(calls[name]) for name in ("reference", "ours", "stored"))
    pairs = list(zip(calls["ours"][0].returned, calls["reference"][0].returned, strict=True))
    difference = max(float(np.abs(log_mel - expected).max()) for log_mel, expected in pairs)
    case = f"{len(pairs)} files of EmoDB"
    details = f"{ours_s:.2f} s vs. {reference_s:.2f} s, medians of {rounds}"
    # A loop that recomputes features every epoch needs those of the training utterances only.
    training_utterances = calls["stored"][0].returned
    epoch_s = reference_s * training_utterances / len(pairs)
    epoch_details = f"{stored_s:.3f} s vs. {epoch_s:.2f} s for {training_utterances} utterances"
    return [
        Measurement("features vs. librosa", case, reference_s / ours_s, "times", 10.0, details=details),
        Measurement("features of an epoch off the store", case, epoch_s / stored_s, "times", details=epoch_details),
        Measurement("greatest difference of a log-mel", case, difference, "nats", 1e-3, upper_bound=True),
    ]
