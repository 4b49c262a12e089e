"""Error texts: one line that names the place, the bad value and what was expected."""

import inspect
from pathlib import Path

import pytest

from ser import errors
from ser.errors import AnnotationError, AudioError, CorpusError, SerError, unknown_value_message


def test_every_error_belongs_to_the_family() -> None:
    family = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, Exception)]
    assert len(family) > 5
    for error in family:
        assert issubclass(error, SerError)
        assert error.__doc__


@pytest.mark.parametrize(
    ("line", "text"),
    [(12, "a/b.txt, line 12: expected a time"), (None, "a/b.txt: expected a time")],
)
def test_an_annotation_error_names_file_and_line(line: int | None, text: str) -> None:
    error = AnnotationError(Path("a/b.txt"), line, "a time")
    assert str(error) == text
    assert (error.path, error.line) == (Path("a/b.txt"), line)
    assert isinstance(error, CorpusError)


def test_an_audio_error_names_the_file() -> None:
    error = AudioError(Path("a/b.wav"), "is empty")
    assert (str(error), error.path, error.reason) == ("a/b.wav: is empty", Path("a/b.wav"), "is empty")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("quantun", "unknown attention 'quantun' (did you mean 'quantum'?); valid: none, quantum"),
        ("xyz", "unknown attention 'xyz'; valid: none, quantum"),
        (7, "unknown attention '7'; valid: none, quantum"),
    ],
)
def test_an_unknown_value_is_answered_with_the_valid_ones(value: object, text: str) -> None:
    assert unknown_value_message("attention", value, iter(["none", "quantum"])) == text
