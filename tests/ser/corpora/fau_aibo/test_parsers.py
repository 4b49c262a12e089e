from pathlib import Path

import pytest

from ser.corpora.fau_aibo.parsers import (
    ChunkLabel,
    ChunkName,
    parse_chunk_labels,
    parse_chunk_name,
    parse_segmentation,
    parse_transliteration,
)
from ser.errors import AnnotationError

PATH = Path("labels.txt")
CODES = ("A", "E", "N", "P", "R")


@pytest.mark.parametrize(
    ("chunk", "name"),
    [
        ("Ohm_01_000_00", ChunkName("Ohm", "Ohm_01")),
        ("Mont_7_1234_123", ChunkName("Mont", "Mont_7")),
        ("Ohm_01_000", None),
        ("Ohm_01_000_00_1", None),
        ("_01_000_00", None),
        ("Ohm_²_000_00", None),
    ],
)
def test_a_chunks_id_is_divided_at_its_underscores(chunk: str, name: ChunkName | None) -> None:
    assert parse_chunk_name(chunk) == name


def test_labels_are_read_in_order_without_the_confidence() -> None:
    text = "Ohm_01_000_00 N 0.625\r\n\r\n  Mont_02_0001_00\tA  1.000000 \nOhm_01_000_01 R\n"
    labels, faults = parse_chunk_labels(text, PATH, CODES)
    assert labels == (
        ChunkLabel("Ohm_01_000_00", "N"),
        ChunkLabel("Mont_02_0001_00", "A"),
        ChunkLabel("Ohm_01_000_01", "R"),
    )
    assert faults == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Ohm_01_000_00", "line 2: expected 'CHUNK LABEL CONFIDENCE', found 'Ohm_01_000_00'"),
        ("Ohm_01 N 0.5", "line 2: expected 'CHUNK LABEL CONFIDENCE', found 'Ohm_01 N 0.5'"),
        ("Ohm_01_000_00 X 0.5", "line 2: expected a label of A, E, N, P, R, found 'X'"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(line: str, expected: str) -> None:
    labels, (fault,) = parse_chunk_labels(f"Ohm_01_000_01 N 1\n{line}\nOhm_01_000_02 E 1\n", PATH, CODES)
    assert [label.label for label in labels] == ["N", "E"]
    assert expected in str(fault)


def test_labels_of_the_other_class_set_are_refused_as_a_whole() -> None:
    with pytest.raises(AnnotationError, match=r"labels.txt: expected lines .*line 1: expected a label of NEG, IDL"):
        parse_chunk_labels("Ohm_01_000_00 N 0.6\n", PATH, ("NEG", "IDL"))


def test_words_lose_their_punctuation() -> None:
    text = "Ohm_01_000_00 Aibo, geh' - nach links! ...\r\nnot an id\nOhm_01_000_01\n"
    assert parse_transliteration(text, PATH) == {
        "Ohm_01_000_00": ("Aibo", "geh'", "nach", "links"),
        "Ohm_01_000_01": (),
    }


def test_a_transliteration_of_no_chunk_is_an_error() -> None:
    with pytest.raises(AnnotationError, match=r"labels.txt: expected lines 'CHUNK words\.\.\.'"):
        parse_transliteration("hello\n", PATH)


def test_segmentation_rows_are_counted_by_chunk() -> None:
    counts = parse_segmentation(
        "Ohm_01_000_00_00 geh 12 30\r\nOhm_01_000_00_01 nach 31 40\nx.Mont_02_0001_01-3 da 0.5 0.7\n", PATH
    )
    assert counts.words == {"Ohm_01_000_00": 2, "Mont_02_0001_01": 1}
    assert (counts.unreliable, counts.faults) == (frozenset(), ())


def test_a_row_of_another_form_makes_its_chunk_unreliable() -> None:
    counts = parse_segmentation(
        "Ohm_01_000_00_00 geh 12 30\nOhm_01_000_00_01 nach 31\nnothing at all here\nOhm_01_000_01_00 so 1 2\n", PATH
    )
    assert counts.unreliable == {"Ohm_01_000_00"}
    assert [fault.line for fault in counts.faults] == [2, 3]
    assert "line 2: expected 'WORD_ID WORD START END', found 'Ohm_01_000_00_01 nach 31'" in str(counts.faults[0])


def test_a_segmentation_without_a_row_is_an_error() -> None:
    with pytest.raises(AnnotationError, match=r"labels.txt: expected rows 'WORD_ID WORD START END'"):
        parse_segmentation("\n\n", PATH)
