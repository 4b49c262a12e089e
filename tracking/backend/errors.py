"""What went wrong below us, told apart: a disk that is full, a database or server that is away, or neither."""

import errno
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from ser.errors import SerError, StorageError, UnavailableError

# What a full disk, a quota and a limit on file sizes are called.
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SQLITE_FULL = "database or disk is full"
_POSTGRESQL_FULL = "53100"
_SQLITE_REFUSES = ("unable to open", "attempt to write", "disk I/O error")
# Classes of PostgreSQL's states: connection lost or refused, too many connections, server going down or coming up.
_POSTGRESQL_AWAY = ("08", "53300", "57P0")
_FATAL_FOR_NOW = ("the database system is", "too many clients", "remaining connection slots")
# After USER: in a URI up to the last @ of the word, since a password may hold a slash or an @ that nobody has escaped.
_PASSWORD = re.compile(r"(://[^\s/:@]*:)\S*(?=@)|(\bpassword=)[^\s&]+", re.IGNORECASE)
_TOO_MANY_REQUESTS = 429
_SERVER_FAULT = 500


def translate_error(error: BaseException, where: str = "") -> SerError | None:
    """Says in our own words what an error of a disk, a database or a server means.

    Args:
        error: The error as it was raised, with what caused it.
        where: What was being used, in words.

    Returns:
        The error to raise instead: the one of our own that is among its causes, `UnavailableError` where
        trying again later helps, `StorageError` where somebody has to act first; None where it is
        none of these, such as a bug.
    """
    chain = _chain(error)
    for each in chain:
        if isinstance(each, SerError):
            return each
    prefix = f"{where}: " if where else ""
    for each in chain:
        if full := _disk_full_reason(each):
            return StorageError(
                f"{prefix}no room on the disk ({full}); free some space, then give the same command again"
            )
    for each in chain:
        if away := _unavailable_reason(each):
            return UnavailableError(f"{prefix}cannot be reached now ({away})")
    for each in chain:
        if refused := _rejected_reason(each):
            return StorageError(f"{prefix}cannot be used ({refused})")
    return None


@contextmanager
def translating_errors(where: str = "") -> Iterator[None]:
    """Raises what `explained` says of an error that leaves the block, and other errors as they are."""
    try:
        yield
    except Exception as error:
        known = translate_error(error, where)
        if known is None or known is error:
            raise
        raise known from error


def redact_password(text: str) -> str:
    """Replace the passwords of all URIs in a text by `***`, also those that a `password` parameter gives.

    Args:
        text: A URI, or any text, such as an error's.

    Examples:
        >>> redact_password("postgresql://me:secret@host/studies is unavailable")
        'postgresql://me:***@host/studies is unavailable'
    """
    return _PASSWORD.sub(r"\1\2***", text)


def _chain(error: BaseException) -> list[BaseException]:
    """An error and all that caused it, outermost first."""
    chain: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in chain:
        chain.append(each)
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return chain


def _disk_full_reason(error: BaseException) -> str | None:
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return _first_line(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    if isinstance(error, sqlite3.OperationalError) and str(error).startswith(_SQLITE_FULL):
        return _first_line(error)
    return _first_line(error) if getattr(error, "sqlstate", None) == _POSTGRESQL_FULL else None


def _unavailable_reason(error: BaseException) -> str | None:
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return _first_line(error)
    name = _qualified(error)
    if name.startswith("psycopg"):
        state = getattr(error, "sqlstate", None)
        lost = state is None and _is_instance_by_name(error, "psycopg.OperationalError", "psycopg.InterfaceError")
        # While a connection is made, a refused password or an unknown database comes without a state, too.
        for_ever = "FATAL" in str(error) and not any(text in str(error) for text in _FATAL_FOR_NOW)
        return _first_line(error) if (lost and not for_ever) or (state or "").startswith(_POSTGRESQL_AWAY) else None
    if _is_instance_by_name(error, "requests.exceptions.ConnectionError", "requests.exceptions.Timeout"):
        # The text of such an error names the whole address, which may hold a password.
        url = getattr(getattr(error, "request", None), "url", None)
        server = f"{redact_password(url).partition('/api/')[0]}: " if url else ""
        return f"{server}{type(error).__name__}"
    if _is_instance_by_name(error, "mlflow.exceptions.RestException", "requests.exceptions.HTTPError"):
        code = _http_code(error)
        return _first_line(error) if code >= _SERVER_FAULT or code == _TOO_MANY_REQUESTS else None
    return None


def _rejected_reason(error: BaseException) -> str | None:
    """Why a database cannot be used by whoever tries, such as a wrong password or a file that cannot be written."""
    if isinstance(error, sqlite3.OperationalError) and str(error).startswith(_SQLITE_REFUSES):
        return _first_line(error)
    if isinstance(error, sqlite3.DatabaseError) and "malformed" in str(error):
        return _first_line(error)
    if _qualified(error).startswith("psycopg") and _is_instance_by_name(error, "psycopg.OperationalError"):
        return _first_line(error)
    return None


def _http_code(error: BaseException) -> int:
    """The HTTP code of an error of MLflow or requests; 500 where it has none."""
    if hasattr(error, "get_http_status_code"):
        return int(error.get_http_status_code())
    response = getattr(error, "response", None)
    return _SERVER_FAULT if response is None else int(response.status_code)


def _is_instance_by_name(error: BaseException, *names: str) -> bool:
    """Whether an error is of a class of that name, without importing it: the class may be in no use at all."""
    own = {f"{each.__module__}.{each.__qualname__}" for each in type(error).__mro__}
    return any(name in own for name in names)


def _qualified(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _first_line(text: object) -> str:
    """One line of an error's text, short enough for one line of ours."""
    lines = str(text).strip().splitlines()
    return lines[0][:300] if lines else type(text).__name__
