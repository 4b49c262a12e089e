"""Build the store of a corpus's log-mels: once, beside its final path, and moved there whole."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ser.config import FeatureSettings, digest_of
from ser.corpora.audio import DIGEST_RATE_HZ, digest_samples, read_audio
from ser.corpora.corpus import Corpus, Utterance
from ser.errors import AudioError, FeatureStoreError
from ser.features.logmel import frame_count, log_mel
from ser.features.store import FLOAT_BYTES, FRAMES, LENGTHS, METADATA, STORE_VERSION, StoreMetadata, check_store
from ser.files import file_lock, fsync_folder, fsynced_file

_AT_ONCE = 32
"""Utterances per core that are in memory at once."""

# What a full disk, a quota and a limit on file sizes are called.
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def build_store_if_missing(
    corpus: Corpus,
    settings: FeatureSettings,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Build the store of a corpus below `folder`, unless it is there.

    Processes that ask for the same store at once wait for the first of them. A store that is cut
    short, by a full disk or a kill, leaves nothing at the final path. The values of a store that is
    there are compared with the digest that it was built with.

    Args:
        corpus: The corpus; its audio is read again, one utterance at a time.
        settings: Settings of the log-mels.
        folder: Where stores lie; made where it is missing.
        progress: Called with the utterances done and all utterances.

    Returns:
        The store's folder, `folder / key`.

    Raises:
        FeatureStoreError: There is no room, the folder cannot be written, or the store that is
            there is damaged.
        AudioError: An audio file is gone or has changed since the corpus was read.
    """
    final = folder / store_key(corpus, settings)
    with _os_errors_as_store_errors(folder, needed_bytes(corpus, settings)):
        folder.mkdir(parents=True, exist_ok=True)
        with file_lock(folder / f".{final.name}.lock"):
            if final.exists():
                check_store(final)
            else:
                _build(corpus, settings, final, progress)
    return final


def store_key(corpus: Corpus, settings: FeatureSettings) -> str:
    """Name of the store's folder: a digest of the corpus digest, the settings and the format."""
    return digest_of({"corpus": corpus.digest, "settings": settings.model_dump(mode="json"), "version": STORE_VERSION})


def needed_bytes(corpus: Corpus, settings: FeatureSettings) -> int:
    """Size of the corpus's store on disk, from the durations of its utterances."""
    samples = (round(duration * settings.sample_rate_hz) for duration in corpus.durations_s)
    frames = sum(frame_count(count, settings) for count in samples)
    return frames * settings.mel_bands * FLOAT_BYTES + len(corpus.utterances) * 8 + 4096


def _build(corpus: Corpus, settings: FeatureSettings, final: Path, progress: Callable[[int, int], None] | None) -> None:
    """Write a store beside its final path and move it there; the caller holds the lock."""
    partial = final.with_name(f".{final.name}.partial")
    # Only a process that was killed can have left this: whoever builds holds the lock.
    shutil.rmtree(partial, ignore_errors=True)
    needed, free = needed_bytes(corpus, settings), shutil.disk_usage(final.parent).free
    if free < needed:
        raise FeatureStoreError(_disk_full_message(final.parent, needed, free))
    partial.mkdir()
    try:
        lengths = _write_frames(partial / FRAMES, corpus, settings, progress)
        with fsynced_file(partial / LENGTHS) as file:
            np.save(file, lengths)
        metadata = StoreMetadata.describe(partial, corpus.name, corpus.digest, settings, lengths)
        with fsynced_file(partial / METADATA) as file:
            file.write(metadata.model_dump_json(indent=2).encode())
        fsync_folder(partial)
        partial.replace(final)
        fsync_folder(final.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_frames(
    path: Path, corpus: Corpus, settings: FeatureSettings, progress: Callable[[int, int], None] | None
) -> NDArray[np.int64]:
    """Write the frames of all utterances, a few of them in memory at a time; return their lengths."""
    lengths = np.zeros(len(corpus.utterances), dtype=np.int64)
    with fsynced_file(path) as file:
        for index, frames in enumerate(compute_log_mels(corpus, settings)):
            lengths[index] = len(frames)
            file.write(frames.astype("<f4", copy=False).tobytes())
            if progress is not None:
                progress(index + 1, len(corpus.utterances))
    return lengths


def compute_log_mels(corpus: Corpus, settings: FeatureSettings) -> Iterator[NDArray[np.float32]]:
    """Log-mels of all utterances in the corpus's order, computed by one thread per core, each `(frame, mel)`.

    Decoding and transforming let go of Python's lock, so threads suffice, and the values do not
    depend on their number: an utterance is computed by one of them.

    Args:
        corpus: The corpus.
        settings: Settings of the log-mels.

    Raises:
        AudioError: An audio file is gone or has changed since the corpus was read.
    """
    cores = os.cpu_count() or 1
    torch_threads = torch.get_num_threads()
    step = _AT_ONCE * cores
    try:
        with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for start in range(0, len(corpus.utterances), step):
                part = slice(start, start + step)
                yield from pool.map(_frames_of, corpus.utterances[part], corpus.samples_sha256[part], repeat(settings))
    finally:
        torch.set_num_threads(torch_threads)


def _frames_of(utterance: Utterance, samples_sha256: str, settings: FeatureSettings) -> NDArray[np.float32]:
    """Read one utterance, compare its samples with those of the corpus, and transform it, shape `(frame, mel)`."""
    samples = read_audio(utterance.path, DIGEST_RATE_HZ, utterance.start_s, utterance.end_s)
    if digest_samples(samples) != samples_sha256:
        raise AudioError(utterance.path, "changed since the corpus was read; run the command again to read it anew")
    if settings.sample_rate_hz != DIGEST_RATE_HZ:
        samples = read_audio(utterance.path, settings.sample_rate_hz, utterance.start_s, utterance.end_s)
    frames: NDArray[np.float32] = log_mel(torch.from_numpy(samples), settings).numpy()
    return frames


@contextmanager
def _os_errors_as_store_errors(folder: Path, needed: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            existing = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
            free = shutil.disk_usage(existing).free
            raise FeatureStoreError(_disk_full_message(folder, needed, free, f" ({error.strerror})")) from error
        failed = error.filename or folder
        raise FeatureStoreError(f"{failed}: the feature store cannot be written: {error.strerror}") from error


def _disk_full_message(folder: Path, needed: int, free: int, cause: str = "") -> str:
    return f"{folder}: no room for the feature store{cause}: {needed} bytes needed, {free} bytes free"
