from pathlib import Path

import pytest

from ser.corpora.corpus import Utterance
from ser.corpora.fau_aibo.loader import load
from ser.corpora.registry import load_annotations
from ser.errors import ConfigurationError, CorpusError
from tests.support.corpora import write_fau_aibo, write_text, write_wav

CHUNKS = {
    "Ohm_01_000_00": "N",
    "Ohm_02_000_00": "A",
    "Ohm_9_000_00": "E",
    "Ohm_10_000_00": "R",
    "Mont_01_0000_00": "P",
    "Mont_03_0000_00": "N",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_fau_aibo(tmp_path, CHUNKS)


def by_id(utterances: tuple[Utterance, ...]) -> dict[str, Utterance]:
    return {utterance.id: utterance for utterance in utterances}


def labels_of(root: Path, classes: int = 5) -> Path:
    return root / "labels" / "IS2009EmotionChallenge" / f"chunk_labels_{classes}cl_corpus.txt"


def test_chunks_have_speaker_class_part_and_words(root: Path) -> None:
    annotations = load(root)
    assert annotations.emotions == ("anger", "emphatic", "neutral", "positive", "rest")
    assert (annotations.language, annotations.partners) == ("de", {})
    assert (annotations.skipped, annotations.notes) == ((), ())
    found = by_id(annotations.utterances)
    assert {name: one.emotion for name, one in found.items()} == {
        "Ohm_01_000_00": "neutral",
        "Ohm_02_000_00": "anger",
        "Ohm_9_000_00": "emphatic",
        "Ohm_10_000_00": "rest",
        "Mont_01_0000_00": "positive",
        "Mont_03_0000_00": "neutral",
    }
    first = found["Ohm_01_000_00"]
    assert (first.speaker, first.split, first.session) == ("Ohm_01", "training", None)
    assert (first.words, first.words_source, first.transcript) == (4, "segmentation", "geh nach links")
    assert (first.voiced_phonemes, first.voiced_phonemes_source) == (None, "unknown")
    assert first.path.is_file()


def test_the_last_speakers_by_number_validate(root: Path) -> None:
    splits = {utterance.speaker: utterance.split for utterance in load(root).utterances}
    assert splits == {
        "Ohm_01": "training",
        "Ohm_02": "training",
        "Ohm_9": "validation",
        "Ohm_10": "validation",
        "Mont_01": "test",
        "Mont_03": "test",
    }


def test_who_validates_does_not_hang_on_missing_audio(root: Path) -> None:
    (root / "wav" / "Ohm_10_000_00.wav").unlink()
    annotations = load(root)
    splits = {utterance.speaker: utterance.split for utterance in annotations.utterances}
    assert (splits["Ohm_9"], splits["Ohm_02"]) == ("validation", "training")
    assert [skipped.name for skipped in annotations.skipped] == ["Ohm_10_000_00"]
    assert "Ohm_10_000_00.wav: no such file" in annotations.skipped[0].reason


def test_words_of_the_transliteration_may_be_preferred(root: Path) -> None:
    annotations = load_annotations("fau_aibo", root, {"words": "transliteration"})
    assert {(one.words, one.words_source) for one in annotations.utterances} == {(3, "transliteration")}


@pytest.mark.parametrize(
    ("preferred", "file", "other", "words"),
    [
        ("segmentation", "segmentation/segmentation.txt", "transliteration", 3),
        ("transliteration", "transliteration/transliteration.txt", "segmentation", 4),
    ],
)
def test_a_chunk_that_one_file_lacks_is_counted_in_the_other(
    root: Path, preferred: str, file: str, other: str, words: int
) -> None:
    path = root / file
    lines = path.read_text().splitlines(keepends=True)
    write_text(path, "".join(line for line in lines if not line.startswith("Ohm_02_")))
    annotations = load_annotations("fau_aibo", root, {"words": preferred})
    chunk = by_id(annotations.utterances)["Ohm_02_000_00"]
    assert (chunk.words, chunk.words_source) == (words, other)
    lacking = "chunks without a transcript, since transliteration/transliteration.txt lacks them (1): Ohm_02_000_00"
    silent = (lacking,) if preferred == "transliteration" else ()
    assert {one.words_source for one in annotations.utterances if one.id != chunk.id} == {preferred}
    assert annotations.notes == (
        f"chunks whose words are counted in the {other}, since the {preferred} lacks them (1): Ohm_02_000_00",
        *silent,
    )


def test_an_unreadable_row_sends_its_chunk_to_the_fallback(root: Path) -> None:
    path = root / "segmentation" / "segmentation.txt"
    write_text(path, path.read_text().replace("Ohm_02_000_00_01 nach 10 19", "Ohm_02_000_00_01 nach 10"))
    annotations = load(root)
    chunk = by_id(annotations.utterances)["Ohm_02_000_00"]
    assert (chunk.words, chunk.words_source) == (3, "transliteration")
    assert "segmentation.txt, line 6: expected 'WORD_ID WORD START END'" in annotations.notes[0]


def test_without_both_files_words_are_unknown(root: Path) -> None:
    (root / "segmentation" / "segmentation.txt").unlink()
    annotations = load(root)
    assert {(one.words, one.words_source) for one in annotations.utterances} == {(3, "transliteration")}
    assert any("segmentation.txt" in note and "no words are counted there" in note for note in annotations.notes)
    (root / "transliteration" / "transliteration.txt").unlink()
    annotations = load(root)
    assert len(annotations.utterances) == len(CHUNKS)
    assert {(one.words, one.words_source, one.transcript) for one in annotations.utterances} == {
        (None, "unknown", None)
    }


def test_a_chunk_in_neither_file_is_skipped_and_listed(root: Path) -> None:
    for path in (root / "segmentation" / "segmentation.txt", root / "transliteration" / "transliteration.txt"):
        lines = path.read_text().splitlines(keepends=True)
        write_text(path, "".join(line for line in lines if not line.startswith("Ohm_02_")))
    annotations = load(root)
    assert [(skipped.name, skipped.reason) for skipped in annotations.skipped] == [
        ("Ohm_02_000_00", "its words are neither in the segmentation nor in the transliteration")
    ]


def test_bad_second_and_foreign_labels_are_listed(root: Path) -> None:
    path = labels_of(root)
    write_text(path, path.read_text() + "Ohm_01_000_00 A 1\nOhm_01_000_01 Q 1\nUlm_01_000_00 N 1\n")
    annotations = load(root)
    assert len(annotations.utterances) == len(CHUNKS)
    assert by_id(annotations.utterances)["Ohm_01_000_00"].emotion == "neutral"
    assert [(one.name, one.reason) for one in annotations.skipped] == [
        ("chunk_labels_5cl_corpus.txt, line 8", f"{path}, line 8: expected a label of A, E, N, P, R, found 'Q'"),
        ("Ohm_01_000_00", "a second label for the same chunk; the first is used"),
        ("Ulm_01_000_00", "its school is neither Ohm nor Mont"),
    ]


def test_audio_without_a_label_is_noted(root: Path) -> None:
    write_wav(root / "wav" / "Ohm_05_000_00.wav")
    write_text(root / "wav" / "._Ohm_01_000_00.wav", "\0")
    assert load(root).notes == ("wav files without a label in chunk_labels_5cl_corpus.txt (1): Ohm_05_000_00",)


def test_windows_line_ends_and_latin_1_are_read(root: Path) -> None:
    before = load(root).utterances
    for path in root.rglob("*.txt"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n").replace(b"links", b"l\xe4ufst"))
    after = load(root).utterances
    assert {one.transcript for one in after} == {"geh nach läufst"}
    assert [(one.id, one.words, one.emotion) for one in after] == [(one.id, one.words, one.emotion) for one in before]


def test_two_classes_need_their_own_file(root: Path) -> None:
    with pytest.raises(CorpusError, match=r"has no labels/IS2009EmotionChallenge/chunk_labels_2cl_corpus.txt"):
        load_annotations("fau_aibo", root, {"classes": "2"})
    write_text(labels_of(root, 2), "".join(f"{chunk} IDL 0.5\n" for chunk in CHUNKS).replace("IDL", "NEG", 2))
    annotations = load_annotations("fau_aibo", root, {"classes": "2"})
    assert annotations.emotions == ("negative", "idle")
    negative = {one.id for one in annotations.utterances if one.emotion == "negative"}
    assert negative == {"Ohm_01_000_00", "Ohm_02_000_00"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": "3"}, "corpus fau_aibo, option classes='3': Input should be 2 or 5"),
        (
            {"words": "both"},
            "corpus fau_aibo, option words='both': Input should be 'segmentation' or 'transliteration'",
        ),
        ({"part": "both"}, "corpus fau_aibo has no option 'part'; valid options: classes, words"),
    ],
)
def test_options_are_checked(root: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_annotations("fau_aibo", root, options)
    assert str(caught.value) == message


def test_labels_without_any_audio_are_refused(root: Path) -> None:
    for path in (root / "wav").iterdir():
        path.unlink()
    with pytest.raises(CorpusError, match=r"none of 6 chunks can be used \(first: Ohm_01_000_00: .*no such file"):
        load(root)
