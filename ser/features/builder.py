"""Build the stores of a corpus's frames: once, beside their final paths, and moved there whole."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser.config import digest_of
from ser.corpora.audio import DIGEST_RATE_HZ, digest_samples, read_audio
from ser.corpora.corpus import Corpus, Utterance
from ser.errors import AudioError, FeatureStoreError
from ser.feature_settings import FeatureSettings
from ser.features.frontends import open_front_ends
from ser.features.frontends.base import FrontEnd, FrontEndChoice
from ser.features.memory import return_free_memory
from ser.features.store import STORE_VERSION, check_store
from ser.features.store_writer import StoreWriter
from ser.files import NO_SPACE, file_lock

_AT_ONCE = 16
"""Utterances per core that are in memory at once; so many are lost by a kill at most."""

BuildCallback = Callable[[int, int], None]
"""Called with the utterances done and all utterances."""

Announcement = Callable[[str], None]
"""Called with one line for the user."""

LONG_BUILD_S = 60
"""Time left, in seconds, above which a build says beforehand what it will take."""


def build_store_if_missing(
    corpus: Corpus,
    settings: FeatureSettings,
    folder: Path,
    progress: BuildCallback | None = None,
) -> Path:
    """Build the store of a front end that needs neither weights nor files; see `build_stores`."""
    return build_stores(corpus, [FrontEndChoice(settings=settings)], folder, progress)[0]


def build_stores(
    corpus: Corpus,
    choices: Sequence[FrontEndChoice],
    folder: Path,
    progress: BuildCallback | None = None,
    announce: Announcement | None = None,
) -> list[Path]:
    """Build the stores of a corpus below `folder`, those that are not there.

    Layers of one encoder are computed in one pass over the audio. Processes that ask for the same
    store at once wait for the first of them. A store that is cut short, by a full disk or a kill,
    leaves nothing at the final path, and the next build goes on with its whole utterances. The values of a store
    that is there are compared with the digest that it was built with.

    Args:
        corpus: The corpus; its audio is read again, one utterance at a time.
        choices: Front ends, each once.
        folder: Where stores lie; made where it is missing.
        progress: Called with the utterances done and all utterances, of all passes together.
        announce: Called once for each pass that takes longer than `LONG_BUILD_S`, after its first utterances, with the
            time and the room on disk that it will take; and where another process builds a store that is asked for.

    Returns:
        The store's folder of each choice, `folder / key`.

    Raises:
        FeatureStoreError: There is no room, the folder cannot be written, or a store that is there
            is damaged.
        AudioError: An audio file is gone or has changed since the corpus was read.
    """
    paths = [folder / store_key(corpus.digest, choice.settings) for choice in choices]
    passes: list[_Pass] = []
    with ExitStack() as locks:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _lock_stores(paths, locks, announce)
            missing = [choice for choice, path in zip(choices, paths, strict=True) if not path.exists()]
            for path in paths:
                if path.exists():
                    check_store(path)
            passes = [_Pass.plan(corpus, front_end, folder) for front_end in open_front_ends(missing)]
            _check_space(folder, _missing_bytes(passes))
            done = 0
            for single_pass in passes:
                _build(single_pass, _shifted(progress, done, len(passes)), announce)
                done += len(corpus.utterances)
        except OSError as error:
            raise _store_error(error, folder, passes) from error
    return paths


def _lock_stores(paths: Sequence[Path], locks: ExitStack, announce: Announcement | None) -> None:
    """Lock stores, all processes in the same order, so that none waits in a circle."""
    for path in sorted(paths):
        lock = path.with_name(f".{path.name}.lock")
        try:
            locks.enter_context(file_lock(lock, blocking=False))
        except BlockingIOError:
            if announce is not None:
                announce(f"{path}: another process builds or checks this feature store; waiting for its end")
            locks.enter_context(file_lock(lock))


def store_key(corpus_digest: str, settings: FeatureSettings) -> str:
    """Name of the store's folder: a digest of the corpus digest, the settings, and the versions of format and frames.

    The first version of a front end's frames is left out, so that stores from before there were others are found.
    """
    content = {"corpus": corpus_digest, "settings": settings.digest_content(), "version": STORE_VERSION}
    if settings.frames_version > 1:
        content["frames_version"] = settings.frames_version
    return digest_of(content)


def needed_bytes(corpus: Corpus, front_end: FrontEnd, settings: FeatureSettings) -> int:
    """Size of one store of a front end on disk, from the durations of the corpus's utterances."""
    samples = (round(duration * settings.sample_rate_hz) for duration in corpus.durations_s)
    frames = sum(front_end.frame_count(count) for count in samples)
    return frames * settings.width * np.dtype(settings.stored_type).itemsize + len(corpus.utterances) * 8 + 4096


@dataclass(frozen=True)
class _Pass:
    """One pass of a front end over the audio.

    Attributes:
        corpus: The corpus.
        front_end: The front end.
        writers: Writer of the store of each of its settings.
        needed_bytes: Size of all of its stores.
    """

    corpus: Corpus
    front_end: FrontEnd
    writers: tuple[StoreWriter, ...]
    needed_bytes: int

    @classmethod
    def plan(cls, corpus: Corpus, front_end: FrontEnd, folder: Path) -> "_Pass":
        writers = [
            StoreWriter(folder / store_key(corpus.digest, settings), corpus, settings)
            for settings in front_end.settings
        ]
        needed = sum(needed_bytes(corpus, front_end, settings) for settings in front_end.settings)
        return cls(corpus, front_end, tuple(writers), needed)

    @property
    def missing_bytes(self) -> int:
        """Part of `needed_bytes` that is not written yet."""
        return self.needed_bytes - sum(writer.whole_bytes() for writer in self.writers)

    def estimate(self, first: int, done: int, seconds: float) -> str | None:
        """Say what the rest takes, in time and room on disk.

        Args:
            first: Utterances that were computed before.
            done: Utterances that are computed now.
            seconds: Time that the utterances between took, in seconds.

        Returns:
            One line, or None where the rest takes no longer than `LONG_BUILD_S`.
        """
        durations_s, settings = self.corpus.durations_s, self.front_end.settings
        left_s = seconds * sum(durations_s[done:]) / sum(durations_s[first:done])
        if left_s <= LONG_BUILD_S:
            return None
        name = settings[0].label if len(settings) == 1 else f"{len(settings)} layers of {settings[0].source_label}"
        minutes = round(left_s / 60)
        time_left = f"{minutes} minute{'s' * (minutes != 1)}" if minutes < 90 else f"{left_s / 3600:.1f} hours"
        return (
            f"computing features: about {time_left} more for {name} on {sum(durations_s) / 3600:.1f} hours of speech, "
            f"and {self.needed_bytes / 2**20:,.0f} MiB on disk when it is done"
        )


def _build(single_pass: _Pass, progress: BuildCallback | None, announce: Announcement | None) -> None:
    """Write the stores of one pass beside their final paths and move them there; the caller holds their locks."""
    corpus, writers = single_pass.corpus, single_pass.writers
    first = min(whole := [writer.resume() for writer in writers])
    try:
        for writer, utterances in zip(writers, whole, strict=True):
            writer.begin(utterances)
        single_pass.front_end.load()
        started_s, block = time.perf_counter(), list[tuple[NDArray[np.floating], ...]]()
        for index, frames in enumerate(compute_frames(corpus, single_pass.front_end, first), first + 1):
            if not block:
                first_s = time.perf_counter()
            block.append(frames)
            if progress is not None:
                progress(index, len(corpus.utterances))
            if len(block) == _block_size() or index == len(corpus.utterances):
                seconds = time.perf_counter() - started_s
                single_pass.front_end.check_unchanged()
                for writer, frames_of_layer in zip(writers, zip(*block, strict=True), strict=True):
                    writer.write(index - len(block), frames_of_layer, seconds)
                if announce is not None and first + 1 < index == first + len(block):
                    # The first utterance has waited for imports and compilers, too.
                    estimate = single_pass.estimate(first + 1, index, time.perf_counter() - first_s)
                    if estimate is not None:
                        announce(estimate)
                started_s, block = time.perf_counter(), []
                return_free_memory()
        for writer in writers:
            writer.finish()
    except Exception:
        for writer in writers:
            # What is whole stays, on a full disk too: the next build goes on from it.
            if writer.resume() == 0:
                writer.discard()
        raise


def compute_frames(corpus: Corpus, front_end: FrontEnd, first: int = 0) -> Iterator[tuple[NDArray[np.floating], ...]]:
    """Frames of utterances in the corpus's order, computed by one thread per core, each `(frame, width)`.

    Decoding and transforming let go of Python's lock, so threads suffice, and the values do not
    depend on their number: an utterance is computed by one of them, alone.

    Args:
        corpus: The corpus.
        front_end: The front end, loaded.
        first: Position of the first utterance.

    Raises:
        AudioError: An audio file is gone or has changed since the corpus was read.
    """
    # Only here: most starts of a study find their stores, and would wait a second for the import.
    import torch

    torch_threads = torch.get_num_threads()
    step = _block_size()
    try:
        with ThreadPoolExecutor(_cores(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for start in range(first, len(corpus.utterances), step):
                part = slice(start, start + step)
                yield from pool.map(_frames_of, corpus.utterances[part], corpus.samples_sha256[part], repeat(front_end))
    finally:
        torch.set_num_threads(torch_threads)


def _cores() -> int:
    return os.cpu_count() or 1


def _block_size() -> int:
    """Utterances that are computed, and then written, together."""
    return _AT_ONCE * _cores()


def _frames_of(utterance: Utterance, samples_sha256: str, front_end: FrontEnd) -> tuple[NDArray[np.floating], ...]:
    """Read one utterance, compare its samples with those of the corpus, and compute its frames."""
    samples = read_audio(utterance.path, DIGEST_RATE_HZ, utterance.start_s, utterance.end_s)
    if digest_samples(samples) != samples_sha256:
        raise AudioError(utterance.path, "changed since the corpus was read; run the command again to read it anew")
    if front_end.sample_rate_hz != DIGEST_RATE_HZ:
        samples = read_audio(utterance.path, front_end.sample_rate_hz, utterance.start_s, utterance.end_s)
    return front_end.compute_within_memory(utterance, samples)


def _shifted(progress: BuildCallback | None, done: int, passes: int) -> BuildCallback | None:
    """Return a callback of one pass that counts the utterances of all passes."""
    if progress is None:
        return None
    return lambda utterances, total: progress(done + utterances, passes * total)


def _missing_bytes(passes: Sequence[_Pass]) -> int:
    return sum(single_pass.missing_bytes for single_pass in passes)


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise FeatureStoreError(_disk_full_message(folder, needed, free))


def _store_error(error: OSError, folder: Path, passes: Sequence[_Pass]) -> FeatureStoreError:
    if error.errno in NO_SPACE:
        existing = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
        free = shutil.disk_usage(existing).free
        # Computed only now: what has been written since the start needs no room any more.
        return FeatureStoreError(_disk_full_message(folder, _missing_bytes(passes), free, f" ({error.strerror})"))
    return FeatureStoreError(f"{error.filename or folder}: the feature store cannot be written: {error.strerror}")


def _disk_full_message(folder: Path, needed: int, free: int, cause: str = "") -> str:
    return (
        f"{folder}: no room for the feature store{cause}: {needed} bytes needed, {free} bytes free; free some and run "
        "the command again, which goes on with what is written"
    )
