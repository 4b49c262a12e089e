"""Text on terminals and pipes whose encoding lacks some of our characters."""

import codecs
import io
import sys

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


def substitute_missing_characters() -> None:
    """Let standard output and errors take any text: a character that their encoding lacks is written in ASCII.

    A study must not end in an error of its last table because a log file is in Latin-1.
    """
    codecs.register_error(_SUBSTITUTE_CHARACTERS, _substitute)
    for stream in (sys.stdout, sys.stderr):
        # Tests and notebooks put streams of other kinds there, which take any text.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_SUBSTITUTE_CHARACTERS)


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_SUBSTITUTES.get(character, "?") for character in missing), error.end
