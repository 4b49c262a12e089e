"""Translate low-level errors into StorageError and UnavailableError: full disks, databases, servers."""

import errno
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from ser.errors import SerError, StorageError, UnavailableError
from ser.files import NO_SPACE

_NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)
_SQLITE_FULL = "database or disk is full"
_POSTGRESQL_FULL = "53100"
_SQLITE_REJECTED = ("unable to open", "attempt to write", "disk I/O error")
_SQLITE_LOCKED = ("locked", "locking protocol")
_SQLITE_DAMAGED = ("malformed", "file is not a database", "file is encrypted")
# Classes of PostgreSQL's states: connection lost or refused, too many connections, server going down or coming up.
_POSTGRESQL_UNAVAILABLE = ("08", "53300", "57P0")
_TEMPORARY_FATAL = ("the database system is", "too many clients", "remaining connection slots")
# After USER: in a URI up to the last @ of the word, since a password may hold a slash or an @ that nobody has escaped.
_PASSWORD = re.compile(r"(://[^\s/:@]*:)\S*(?=@)|(\b(?:ssl)?password=)[^\s&]+", re.IGNORECASE)
_NO_ANSWER = (
    "requests.exceptions.ConnectionError",
    "requests.exceptions.Timeout",
    "requests.exceptions.RetryError",
    "requests.exceptions.ChunkedEncodingError",
    "requests.exceptions.ContentDecodingError",
    "requests.exceptions.JSONDecodeError",
)
# What MLflow 3.17 says of an answer that is not its own, such as a proxy's or a login page.
_HTTP_CODE_IN_TEXT = re.compile(r"API request to endpoint \S+ failed with error code (\d{3}) ")
_NO_JSON = "API request to endpoint was successful but the response body was not"
_NOT_MLFLOW = "the answer is not MLflow's, but perhaps a proxy's or a login page"
_NO_ACCESS = (401, 403)
_NOT_FOUND = 404
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
# Of a store of artifacts on S3, which clients reach themselves where the server does not pass artifacts on.
_S3_ERRORS = ("botocore.exceptions.BotoCoreError", "boto3.exceptions.Boto3Error")
_S3_NO_ANSWER = (
    "botocore.exceptions.ConnectionError",
    "botocore.exceptions.HTTPClientError",
    "botocore.exceptions.IncompleteReadError",
    "boto3.exceptions.RetriesExceededError",
    "s3transfer.exceptions.RetriesExceededError",
)
_S3_ANSWER = "botocore.exceptions.ClientError"
_S3_LATER = ("RequestTimeout", "SlowDown", "Throttling")
_S3_NO_BUCKET = "NoSuchBucket"
_ARTIFACT_STORE = "the store of artifacts"
_ARTIFACT_CLIENTS = ("azure", "boto3", "botocore", "google", "paramiko", "pysftp")
"""Packages that MLflow imports only where artifacts are on the store that each of them is for."""


def translate_error(error: BaseException, resource: str = "") -> SerError | None:
    """Translate an error of a disk, a database or a server into one of ours.

    Args:
        error: The error as it was raised, with its causes.
        resource: Name of the database or server in use, for the message.

    Returns:
        The error to raise instead: the `SerError` among its causes if there is one, `UnavailableError` where
        trying again later helps, `StorageError` where somebody has to act first; None for any other
        error, such as a bug.
    """
    chain = _causes(error)
    for cause in chain:
        if isinstance(cause, SerError):
            return cause
    for cause in chain:
        if reason := _disk_full_reason(cause):
            prefix = f"{resource}: " if resource else ""
            return StorageError(f"{prefix}disk full ({reason}); free some space and run the same command again")
    # The innermost first: it says whether the store did not answer or has refused.
    for cause in reversed(chain):
        if store_error := _artifact_store_error(cause):
            return store_error
    for cause in chain:
        if reason := _unavailable_reason(cause):
            return UnavailableError(f"{resource or 'database or server'} unavailable ({reason})")
    for cause in chain:
        if reason := _rejected_reason(cause):
            return StorageError(f"{resource or 'database'} cannot be used ({reason})")
        if isinstance(cause, OSError) and cause.errno in _NO_PERMISSION and cause.filename:
            return StorageError(f"{cause.filename} cannot be used ({cause.strerror})")
    return None


@contextmanager
def translating_errors(resource: str = "") -> Iterator[None]:
    """Translate errors that leave the block, as `translate_error` does; raise other errors as they are.

    Args:
        resource: Name of the database or server in use, for the message.
    """
    try:
        yield
    except Exception as error:
        translated = translate_error(error, resource)
        if translated is None or translated is error:
            raise
        raise translated from error


def http_code(error: BaseException) -> int:
    """Return the HTTP code of an error of MLflow, requests or boto3; 500 where it has none."""
    if hasattr(error, "get_http_status_code"):
        return int(error.get_http_status_code())
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", _SERVER_ERROR))
    return _SERVER_ERROR if response is None else int(response.status_code)


def redact_password(text: str) -> str:
    """Replace the passwords of all URIs in a text by `***`, also those that a `password` parameter gives.

    Args:
        text: A URI, or any text, such as an error's.

    Examples:
        >>> redact_password("postgresql://me:secret@host/studies is unavailable")
        'postgresql://me:***@host/studies is unavailable'
    """
    return _PASSWORD.sub(r"\1\2***", text)


def _causes(error: BaseException) -> list[BaseException]:
    """List an error and its causes, outermost first."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return chain


def _disk_full_reason(error: BaseException) -> str | None:
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return _first_line(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    if isinstance(error, sqlite3.OperationalError) and str(error).startswith(_SQLITE_FULL):
        return _first_line(error)
    return _first_line(error) if getattr(error, "sqlstate", None) == _POSTGRESQL_FULL else None


def _unavailable_reason(error: BaseException) -> str | None:
    if isinstance(error, sqlite3.OperationalError) and any(text in str(error) for text in _SQLITE_LOCKED):
        return f"{_first_line(error)}: another program uses it, or its file system has no file locks"
    if _qualified_name(error).startswith("psycopg"):
        state = getattr(error, "sqlstate", None)
        lost = state is None and _is_instance_by_name(error, "psycopg.OperationalError", "psycopg.InterfaceError")
        # While a connection is made, a rejected password or an unknown database comes without a state, too.
        permanent = "FATAL" in str(error) and not any(text in str(error) for text in _TEMPORARY_FATAL)
        return (
            _first_line(error)
            if (lost and not permanent) or (state or "").startswith(_POSTGRESQL_UNAVAILABLE)
            else None
        )
    if _is_instance_by_name(error, *_NO_ANSWER):
        # The text of such an error has the whole address, which may hold a password.
        url = getattr(getattr(error, "request", None), "url", None)
        server = f"{redact_password(url).partition('/api/')[0]}: " if url else ""
        return f"{server}{type(error).__name__}"
    if _is_instance_by_name(error, "mlflow.exceptions.RestException", "requests.exceptions.HTTPError"):
        return _describe_http_code(http_code(error), _first_line(error))
    if _is_instance_by_name(error, "mlflow.exceptions.MlflowException"):
        if code := _HTTP_CODE_IN_TEXT.match(str(error)):
            return _describe_http_code(int(code.group(1)), f"HTTP status {code.group(1)}")
        return _NOT_MLFLOW if str(error).startswith(_NO_JSON) else None
    return None


def _artifact_store_error(error: BaseException) -> StorageError | None:
    """Translate an error of a store of artifacts that is reached without the server; None where a file is missing."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in _ARTIFACT_CLIENTS:
        return StorageError(f"{_ARTIFACT_STORE} cannot be used ({error}); install what it needs")
    if _is_instance_by_name(error, _S3_ANSWER):
        code, name = http_code(error), str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
        if code == _NOT_FOUND and name != _S3_NO_BUCKET:
            return None
        is_temporary = code >= _SERVER_ERROR or code == _TOO_MANY_REQUESTS or name.startswith(_S3_LATER)
    elif _is_instance_by_name(error, *_S3_NO_ANSWER):
        is_temporary = True
    elif _is_instance_by_name(error, *_S3_ERRORS):
        is_temporary = False
    else:
        return None
    reason = redact_password(_first_line(error))
    if is_temporary:
        return UnavailableError(f"{_ARTIFACT_STORE} unavailable ({reason})")
    return StorageError(f"{_ARTIFACT_STORE} cannot be used ({reason})")


def _describe_http_code(code: int, text: str) -> str | None:
    """Describe an answer after which trying again later helps; None for any other one, such as an unknown run."""
    if code in _NO_ACCESS:
        return f"{text}; access denied: give user and password as http://USER:PASSWORD@HOST"
    return text if code >= _SERVER_ERROR or code == _TOO_MANY_REQUESTS else None


def _rejected_reason(error: BaseException) -> str | None:
    """Reason that a database rejects every attempt, such as a wrong password or a file that cannot be written."""
    if isinstance(error, sqlite3.OperationalError) and str(error).startswith(_SQLITE_REJECTED):
        return _first_line(error)
    if isinstance(error, sqlite3.DatabaseError) and any(text in str(error) for text in _SQLITE_DAMAGED):
        return (
            f"{_first_line(error)}: the file is damaged; move it away with its -wal and -shm files, and run the same "
            "command again: it writes anew what the results on disk hold"
        )
    if _qualified_name(error).startswith("psycopg") and _is_instance_by_name(error, "psycopg.OperationalError"):
        return _first_line(error)
    return None


def _is_instance_by_name(error: BaseException, *names: str) -> bool:
    """Check an error's class by its name, without importing it: its package may not be installed."""
    classes = {f"{class_.__module__}.{class_.__qualname__}" for class_ in type(error).__mro__}
    return any(name in classes for name in names)


def _qualified_name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _first_line(text: object) -> str:
    """Cut an error's text to its first line, at most 300 characters."""
    lines = str(text).strip().splitlines()
    return lines[0][:300] if lines else type(text).__name__
