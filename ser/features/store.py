"""A memory-mapped store of the raw frames of a whole corpus, of one front end.

A store is a folder named by its key: `metadata.json`, `lengths.npy` (frames of each utterance, in
the corpus's content order) and `frames.f32` or `frames.f16` (all frames one after the other,
little-endian float32 or float16, `width` numbers a frame). `ser.features.builder` writes it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError, model_validator

from ser.config import digest_of
from ser.corpora.corpus import Corpus
from ser.errors import FeatureStoreError
from ser.feature_settings import FeatureSettings, LogMelSettings, StoredType
from ser.files import block_digests, parse_json_object
from ser.frozen_model import FrozenModel

STORE_VERSION = 2
"""Part of a store's key; raised whenever the format or the values change."""

METADATA, LENGTHS = "metadata.json", "lengths.npy"
"""Names of a store's files, beside `frames_file`."""


class StoreMetadata(FrozenModel):
    """Description of a store, stored beside its frames.

    Attributes:
        version: Its `STORE_VERSION`.
        corpus: Name of the corpus.
        corpus_digest: Digest of the corpus.
        settings: Settings of the front end.
        width: Numbers in a frame.
        frame_shift_s: Distance between the starts of two frames, in seconds.
        number_type: Type of the numbers.
        utterances: Number of utterances.
        frames: Number of frames of all utterances together.
        content_digest: Digest of lengths and frames; see `digest_content`.
        build_s: Time that its frames took, in seconds; for several layers of one pass, of all of them.
    """

    version: int
    corpus: str
    corpus_digest: str
    settings: FeatureSettings
    width: int
    frame_shift_s: float
    number_type: StoredType
    utterances: int
    frames: int
    content_digest: str
    build_s: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _describe_log_mels(cls, values: Any) -> Any:
        """Add what metadata did not say when all stores were of log-mels."""
        if not isinstance(values, dict) or "width" in values or not isinstance(values.get("settings"), dict):
            return values
        settings = LogMelSettings.model_validate(values["settings"])
        added = {"width": settings.width, "frame_shift_s": settings.frame_shift_s, "number_type": settings.stored_type}
        return values | added

    @classmethod
    def describe(
        cls, folder: Path, corpus: Corpus, settings: FeatureSettings, lengths: NDArray[np.int64], build_s: float | None
    ) -> "StoreMetadata":
        """Describe a store in the present format.

        Args:
            folder: Folder of its frames.
            corpus: The corpus.
            settings: Settings of the front end.
            lengths: Frames of each utterance, shape `(utterance,)`.
            build_s: Time that its frames took, in seconds, where it is known.
        """
        return cls(
            version=STORE_VERSION,
            corpus=corpus.name,
            corpus_digest=corpus.digest,
            settings=settings,
            width=settings.width,
            frame_shift_s=settings.frame_shift_s,
            number_type=settings.stored_type,
            utterances=len(lengths),
            frames=int(lengths.sum()),
            content_digest=digest_content(folder / frames_file(settings), lengths),
            build_s=build_s,
        )


class FrameSource(Protocol):
    """Raw frames of utterances, wherever they are."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Frames of each utterance, shape `(utterance,)`."""

    @property
    def width(self) -> int:
        """Numbers in a frame."""

    def frames(self, index: int) -> NDArray[np.floating]:
        """Frames of one utterance, shape `(frame, width)`."""


@dataclass(frozen=True)
class FeatureStore:
    """Raw frames of a corpus, mapped from disk; made by `FeatureStore.open`.

    Attributes:
        path: The store's folder.
        corpus_digest: Digest of the corpus.
        settings: Settings of the front end.
        lengths: Frames of each utterance, shape `(utterance,)`.
    """

    path: Path
    corpus_digest: str
    settings: FeatureSettings
    lengths: NDArray[np.int64]
    _starts: NDArray[np.int64]
    _frames: NDArray[np.floating]

    @property
    def width(self) -> int:
        """Numbers in a frame."""
        return int(self._frames.shape[1])

    @classmethod
    def open(cls, path: Path) -> "FeatureStore":
        """Map a store; nothing but its metadata and lengths is read.

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
        metadata = read_metadata(path)
        lengths = _read_lengths(path / LENGTHS, metadata)
        frames_path = path / frames_file(metadata.settings)
        number_type = np.dtype(metadata.number_type).newbyteorder("<")
        _check_size(frames_path, metadata.frames * metadata.width * number_type.itemsize)
        frames = np.memmap(frames_path, dtype=number_type, mode="r", shape=(metadata.frames, metadata.width))
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        # The plain array on top of the map spares each slice the cost of a memmap object.
        return cls(path, metadata.corpus_digest, metadata.settings, lengths, starts, frames.view(np.ndarray))

    def frames(self, index: int) -> NDArray[np.floating]:
        """Frames of one utterance: a read-only view on the map, not a copy.

        Returns:
            Frames as the front end made them, shape `(frame, width)`, float32 or float16.
        """
        return self._frames[self._starts[index] : self._starts[index + 1]]


def check_store(path: Path) -> FeatureStore:
    """Open a store and compare all of its values with the digest that was taken when it was built.

    Raises:
        FeatureStoreError: A file is missing, cannot be read, or holds other values than were written.
    """
    store = FeatureStore.open(path)
    frames_path = path / frames_file(store.settings)
    expected, actual = read_metadata(path).content_digest, digest_content(frames_path, store.lengths)
    if actual != expected:
        raise _corrupt_store_error(frames_path, f"frames with digest {expected}", actual)
    return store


def frames_file(settings: FeatureSettings) -> str:
    """Name of the file of a store's frames."""
    return {"float32": "frames.f32", "float16": "frames.f16"}[settings.stored_type]


def digest_content(frames: Path, lengths: NDArray[np.int64]) -> str:
    """Digest the values of a store: its frames by blocks, one thread per core, and the lengths of its utterances."""
    return digest_of({"frames": block_digests(frames), "lengths": lengths.tolist()})


def read_metadata(folder: Path) -> StoreMetadata:
    """Read the metadata of the store in a folder.

    Raises:
        FeatureStoreError: There are none, or not of this format.
    """
    path = folder / METADATA
    try:
        metadata = StoreMetadata.model_validate(parse_json_object(path.read_bytes()))
    except FileNotFoundError:
        raise _corrupt_store_error(path, "a file", "none") from None
    except ValueError as error:
        found = "other values" if isinstance(error, ValidationError) else f"something else ({error})"
        raise _corrupt_store_error(path, "the metadata of a feature store", found) from None
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
