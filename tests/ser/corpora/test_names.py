import pytest

from ser.corpora.names import clean_name, describe_placeholders, describe_similar, join_similar, similar_names


@pytest.mark.parametrize("text", ["anger", " anger ", "anger\u00a0", "\u200banger\u200b \ufeff", "\tanger\n"])
def test_blanks_and_invisible_characters_are_stripped(text: str) -> None:
    assert clean_name(text) == "anger"


def test_accents_are_composed_and_inner_characters_stay() -> None:
    assert clean_name("Ju\u0308rgen") == "J\u00fcrgen"
    assert clean_name("a\u200bb c") == "a\u200bb c"
    assert clean_name("\u200b") == ""


@pytest.mark.parametrize(
    "names",
    [("Joy", "joy"), ("S00", "s00"), ("01", "1"), ("1", "1.0"), ("S1", "S01"), ("a b", "ab"), ("ab", "a\u200bb")],
)
def test_names_of_another_spelling_are_similar(names: tuple[str, str]) -> None:
    assert similar_names([*names, "other"]) == (tuple(sorted(names)),)


@pytest.mark.parametrize("names", [("10", "1"), ("1.5", "15"), ("1.5", "1.50"), ("S1", "T1"), ("s11", "s1 01")])
def test_other_names_are_not_similar(names: tuple[str, str]) -> None:
    assert similar_names(names) == ()


def test_similar_names_are_described_with_their_counts() -> None:
    assert describe_similar("speakers", ["S1", "s1", "S1", "S2"]) == (
        "speakers whose names differ in spelling only: 'S1' (2), 's1' (1)",
    )


def test_the_most_frequent_name_stands_for_its_group() -> None:
    assert join_similar({"S1": 1, "s1": 3, "S2": 1}) == {"S1": "s1", "s1": "s1", "S2": "S2"}


def test_names_that_look_like_missing_values_are_described() -> None:
    assert describe_placeholders("speaker", ["NaN", "NaN", "Nana"]) == (
        "speaker 'NaN' (2 utterances) looks like a missing value but is read as a name",
    )
