"""Trained fold as one self-describing safetensors file: the weights, and the result as its metadata.

Results are read without torch, which a report would otherwise import for nothing.
"""

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from ser.errors import SerError
from ser.results import FoldResult

if TYPE_CHECKING:
    from ser.training.trainer import TrainedFold

_RESULT = "result"


@dataclass(frozen=True)
class StoredFold:
    """Trained fold as it is stored, with its result parsed once.

    Attributes:
        result: The result.
        content: The bytes of the safetensors file.
    """

    result: FoldResult
    content: bytes

    @classmethod
    def parse(cls, content: bytes) -> "StoredFold":
        """Parse the result of a file.

        Args:
            content: The bytes of the file.

        Raises:
            SerError: The bytes do not begin as a trained fold does.
        """
        return cls(parse_result(content), content)


def serialize_fold(trained: "TrainedFold") -> bytes:
    """Write a trained fold as safetensors.

    Args:
        trained: Result and weights.

    Returns:
        The file's bytes; the result stands as JSON in the metadata under 'result'.
    """
    from safetensors.torch import save

    return save(trained.weights, metadata={_RESULT: trained.result.model_dump_json()})


def deserialize_fold(content: bytes) -> "TrainedFold":
    """Read what `to_bytes` wrote.

    Raises:
        SerError: The bytes are not a whole trained fold.
    """
    from safetensors.torch import load

    from ser.training.trainer import TrainedFold

    try:
        return TrainedFold(parse_result(content), load(content))
    except SafetensorError as error:
        raise SerError(f"expected a trained fold (safetensors with a result): {error}") from None


def parse_result(content: bytes) -> FoldResult:
    """Read the result alone from a file's bytes.

    Args:
        content: The bytes of the file.

    Returns:
        The result.

    Raises:
        SerError: The bytes do not begin as a trained fold does.
    """
    try:
        # Eight bytes give the length of the JSON header, which holds the metadata (the format's specification).
        (length,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + length])
        return FoldResult.model_validate_json(header["__metadata__"][_RESULT])
    except (struct.error, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SerError(f"expected a trained fold (safetensors with a result): {reason}") from None


def read_result(path: Path) -> FoldResult:
    """Read the result alone from a file, without its weights.

    Args:
        path: A file that holds `to_bytes`.

    Returns:
        The result.

    Raises:
        SerError: The file is not a trained fold; the text names it.
    """
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
        return FoldResult.model_validate_json(metadata[_RESULT])
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    except KeyError:
        reason = "there is no result in it"
    except (OSError, SafetensorError) as error:
        reason = str(error)
    raise SerError(f"{path}: expected a trained fold (safetensors with a result): {reason}")
