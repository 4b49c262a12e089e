"""Names in manifests that differ in spelling or Unicode form only."""

import unicodedata
from pathlib import Path
from typing import Literal

import pytest

from ser.corpora.loading import load_corpus
from ser.corpora.registry import load_annotations
from tests.support.corpora import write_manifest, write_wav

ROWS: list[dict[str, object]] = [
    {"path": f"{number}.wav", "speaker": f"s{number}", "emotion": emotion}
    for number, emotion in enumerate(("joy", "anger", "joy", "anger"), start=1)
]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_file_names_are_found_in_both_unicode_forms(tmp_path: Path, form: Literal["NFC", "NFD"]) -> None:
    other = "NFD" if form == "NFC" else "NFC"
    write_wav(tmp_path / unicodedata.normalize(form, "Jürgen.wav"))
    row = f"path,speaker,emotion\n{unicodedata.normalize(other, 'Jürgen.wav')},s,joy\n"
    (tmp_path / "manifest.csv").write_text(row, encoding="utf-8")
    assert len(load_annotations("manifest", tmp_path).utterances) == 1


def similar_speakers() -> list[dict[str, object]]:
    speakers = ("S1", "s1", "S1", "s2")
    return [row | {"speaker": speaker} for row, speaker in zip(ROWS, speakers, strict=True)]


def test_similar_speakers_are_a_conflict_until_they_are_told_apart(tmp_path: Path) -> None:
    write_manifest(tmp_path, similar_speakers())
    corpus = load_corpus("manifest", tmp_path)
    problem = "speakers whose names differ in spelling only: 'S1' (2), 's1' (1)"
    assert corpus.warnings == (problem,)
    assert problem in corpus.notes
    hint = "--corpus-set same_speaker=yes joins them, same_speaker=no keeps them apart"
    assert corpus.conflict == f"{problem}; {hint}"
    apart = load_corpus("manifest", tmp_path, options={"same_speaker": "no"})
    assert (apart.conflict, apart.warnings, apart.digest) == (None, (), corpus.digest)
    joined = load_corpus("manifest", tmp_path, options={"same_speaker": "yes"})
    assert (joined.conflict, joined.speakers) == (None, ("S1", "s2"))
    assert "speakers joined (option same_speaker): 's1' as 'S1'" in joined.notes


def test_partners_follow_speakers_that_are_joined(tmp_path: Path) -> None:
    rows = [row | {"partner": partner} for row, partner in zip(similar_speakers(), ("s2", "", "", "s1"), strict=True)]
    annotations = load_annotations("manifest", write_manifest(tmp_path, rows), {"same_speaker": "yes"})
    assert annotations.partners == {"S1": "s2", "s2": "S1"}


def test_similar_and_missing_class_names_are_warnings(tmp_path: Path) -> None:
    emotions = ("Joy", "joy", "joy\u00a0", "nan")
    write_manifest(tmp_path, [row | {"emotion": name} for row, name in zip(ROWS, emotions, strict=True)])
    corpus = load_corpus("manifest", tmp_path)
    assert corpus.emotions == ("Joy", "joy", "nan")
    assert corpus.warnings == (
        "classes whose names differ in spelling only: 'Joy' (1), 'joy' (2)",
        "class 'nan' (1 utterances) looks like a missing value but is read as a name",
    )
