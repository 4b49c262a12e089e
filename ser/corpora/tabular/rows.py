"""Rows of text from a manifest or a database table, and the utterances they describe."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from ser.corpora.corpus import UNKNOWN, Split, Utterance
from ser.corpora.names import clean_name
from ser.errors import CorpusError
from ser.frozen_model import FrozenModel

REQUIRED_COLUMNS = ("path", "speaker", "emotion")
OPTIONAL_COLUMNS = ("session", "words", "voiced_phonemes", "transcript", "language", "split", "id", "partner")

SPLIT_OF_NAME: Mapping[str, Split] = {
    "training": "training",
    "train": "training",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "development": "validation",
    "devel": "validation",
    "dev": "validation",
    "test": "test",
}
"""Subsets of a predefined split by their common names."""

_NUMBER = re.compile(r"([0-9]{1,9})(?:\.0*)?")
_LANGUAGE = re.compile(r"([A-Za-z]{2})(?:[-_][A-Za-z0-9]+)*")
# It becomes a part of file names, on any system.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_NAME_COLUMNS = ("speaker", "emotion", "partner")
_LINE_BREAKING = ("Cc", "Zl", "Zp")


class RowError(CorpusError):
    """Row can't be used; the text names the expected and the actual value."""


def _names(value: Any) -> Any:
    return tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value


def _distinct(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if names is not None and ("" in names or len(set(names)) < len(names)):
        raise ValueError("expected different names, separated by commas")
    return names


def _language_option(value: str | None) -> str | None:
    if value is None:
        return None
    code = language_code(value)
    if code is None:
        raise ValueError("expected an ISO 639-1 code, such as 'de'")
    return code


def _name_option(value: str | None) -> str | None:
    if value is not None and _NAME.fullmatch(value) is None:
        raise ValueError("expected up to 40 letters, digits, '-', '_' or '.', beginning with a letter or a digit")
    return value


Names = Annotated[tuple[str, ...] | None, BeforeValidator(_names), AfterValidator(_distinct)]
"""Different names, typed with commas between them."""


class RowOptions(FrozenModel):
    """Options of any corpus that is a table.

    Attributes:
        name: Name of the corpus in studies and reports, so that two tables are two corpora; the way of
            reading it when not given.
        emotions: The class set, in the order of the classes; rows with other emotions are left out.
            When not given it is all emotions of the table.
        language: Language of rows that name none, as an ISO 639-1 code.
        same_speaker: Whether speakers whose names differ in spelling only ('S01', 's1') are the same: 'yes'
            joins them, 'no' keeps them apart. Without it a study with such names is refused.
        partial: Whether more than half of the rows may be left out ('yes').
        outside_root: Whether paths may lead out of the corpus's folder ('yes'); for tables that you trust.
    """

    name: Annotated[str | None, AfterValidator(_name_option)] = None
    emotions: Names = None
    language: Annotated[str | None, AfterValidator(_language_option)] = None
    same_speaker: bool | None = None
    partial: bool = False
    outside_root: bool = False


@dataclass(frozen=True)
class Row:
    """One row of text.

    Attributes:
        name: Short name, such as 'manifest.csv, line 5'.
        location: The same with the whole path, for messages.
        cells: Text by column.
        start_s: Start of the utterance in its file, in seconds, or None.
        end_s: Its end, in seconds, or None.
    """

    name: str
    location: str
    cells: Mapping[str, str]
    start_s: float | None = None
    end_s: float | None = None

    def cell(self, column: str) -> str:
        """Return the text of a column without surrounding blanks; empty if there is none."""
        text = self.cells.get(column, "")
        return clean_name(text) if column in _NAME_COLUMNS else text.strip()


def parse_row(row: Row, root: Path, origin: str) -> Utterance:
    """Parse the utterance of a row; the audio file is not looked for.

    Args:
        row: The row.
        root: Folder that its path is relative to.
        origin: Source of its counts.

    Returns:
        The utterance; its id is empty where the row gives none.

    Raises:
        RowError: A cell is missing or has another form.
    """
    for column in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS):
        _check_text(column, row.cell(column))
    words, voiced = _count(row, "words"), _count(row, "voiced_phonemes")
    return Utterance(
        id=row.cell("id"),
        path=root / row.cell("path"),
        speaker=row.cell("speaker"),
        emotion=row.cell("emotion"),
        session=row.cell("session") or None,
        transcript=row.cell("transcript") or None,
        words=words,
        voiced_phonemes=voiced,
        words_source=UNKNOWN if words is None else origin,
        voiced_phonemes_source=UNKNOWN if voiced is None else origin,
        language=_language(row),
        split=_split(row),
        start_s=row.start_s,
        end_s=row.end_s,
    )


def language_code(text: str) -> str | None:
    """Extract the ISO 639-1 code of 'de', 'DE' or 'de-AT'; None where there is none."""
    match = _LANGUAGE.fullmatch(text)
    return None if match is None else match.group(1).lower()


def _check_text(column: str, text: str) -> None:
    if column in REQUIRED_COLUMNS and not text:
        raise RowError(f"expected a value for '{column}', found none")
    if column != "transcript" and any(unicodedata.category(character) in _LINE_BREAKING for character in text):
        raise RowError(f"expected '{column}' on one line, without control characters, found {text[:60]!r}")


def _count(row: Row, column: str) -> int | None:
    text = row.cell(column)
    if not text:
        return None
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise RowError(f"expected '{column}' to be a whole number, 0 or more, found {text[:60]!r}")
    return int(match.group(1))


def _language(row: Row) -> str | None:
    text = row.cell("language")
    if not text:
        return None
    code = language_code(text)
    if code is None:
        raise RowError(f"expected 'language' to be an ISO 639-1 code, such as 'de', found {text[:60]!r}")
    return code


def _split(row: Row) -> Split | None:
    text = row.cell("split")
    if not text:
        return None
    if text.lower() not in SPLIT_OF_NAME:
        hint = ""
        if any(character.isdigit() for character in text):
            hint = (
                "; write training, validation or test, and for numbered folds use the column 'session' (FOLDS=session)"
            )
        raise RowError(f"expected 'split' to be one of {', '.join(SPLIT_OF_NAME)}, found {text[:60]!r}{hint}")
    return SPLIT_OF_NAME[text.lower()]
