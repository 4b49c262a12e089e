"""Trained fold as one self-describing safetensors file: the weights, and the result as its metadata.

Two digests in the metadata tell a whole file from a damaged one: one of the result, checked whenever it is read, and
one of all that the file holds, checked before the weights are used. Results are read without torch, which a report
would otherwise import for nothing.
"""

import hashlib
import json
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pydantic import ValidationError

from ser.errors import SerError
from ser.files import parse_json_object
from ser.results import FoldResult

if TYPE_CHECKING:
    from ser.training.trainer import TrainedFold

_METADATA = "__metadata__"
_RESULT = "result"
_RESULT_DIGEST = "result_sha256"
_CONTENT_DIGEST = "content_sha256"
_BLOCK_BYTES = 1 << 20


class _DamagedFileError(ValueError):
    """A file is not what its digests say; the text gives the reason."""


@dataclass(frozen=True)
class StoredFold:
    """Trained fold as a file, with its result.

    Attributes:
        result: The result.
        path: The safetensors file.
    """

    result: FoldResult
    path: Path


@dataclass(frozen=True)
class _Header:
    """Header of a safetensors file (the format's specification: eight bytes give its length, then it is JSON).

    Attributes:
        tensors: Type, shape and place of each tensor.
        metadata: Text by name.
        length: Bytes before the tensors.
    """

    tensors: dict[str, Any]
    metadata: dict[str, str]
    length: int

    @classmethod
    def parse(cls, content: bytes) -> "_Header":
        """Parse the beginning of a file.

        Raises:
            ValueError: It is not the beginning of a safetensors file with metadata.
        """
        try:
            (length,) = struct.unpack("<Q", content[:8])
            header = parse_json_object(content[8 : 8 + length])
            metadata = header.pop(_METADATA)
            if not all(isinstance(text, str) for text in metadata.values()):
                raise _DamagedFileError("its metadata are no text")
            return cls(header, metadata, 8 + length)
        except (struct.error, KeyError, TypeError, AttributeError) as error:
            raise _DamagedFileError("there is no result in it") from error

    @property
    def size_bytes(self) -> int:
        """Size of the whole file."""
        return self.length + max((tensor["data_offsets"][1] for tensor in self.tensors.values()), default=0)

    def result(self) -> FoldResult:
        """Parse the result, once it is what its digest says; files of earlier versions have no digest."""
        if _RESULT not in self.metadata:
            raise _DamagedFileError("there is no result in it")
        if self.metadata.keys() not in ({_RESULT}, {_RESULT, _RESULT_DIGEST, _CONTENT_DIGEST}):
            raise _DamagedFileError("its digests are incomplete")
        text = self.metadata[_RESULT]
        if self.metadata.get(_RESULT_DIGEST, _sha256(text)) != _sha256(text):
            raise _DamagedFileError("its result is not the one that was written: its digest differs")
        return FoldResult.model_validate_json(text)

    def check_content(self, digest: str) -> None:
        """Compare a digest of the whole file with the one in it; files of earlier versions have none.

        Raises:
            ValueError: They differ.
        """
        if self.metadata.get(_CONTENT_DIGEST, digest) != digest:
            raise _DamagedFileError("its weights are not those that were written: their digest differs")

    def content_digest(self) -> "hashlib._Hash":
        """Begin the digest of all that the file holds, to which the tensors' bytes are added."""
        tensors = json.dumps(self.tensors, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(f"{self.metadata[_RESULT]}\0{tensors}\0".encode())


def serialize_fold(trained: "TrainedFold") -> bytes:
    """Write a trained fold as safetensors.

    Returns:
        The file's bytes; the result stands as JSON in the metadata under 'result'.
    """
    from safetensors.torch import save

    return add_digests(save(trained.weights, metadata={_RESULT: trained.result.model_dump_json()}))


def add_digests(content: bytes) -> bytes:
    """Put digests into a file that has none; weights and result stay as they are.

    Raises:
        SerError: The bytes are not a whole trained fold.
    """
    try:
        header = _Header.parse(content)
        header.result()
        if header.size_bytes != len(content):
            raise _DamagedFileError(f"it has {len(content)} bytes instead of {header.size_bytes}")
        tensors = memoryview(content)[header.length :]
        digest = header.content_digest()
        digest.update(tensors)
        header.check_content(digest.hexdigest())
    except (ValueError, KeyError, TypeError) as error:
        raise _not_a_fold(error) from None
    result = header.metadata[_RESULT]
    metadata = {_RESULT: result, _RESULT_DIGEST: _sha256(result), _CONTENT_DIGEST: digest.hexdigest()}
    text = json.dumps({_METADATA: metadata, **header.tensors}, separators=(",", ":"), ensure_ascii=False).encode()
    # Tensors begin at a multiple of eight bytes, as the format asks.
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + tensors


def read_fold(path: Path) -> "TrainedFold":
    """Read a trained fold from a file that `serialize_fold` made.

    Raises:
        SerError: The file cannot be read, or is not a whole trained fold; the text names it.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _not_a_fold(error, path) from None
    return deserialize_fold(content, path)


def deserialize_fold(content: bytes, path: Path | None = None) -> "TrainedFold":
    """Read what `serialize_fold` wrote.

    Args:
        content: The bytes.
        path: The file that they are from, to be named in errors.

    Raises:
        SerError: The bytes are not a whole trained fold, or a bit of them has changed.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    from ser.training.trainer import TrainedFold

    try:
        header = _Header.parse(content)
        digest = header.content_digest()
        digest.update(memoryview(content)[header.length :])
        header.check_content(digest.hexdigest())
        return TrainedFold(header.result(), load(content))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise _not_a_fold(error, path) from None


def parse_result(content: bytes) -> FoldResult:
    """Read the result alone from a file's bytes.

    Raises:
        SerError: The bytes do not begin as a trained fold does.
    """
    try:
        return _Header.parse(content).result()
    except (ValueError, KeyError, TypeError) as error:
        raise _not_a_fold(error) from None


def read_result(path: Path) -> FoldResult:
    """Read the result alone from a file, without its weights.

    Raises:
        SerError: The file is not a trained fold, is cut short, or its result is damaged; the text names it.
    """
    try:
        with path.open("rb") as file:
            return _read_header(file).result()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _not_a_fold(error, path) from None


def check_file(path: Path) -> FoldResult:
    """Read a whole file, and compare it with its digests.

    Raises:
        SerError: The file is not a whole trained fold, or a bit of it has changed; the text names it.
    """
    try:
        with path.open("rb") as file:
            header = _read_header(file)
            result, digest = header.result(), header.content_digest()
            file.seek(header.length)
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
        header.check_content(digest.hexdigest())
        return result
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _not_a_fold(error, path) from None


def _read_header(file: BinaryIO) -> _Header:
    """Read the header of an open file, which has the size that the header tells."""
    size_bytes = os.fstat(file.fileno()).st_size
    start = file.read(8)
    length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    if length > size_bytes:
        raise _DamagedFileError("it does not begin as a safetensors file")
    header = _Header.parse(start + file.read(length))
    if header.size_bytes != size_bytes:
        raise _DamagedFileError(f"it has {size_bytes} bytes instead of {header.size_bytes}")
    return header


def _not_a_fold(error: Exception, path: Path | None = None) -> SerError:
    """Build the error for bytes or a file that is no trained fold."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        reason = ": ".join(part for part in (".".join(map(str, first["loc"])), first["msg"]) if part)
    else:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    name = "" if path is None else f"{path}: "
    return SerError(f"{name}expected a trained fold (safetensors with a result): {reason}")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
