"""Text on terminals and pipes: characters that an encoding lacks, characters that steer a terminal, and passwords."""

import codecs
import io
import re
import sys

from tracking.backend.errors import redact_password

_SUBSTITUTE_CHARACTERS = "ser_substitute"
_SUBSTITUTES = {
    "±": "+-",
    "−": "-",
    "–": "-",
    "—": "-",
    "·": "-",
    "…": "...",
    "×": "x",
    "Δ": "d",
    "≤": "<=",
    "≥": ">=",
    "━": "-",
}


# Controls but tab and line feed, and the marks that change the direction of text.
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""Write control characters and direction marks as escapes: names of files and speakers may hold any.

    Examples:
        >>> print(printable("red\x1b[31m"))
        red\x1b[31m
    """
    return _INVISIBLE.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def remove_controls(text: str) -> str:
    """Remove control characters and direction marks, which have no width, so that a layout stays as it is."""
    return _INVISIBLE.sub("", text)


def duration_text(seconds: float) -> str:
    """Write a duration in the unit that suits it.

    Examples:
        >>> [duration_text(seconds) for seconds in (12.3, 89, 5000, 9000)]
        ['12 s', '1 min', '83 min', '2.5 h']
    """
    minutes, hours = round(seconds / 60), seconds / 3600
    return f"{hours:.1f} h" if hours >= 2 else f"{minutes} min" if seconds >= 60 else f"{seconds:.0f} s"


def substitute_missing_characters() -> None:
    """Let standard output and errors take any text: a character that their encoding lacks is written in ASCII.

    A study must not end in an error of its last table because a log file is in Latin-1.
    """
    codecs.register_error(_SUBSTITUTE_CHARACTERS, _substitute)
    for stream in (sys.stdout, sys.stderr):
        # Tests and notebooks put streams of other kinds there, which take any text.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_SUBSTITUTE_CHARACTERS)


def redact_output() -> None:
    """Redact the passwords in all that this process writes to standard output and errors, tracebacks included."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not isinstance(stream.write, _RedactedWrite):
            stream.write = _RedactedWrite(stream)  # type: ignore[method-assign]


class _RedactedWrite:
    """Write function of a stream that redacts passwords."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._write = stream.write

    def __call__(self, text: str) -> int:
        return self._write(redact_password(text))


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_SUBSTITUTES.get(character, "?") for character in missing), error.end
