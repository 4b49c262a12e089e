"""Records as JSON files, each with the digest of its content."""

import hashlib
import json
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from ser.errors import SerError
from ser.files import atomic_write, parse_json_object
from ser.frozen_model import FrozenModel

_RecordT = TypeVar("_RecordT", bound=FrozenModel)


def write_record(path: Path, kind: str, record: FrozenModel) -> None:
    """Save a record durably, in a folder that is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = record.model_dump_json()
    atomic_write(path, json.dumps({"sha256": _sha256(content), kind: content}), durable=True)


def read_record(path: Path, kind: str, model: type[_RecordT]) -> _RecordT:
    """Read a record.

    Args:
        path: The file.
        kind: Key of the content in the file, as it was written with.
        model: Class of the record.

    Raises:
        SerError: The file is damaged, or holds something else; the message names it.
    """
    try:
        stored = parse_json_object(path.read_bytes())
        if stored["sha256"] != _sha256(stored[kind]):
            raise SerError(f"{path}: its content is not what was written: the digest differs")
        return model.model_validate_json(stored[kind])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        article = "an" if kind[0] in "aeiou" else "a"
        raise SerError(f"{path}: expected {article} {kind}: {reason}") from None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
