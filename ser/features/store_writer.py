"""A store in the making, beside its final path: utterance by utterance, and resumed after a kill."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser.corpora.corpus import Corpus
from ser.errors import FeatureStoreError
from ser.feature_settings import FeatureSettings
from ser.features.store import LENGTHS, METADATA, StoreMetadata, frames_file
from ser.files import atomic_write, fsync, fsynced_file

_JOURNAL = "lengths.journal"
_SECONDS = "seconds"


class StoreWriter:
    """Writer of one store; whoever makes it holds the store's lock.

    Args:
        final: Folder that the store will have.
        corpus: The corpus.
        settings: Settings of its frames.
    """

    def __init__(self, final: Path, corpus: Corpus, settings: FeatureSettings) -> None:
        self._final = final
        self._partial = final.with_name(f".{final.name}.partial")
        self._corpus = corpus
        self._settings = settings
        self._type = np.dtype(settings.stored_type).newbyteorder("<")

    def resume(self) -> int:
        """Return how many utterances a build that was killed has left whole; what it wrote after them is ignored."""
        try:
            lengths = self._lengths()
            size = (self._partial / frames_file(self._settings)).stat().st_size
        except FileNotFoundError:
            return 0
        whole = int(np.searchsorted(np.cumsum(lengths) * self._bytes_per_frame, size, side="right"))
        return min(whole, len(self._corpus.utterances))

    def whole_bytes(self) -> int:
        """Return the size of the frames on the disk: of the finished store, or as far as `resume` finds them."""
        if self._final.exists():
            return (self._final / frames_file(self._settings)).stat().st_size
        whole = self.resume()
        return int(self._lengths()[:whole].sum()) * self._bytes_per_frame if whole else 0

    def begin(self, utterances: int) -> None:
        """Make the folder, and leave nothing in it but the first utterances.

        Args:
            utterances: Number of utterances that `resume` found whole, or fewer.
        """
        if utterances == 0:
            self.discard()
            self._partial.mkdir()
        frames = int(self._lengths()[:utterances].sum()) if utterances else 0
        for name, size in ((frames_file(self._settings), frames * self._bytes_per_frame), (_JOURNAL, utterances * 8)):
            with (self._partial / name).open("ab") as file:
                file.truncate(size)

    def write(self, first: int, utterances: Sequence[NDArray[np.floating]], seconds: float) -> None:
        """Append the frames of utterances that are not there yet; they are on the disk when the call returns.

        Args:
            first: Position of the first of the utterances in the corpus.
            utterances: Frames of each, shape `(frame, width)`.
            seconds: Time that they took.

        Raises:
            FeatureStoreError: A number is not finite, or beyond the range of the stored type.
        """
        written = len(self._lengths())
        missing = utterances[max(0, written - first) :]
        if not missing:
            return
        with np.errstate(over="ignore"):
            stored = [frames.astype(self._type, copy=False) for frames in missing]
        for position, (frames, computed) in enumerate(zip(stored, missing, strict=True), written):
            if not np.isfinite(frames).all():
                raise self._range_error(self._corpus.utterances[position].id, computed)
        lengths = np.asarray([len(frames) for frames in stored], dtype="<i8")
        # The frames first: a length in the journal promises that its frames are on the disk.
        contents = b"".join(frames.tobytes() for frames in stored), lengths.tobytes()
        for name, content in zip((frames_file(self._settings), _JOURNAL), contents, strict=True):
            with fsynced_file(self._partial / name, append=True) as file:
                file.write(content)
        atomic_write(self._partial / _SECONDS, str(self._seconds() + seconds), durable=True)

    def _range_error(self, utterance: str, frames: NDArray[np.floating]) -> FeatureStoreError:
        subject = f"{self._settings.label}, utterance {utterance}"
        if not np.isfinite(frames).all():
            return FeatureStoreError(f"{subject}: expected finite numbers, found NaN or infinity")
        return FeatureStoreError(
            f"{subject}: expected numbers of at most {np.finfo(self._type).max:.5g} in size, the range of "
            f"{self._settings.stored_type}, found {np.abs(frames).max():.5g}; choose another layer or front end"
        )

    def finish(self) -> None:
        """Complete the store and move it to its final path."""
        lengths = self._lengths()
        with fsynced_file(self._partial / LENGTHS) as file:
            np.save(file, lengths)
        metadata = StoreMetadata.describe(self._partial, self._corpus, self._settings, lengths, self._seconds())
        with fsynced_file(self._partial / METADATA) as file:
            file.write(metadata.model_dump_json(indent=2).encode())
        fsync(self._partial)
        self._partial.replace(self._final)
        # Last: until the store is at its final path, a build after a kill goes on from them.
        for name in (_JOURNAL, _SECONDS):
            (self._final / name).unlink(missing_ok=True)
        fsync(self._final)
        fsync(self._final.parent)

    def discard(self) -> None:
        """Remove what has been written."""
        shutil.rmtree(self._partial, ignore_errors=True)

    @property
    def _bytes_per_frame(self) -> int:
        return self._settings.width * self._type.itemsize

    def _lengths(self) -> NDArray[np.int64]:
        """Frames of each utterance that is whole, shape `(utterance,)`."""
        journal = (self._partial / _JOURNAL).read_bytes()
        return np.frombuffer(journal[: len(journal) // 8 * 8], dtype="<i8").astype(np.int64)

    def _seconds(self) -> float:
        path = self._partial / _SECONDS
        return float(path.read_text(encoding="utf-8") or 0) if path.exists() else 0.0
