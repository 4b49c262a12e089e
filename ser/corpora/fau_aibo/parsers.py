"""Parsers of FAU-Aibo's label files, as pure functions on text.

The path is only named in messages. Files are latin-1 and may have CRLF line ends.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ser.corpora.label_files import label_lines
from ser.errors import AnnotationError

# A match begins where letters begin: a search then takes linear time on any text.
_CHUNK = re.compile(r"(?<![A-Za-z])([A-Za-z]++)_([0-9]{1,9})_[0-9]{1,9}_[0-9]{1,9}")


@dataclass(frozen=True)
class ChunkName:
    """Parts of a chunk's id.

    Attributes:
        school: The first part, such as 'Ohm'.
        speaker: School and child, such as 'Ohm_01'.
    """

    school: str
    speaker: str


@dataclass(frozen=True)
class ChunkLabel:
    """Line of a chunk label file.

    Attributes:
        chunk: Chunk id.
        label: One of the codes of the class set.
    """

    chunk: str
    label: str


@dataclass(frozen=True)
class WordCounts:
    """Number of words of each chunk in a segmentation file.

    Attributes:
        words: Number of readable rows by chunk.
        unreliable: Chunks with a row that could not be read: their words cannot be counted here.
        faults: The rows that could not be read.
    """

    words: Mapping[str, int]
    unreliable: frozenset[str]
    faults: tuple[AnnotationError, ...]


def parse_chunk_name(chunk: str) -> ChunkName | None:
    """Parse a chunk id; return None if it is none.

    Examples:
        >>> parse_chunk_name("Ohm_01_000_00")
        ChunkName(school='Ohm', speaker='Ohm_01')
    """
    match = _CHUNK.fullmatch(chunk)
    return None if match is None else ChunkName(match[1], f"{match[1]}_{match[2]}")


def parse_chunk_labels(
    text: str, path: Path, codes: tuple[str, ...]
) -> tuple[tuple[ChunkLabel, ...], tuple[AnnotationError, ...]]:
    """Read the labels of all chunks.

    Args:
        text: Text of a `chunk_labels_*_corpus.txt` file: lines `CHUNK LABEL CONFIDENCE`, without a
            header; the confidence (the share of raters behind the label) is not used.
        path: The file.
        codes: The labels that may stand there.

    Returns:
        The labels in the order of the file, and an error for each line that could not be read.

    Raises:
        AnnotationError: No line can be read.
    """
    labels: list[ChunkLabel] = []
    faults: list[AnnotationError] = []
    for number, line in enumerate(label_lines(text), start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) < 2 or parse_chunk_name(fields[0]) is None:
            faults.append(AnnotationError(path, number, f"'CHUNK LABEL CONFIDENCE', found {line.strip()[:60]!r}"))
        elif fields[1] not in codes:
            faults.append(AnnotationError(path, number, f"a label of {', '.join(codes)}, found {fields[1][:60]!r}"))
        else:
            labels.append(ChunkLabel(fields[0], fields[1]))
    if not labels:
        first = f" (first: {faults[0]})" if faults else ""
        raise AnnotationError(path, None, f"lines 'CHUNK LABEL CONFIDENCE', such as 'Ohm_01_000_00 N 0.6'{first}")
    return tuple(labels), tuple(faults)


def parse_transliteration(text: str, path: Path) -> dict[str, tuple[str, ...]]:
    """Read the words of all chunks.

    Args:
        text: Text of `transliteration.txt`: lines `CHUNK words...`.
        path: The file.

    Returns:
        Words by chunk, without punctuation at their ends; what then has neither letter nor digit is
        no word. Lines that do not begin with a chunk's id are left out.

    Raises:
        AnnotationError: No line begins with a chunk's id.
    """
    words: dict[str, tuple[str, ...]] = {}
    for line in label_lines(text):
        fields = line.split()
        if fields and parse_chunk_name(fields[0]) is not None:
            stripped = (_without_punctuation(field) for field in fields[1:])
            words[fields[0]] = tuple(word for word in stripped if word)
    if not words:
        raise AnnotationError(path, None, "lines 'CHUNK words...', such as 'Ohm_01_000_00 geh nach links'")
    return words


def _without_punctuation(word: str) -> str:
    """Strip trailing punctuation of a word; empty if nothing is left."""
    stripped = word.rstrip(".,;:!?-")
    return stripped if any(character.isalnum() for character in stripped) else ""


def parse_segmentation(text: str, path: Path) -> WordCounts:
    """Count the rows of each chunk.

    Args:
        text: Text of `segmentation.txt`: lines `WORD_ID WORD START END`, the word's id containing the
            chunk's; the times are not used.
        path: The file.

    Returns:
        The counts; a row of another form makes the chunk that it names unreliable.

    Raises:
        AnnotationError: No row can be read.
    """
    words: Counter[str] = Counter()
    unreliable: set[str] = set()
    faults: list[AnnotationError] = []
    for number, line in enumerate(label_lines(text), start=1):
        fields = line.split()
        if not fields:
            continue
        match = _CHUNK.search(fields[0])
        if match and len(fields) == 4:
            words[match[0]] += 1
            continue
        faults.append(AnnotationError(path, number, f"'WORD_ID WORD START END', found {line.strip()[:60]!r}"))
        if match:
            unreliable.add(match[0])
    if not words:
        raise AnnotationError(path, None, "rows 'WORD_ID WORD START END', found none")
    return WordCounts(dict(words), frozenset(unreliable), tuple(faults))
