"""Front end of frames that another program made: a folder of `ID.npy`, one per utterance."""

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ser.config import digest_of
from ser.corpora.corpus import Utterance
from ser.errors import ConfigurationError, FeatureStoreError
from ser.feature_settings import FilesSettings, StoredType
from ser.features.frontends.base import FrontEnd

_TYPES: dict[str, StoredType] = {"float16": "float16", "float32": "float32", "float64": "float32"}
"""Type that each type of a file is stored in."""

_DURATION_SLACK_S, _DURATION_SLACK = 0.5, 0.2
"""Frames may last so much longer or shorter than their utterance, in seconds and as a share of it."""


class FilesFrontEnd(FrontEnd):
    """Reader of a folder of `ID.npy`.

    Raises:
        ConfigurationError: Its files are not those of the settings.
    """

    def __init__(self, settings: Sequence[FilesSettings], folder: Path) -> None:
        super().__init__(settings)
        (self._files,) = settings
        self._folder = folder
        self._digests = {path: digest for path, digest, _ in _read_all(folder)}
        content = _content_digest(folder, self._digests)
        if content != self._files.content:
            raise ConfigurationError(f"{folder}: its files have changed: digest {content}, not {self._files.content}")

    @override
    def frame_count(self, samples: int) -> int:
        return round(samples / self._files.sample_rate_hz / self._files.frame_shift_s) + 1

    @override
    def compute(self, utterance: Utterance, samples: NDArray[np.float32]) -> tuple[NDArray[np.floating], ...]:
        path = frames_path(self._folder, utterance)
        if not path.is_file():
            raise FeatureStoreError(f"{path}: no such file; expected the frames of utterance {utterance.id}")
        digest, frames = _read(path)
        if digest != self._digests.get(path):
            raise FeatureStoreError(f"{path}: changed since its folder was read; run the command again")
        if frames.shape[1] != self._files.width:
            raise FeatureStoreError(
                f"{path}: expected {self._files.width} numbers a frame as in most files, found {frames.shape[1]}"
            )
        self._check_duration(path, len(frames), len(samples) / self._files.sample_rate_hz)
        if not np.isfinite(frames).all():
            raise FeatureStoreError(f"{path}: expected finite numbers, found NaN or infinity")
        return (frames,)

    def _check_duration(self, path: Path, frames: int, duration_s: float) -> None:
        frames_s = frames * self._files.frame_shift_s
        if abs(frames_s - duration_s) > _DURATION_SLACK_S + _DURATION_SLACK * duration_s:
            raise FeatureStoreError(
                f"{path}: {frames} frames of {self._files.frame_shift_s:g} s last {frames_s:.2f} s, its utterance "
                f"{duration_s:.2f} s; check the frame shift"
            )


def files_settings(folder: Path, frame_shift_s: float) -> FilesSettings:
    """Make the settings of a folder of frames, which cover the content of all its `.npy` files.

    Args:
        folder: The folder.
        frame_shift_s: Distance between the starts of two frames, in seconds.

    Raises:
        ConfigurationError: There is no such folder, or no frames in it.
        FeatureStoreError: A file is no array of frames.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"files:{folder}: no such folder")
    digests, types, widths = dict[Path, str](), set[StoredType](), Counter[int]()
    for path, digest, frames in _read_all(folder):
        digests[path] = digest
        types.add(_TYPES[frames.dtype.name])
        widths[frames.shape[1]] += 1
    if not digests:
        raise ConfigurationError(f"files:{folder}: expected ID.npy for every utterance, found no .npy file")
    return FilesSettings(
        name=folder.resolve().name,
        content=_content_digest(folder, digests),
        frame_shift_s=frame_shift_s,
        # The few that differ are named as wrong, also where the first is one of them.
        numbers=widths.most_common(1)[0][0],
        number_type="float16" if types == {"float16"} else "float32",
    )


def frames_path(folder: Path, utterance: Utterance) -> Path:
    """Return the path of an utterance's frames in a folder.

    Raises:
        FeatureStoreError: The utterance's id leads out of the folder.
    """
    path = folder / f"{utterance.id}.npy"
    if not path.resolve().is_relative_to(folder.resolve()):
        raise FeatureStoreError(f"{path}: utterance {utterance.id} names a file outside of {folder}")
    return path


def _content_digest(folder: Path, digests: Mapping[Path, str]) -> str:
    return digest_of({path.relative_to(folder).as_posix(): digest for path, digest in digests.items()})


def _read_all(folder: Path) -> Iterator[tuple[Path, str, NDArray[np.floating]]]:
    """Read all files of a folder, one at a time, sorted: path, digest and frames."""
    for path in sorted(folder.rglob("*.npy")):
        yield path, *_read(path)


def _read(path: Path) -> tuple[str, NDArray[np.floating]]:
    """Read a file: the digest of its content, and its frames, `(frame, number)`; nothing in it is executed.

    It is not mapped: a process may map no more files than it may open.

    Raises:
        FeatureStoreError: The file holds something else.
    """
    try:
        content = path.read_bytes()
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, BadZipFile) as error:
        is_pickle = any(word in str(error) for word in ("pickle", "Python objects"))
        reason = "it holds a pickle, which can run any code" if is_pickle else str(error)
        raise FeatureStoreError(f"{path}: expected an array of frames, but {reason.splitlines()[0]}") from None
    except OSError as error:
        raise FeatureStoreError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.name not in _TYPES or not array.size:
        found = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else "an archive"
        raise FeatureStoreError(f"{path}: expected floating-point numbers of shape (frame, number), found {found}")
    return hashlib.sha256(content).hexdigest(), array
