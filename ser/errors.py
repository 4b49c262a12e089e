"""Error family: everything a user can fix is a `SerError` with a one-line message."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class SerError(Exception):
    """Error that the user can act on; its text names the bad value and what was expected.

    Attributes:
        exit_code: What the command line ends with.
    """

    exit_code = 1


class ConfigurationError(SerError):
    """A setting has a value that the method does not know."""


class CorpusError(SerError):
    """A corpus cannot be read at all (a single bad utterance is skipped and listed instead)."""


class AnnotationError(CorpusError):
    """A label file does not have the form that its corpus documents.

    Args:
        path: The label file.
        line: The line, counted from 1, or None where the whole file is meant.
        expected: What should have stood there.
    """

    def __init__(self, path: Path, line: int | None, expected: str) -> None:
        location = str(path) if line is None else f"{path}, line {line}"
        super().__init__(f"{location}: expected {expected}")
        self.path = path
        self.line = line


class AudioError(CorpusError):
    """An audio file cannot be decoded, or holds what is not audio.

    Args:
        path: The audio file.
        reason: What is wrong with it.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class FeatureStoreError(SerError):
    """The feature store cannot be written or does not hold what its key promises."""


class UtteranceError(FeatureStoreError):
    """An utterance has no frames.

    Args:
        path: Its audio file, or the name of a recording in memory.
        utterance: Its id.
        reason: What is wrong with it.
    """

    def __init__(self, path: Path, utterance: str, reason: str) -> None:
        # A recording outside of a corpus has no name but its file's.
        super().__init__(f"{path}: {reason}" if utterance == str(path) else f"{path}: utterance {utterance} {reason}")
        self.reason = reason


class FoldError(SerError):
    """A fold scheme would break a guard: a shared speaker, an empty part, a class without training data."""


class TrainingError(SerError):
    """A fold cannot be trained on: its loss or its weights are not finite."""


class ModelError(SerError):
    """The folder of a model is missing, damaged, or of another version."""


class ComparisonError(SerError):
    """Two variants are not comparable; the text says in what they differ."""


class StudyError(SerError):
    """A study cannot be run or resumed as asked."""


class StorageError(SerError):
    """A database, the tracking server or a disk cannot be used as it is; nothing that was computed is lost."""


class UnavailableError(StorageError):
    """A database or the tracking server cannot be reached now; the same command goes on when it can.

    Its exit code is the one that `sysexits.h` calls EX_TEMPFAIL: try again later.
    """

    exit_code = 75


def unknown_value_message(what: str, value: object, known: Iterable[str]) -> str:
    """Say that a value is unknown, and which ones are known.

    Args:
        what: The setting's name, such as 'attention'.
        value: The value given.
        known: The valid names.

    Returns:
        One line, with the closest valid name where there is one.

    Examples:
        >>> unknown_value_message("attention", "quantun", ["none", "quantum"])
        "unknown attention 'quantun' (did you mean 'quantum'?); valid: none, quantum"
    """
    names = list(known)
    close = get_close_matches(str(value), names, n=1)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    return f"unknown {what} '{value}'{hint}; valid: {', '.join(names)}"
