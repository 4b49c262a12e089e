"""A memory-mapped store of the raw log-mels of a whole corpus.

A store is a folder named by its key: `metadata.json`, `lengths.npy` (frames of each utterance, in
the corpus's content order) and `frames.f32` (all frames one after the other, little-endian float32,
`mel` values a frame). `ser.features.builder` writes it.
"""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from ser.config import FeatureSettings, FrozenModel, digest_of
from ser.errors import FeatureStoreError

STORE_VERSION = 2
"""Part of a store's key; raised whenever the format or the values change."""

METADATA, LENGTHS, FRAMES = "metadata.json", "lengths.npy", "frames.f32"
"""Names of a store's files."""

FLOAT_BYTES = 4

_DIGEST_BLOCK_BYTES = 2**24


class StoreMetadata(FrozenModel):
    """Description of a store, stored beside its frames.

    Attributes:
        version: Its `STORE_VERSION`.
        corpus: Name of the corpus.
        corpus_digest: Digest of the corpus.
        settings: Settings of the log-mels.
        utterances: Number of utterances.
        frames: Number of frames of all utterances together.
        content_digest: Digest of lengths and frames; see `digest_content`.
    """

    version: int
    corpus: str
    corpus_digest: str
    settings: FeatureSettings
    utterances: int
    frames: int
    content_digest: str

    @classmethod
    def describe(
        cls, folder: Path, corpus: str, corpus_digest: str, settings: FeatureSettings, lengths: NDArray[np.int64]
    ) -> "StoreMetadata":
        """Describe a store in the present format, whose frames lie in `folder`, with the frames of each utterance."""
        return cls(
            version=STORE_VERSION,
            corpus=corpus,
            corpus_digest=corpus_digest,
            settings=settings,
            utterances=len(lengths),
            frames=int(lengths.sum()),
            content_digest=digest_content(folder / FRAMES, lengths),
        )


@dataclass(frozen=True)
class FeatureStore:
    """Raw log-mels of a corpus, mapped from disk; made by `FeatureStore.open`.

    Attributes:
        path: The store's folder.
        corpus_digest: Digest of the corpus.
        settings: Settings of the log-mels.
        lengths: Frames of each utterance, shape `(utterance,)`.
    """

    path: Path
    corpus_digest: str
    settings: FeatureSettings
    lengths: NDArray[np.int64]
    _starts: NDArray[np.int64]
    _frames: NDArray[np.float32]

    @classmethod
    def open(cls, path: Path) -> "FeatureStore":
        """Map a store; nothing but its metadata and lengths is read.

        Args:
            path: Folder that `build_store_if_missing` returned.

        Returns:
            The store.

        Raises:
            FeatureStoreError: A file is missing, cannot be read or is not what the metadata promise.
        """
        try:
            return cls._mapped(path)
        except OSError as error:
            failed = error.filename or path
            raise FeatureStoreError(f"{failed}: the feature store cannot be read: {error.strerror}") from error

    @classmethod
    def _mapped(cls, path: Path) -> "FeatureStore":
        metadata = _read_metadata(path / METADATA)
        lengths = _read_lengths(path / LENGTHS, metadata)
        mel = metadata.settings.mel_bands
        frames_path = path / FRAMES
        _check_size(frames_path, metadata.frames * mel * FLOAT_BYTES)
        frames = np.memmap(frames_path, dtype="<f4", mode="r", shape=(metadata.frames, mel))
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        # The plain array on top of the map spares each slice the cost of a memmap object.
        return cls(path, metadata.corpus_digest, metadata.settings, lengths, starts, frames.view(np.ndarray))

    def frames(self, index: int) -> NDArray[np.float32]:
        """Log-mels of one utterance: a read-only view on the map, not a copy.

        Args:
            index: Position of the utterance in the corpus.

        Returns:
            Natural logarithms of mel energies, shape `(frame, mel)`.
        """
        return self._frames[self._starts[index] : self._starts[index + 1]]


def check_store(path: Path) -> FeatureStore:
    """Open a store and compare all of its values with the digest that was taken when it was built.

    Raises:
        FeatureStoreError: A file is missing, cannot be read, or holds other values than were written.
    """
    store = FeatureStore.open(path)
    expected, actual = _read_metadata(path / METADATA).content_digest, digest_content(path / FRAMES, store.lengths)
    if actual != expected:
        raise _corrupt_store_error(path / FRAMES, f"frames with digest {expected}", actual)
    return store


def digest_content(frames: Path, lengths: NDArray[np.int64]) -> str:
    """Digest the values of a store: its frames by blocks, one thread per core, and the lengths of its utterances."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        blocks = list(pool.map(partial(_digest_block, frames), range(0, frames.stat().st_size, _DIGEST_BLOCK_BYTES)))
    return digest_of({"frames": blocks, "lengths": lengths.tolist()})


def _digest_block(path: Path, start: int) -> str:
    with path.open("rb") as file:
        file.seek(start)
        return hashlib.sha256(file.read(_DIGEST_BLOCK_BYTES)).hexdigest()


def _read_metadata(path: Path) -> StoreMetadata:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        metadata = StoreMetadata.model_validate(content)
    except FileNotFoundError:
        raise _corrupt_store_error(path, "a file", "none") from None
    except (json.JSONDecodeError, UnicodeDecodeError, ValidationError):
        raise _corrupt_store_error(path, "the metadata of a feature store", "something else") from None
    if metadata.version != STORE_VERSION:
        raise _corrupt_store_error(path, f"format version {STORE_VERSION}", str(metadata.version))
    return metadata


def _read_lengths(path: Path, metadata: StoreMetadata) -> NDArray[np.int64]:
    try:
        with path.open("rb") as file:
            lengths = np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError:
        raise _corrupt_store_error(path, "a file", "none") from None
    except ValueError:
        raise _corrupt_store_error(path, "an array of utterance lengths", "something else") from None
    expected = f"{metadata.utterances} lengths that sum to {metadata.frames}"
    if lengths.dtype != np.int64 or lengths.shape != (metadata.utterances,):
        raise _corrupt_store_error(path, expected, f"{lengths.dtype} of shape {lengths.shape}")
    if int(lengths.sum()) != metadata.frames or (metadata.utterances and lengths.min() < 1):
        raise _corrupt_store_error(path, expected, f"a sum of {int(lengths.sum())}")
    lengths.setflags(write=False)
    return np.asarray(lengths)


def _check_size(path: Path, expected: int) -> None:
    size = path.stat().st_size if path.exists() else None
    if size != expected:
        raise _corrupt_store_error(path, f"{expected} bytes", "none" if size is None else f"{size} bytes")


def _corrupt_store_error(path: Path, expected: str, found: str) -> FeatureStoreError:
    return FeatureStoreError(
        f"{path}: expected {expected}, found {found}; remove the folder {path.parent} and it is built anew"
    )
