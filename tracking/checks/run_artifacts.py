"""Comparison of a run's artifacts with what a recorder has written.

The file of a trained fold is compared with the stored result itself. Of the others a tag of the run holds the digests,
since later versions of this program may draw or write them otherwise.
"""

import filecmp
import hashlib
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from ser.errors import SerError, StorageError
from ser.files import parse_json_object
from ser.training.checkpoint import add_digests
from tracking import schema
from tracking.backend.artifacts import open_artifact
from tracking.backend.errors import http_code, translate_error

_TRIAL_FILES: tuple[str, ...] = (schema.CONFUSION_NUMBERS, schema.CONFUSION_PICTURE)
_FOLD_FILES = (*_TRIAL_FILES, schema.PREDICTIONS)
_SHOWN_DIGITS = 12
_STORE = "the store of artifacts"


def differing_artifacts(client: MlflowClient, run: Run, stored: Path | None = None) -> list[str]:
    """Describe the artifacts of a finished run that are lost, or are not what was written.

    Args:
        client: The tracking store.
        run: The run of a fold or of a trial. Of one without digests, as earlier versions wrote it, the files that are
            made of its result must only be there.
        stored: File of the stored result of a fold's run.

    Returns:
        A clause for each of them, such as 'predictions.csv is missing'.

    Raises:
        StorageError: The store of the artifacts cannot be used; `UnavailableError` where it may be later.
    """
    digests, names = _digests_of(run), _TRIAL_FILES
    clauses = []
    if stored is not None:
        names = _FOLD_FILES
        clauses.append(_compare(client, run, schema.TRAINED_FOLD, partial(_compare_with_file, stored=stored)))
    for name in names:
        clauses.append(_compare(client, run, name, partial(_compare_with_digest, digest=digests.get(name))))
    return [clause for clause in clauses if clause]


def _digests_of(run: Run) -> dict[str, str]:
    try:
        digests = parse_json_object(run.data.tags.get(schema.ARTIFACT_DIGESTS, "{}").encode())
    except ValueError:
        # Somebody has changed the tag: no file is what it says, and both are written again.
        return dict.fromkeys(_FOLD_FILES, "unreadable")
    return {name: str(digest) for name, digest in digests.items()}


def _compare(client: MlflowClient, run: Run, name: str, compare: Callable[[Path], str]) -> str:
    """Describe an artifact if it cannot be read, or as a function of its local path does; empty where it is sound."""
    path: Path | None = None
    try:
        with open_artifact(client, run, name) as path:
            reason = compare(path)
    except (MlflowException, OSError) as error:
        reason = _describe_unreadable(path, error)
    except Exception as error:
        raise (translate_error(error, _STORE) or error) from error
    return f"{name} {reason}" if reason else ""


def _describe_unreadable(path: Path | None, error: MlflowException | OSError) -> str:
    """Describe an artifact that cannot be read.

    Args:
        path: Its local path; None where it was not downloaded.
        error: The error of reading it.

    Raises:
        StorageError: The error is of something else, such as of the disk or of the stored result: the artifact may be
            what was written.
    """
    if isinstance(error, OSError) and path is not None and str(error.filename) == str(path):
        if isinstance(error, FileNotFoundError):
            return "is missing"
        if isinstance(error, PermissionError | IsADirectoryError):
            return f"cannot be read ({error.strerror})"
    if http_code(error) == HTTPStatus.NOT_FOUND:
        return "is missing"
    reason = str(error).partition("\n")[0]
    raise translate_error(error, _STORE) or StorageError(f"artifacts cannot be compared ({reason})") from error


def _compare_with_file(path: Path, stored: Path) -> str:
    # Most often it is a hard link, and nothing needs to be read.
    if path.samefile(stored) or filecmp.cmp(path, stored, shallow=False) or _is_of_earlier_version(path, stored):
        return ""
    shown_bytes, stored_bytes = path.stat().st_size, stored.stat().st_size
    return f"differs from the stored result ({shown_bytes} bytes in MLflow and {stored_bytes} on disk)"


def _is_of_earlier_version(path: Path, stored: Path) -> bool:
    """Return whether a file is the stored result but for the digests in it, which earlier versions did not write."""
    try:
        return add_digests(path.read_bytes()) == stored.read_bytes()
    except SerError:
        return False


def _compare_with_digest(path: Path, digest: str | None) -> str:
    content = path.read_bytes()
    if not content:
        return "is empty"
    shown = hashlib.sha256(content).hexdigest()
    if digest is None or shown == digest:
        return ""
    shown, written = shown[:_SHOWN_DIGITS], digest[:_SHOWN_DIGITS]
    return f"is not what was written (SHA-256 {shown} in MLflow and {written} when it was written)"
