"""IEMOCAP at full size, with everything that leads a reader of the real release astray."""

import re
from collections import Counter
from pathlib import Path
from time import process_time

import pytest

from ser.corpora.corpus import Annotations
from ser.corpora.iemocap.loader import load
from ser.corpora.iemocap.parsers import RATINGS
from ser.corpora.loading import load_corpus
from ser.corpora.registry import load_annotations
from ser.corpora.synthetic import write_synthetic_corpus
from ser.folds import make_folds, parse_scheme, speaker_folds
from tests.support.full_size import (
    IEMOCAP_BY_SESSION,
    IEMOCAP_BY_SPEAKER,
    UNALIGNED,
    iemocap_rows,
    unheard,
    write_table,
)

EMOTIONS = ("neutral", "happiness", "sadness", "anger")
PAIRS = {speaker: speaker[:-1] + ("M" if speaker[-1] == "F" else "F") for speaker in IEMOCAP_BY_SPEAKER}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows() -> list[dict[str, object]]:
    return iemocap_rows()


@pytest.fixture(scope="module")
def root(rows: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full-iemocap")
    write_synthetic_corpus("iemocap", write_table(folder / "table.csv", rows), folder / "release", distractors=True)
    return folder / "release"


@pytest.fixture(scope="module")
def annotations(root: Path) -> Annotations:
    return load_annotations("iemocap", root)


def test_the_distractors_are_there(root: Path, rows: list[dict[str, object]]) -> None:
    ids = {str(row["id"]) for row in rows}
    assert len(rows) > 2943 + 400
    assert {"Ses05M_script01_1_F000", "Ses05M_script01_1b_F000", "Ses03M_impro08b_M000"} <= ids
    assert sum("XX" in utterance for utterance in ids) == 10
    files = [path for path in root.rglob("*") if path.is_file()]
    assert sum(path.name.startswith("._") for path in files) > 100
    texts = [path.read_bytes() for path in (root / "Session3" / "dialog" / "transcriptions").glob("*.txt")]
    assert any(b"\r\n" in text for text in texts)
    assert any(b"\r\n" not in text for text in texts)
    assert any(b"\xe9?\x85" in text for text in texts)
    with pytest.raises(UnicodeDecodeError):
        texts[0].decode("utf-8")
    assert any((root / "Session1" / "dialog" / "EmoEvaluation" / "Categorical").iterdir())


def test_loading_takes_less_than_ten_seconds(root: Path) -> None:
    # Time of the processor, since others may be using the machine.
    before_s = process_time()
    corpus = load_corpus("iemocap", root)
    assert process_time() - before_s < 10
    assert len(corpus.utterances) == 2943


def test_the_papers_set_has_exactly_its_numbers(annotations: Annotations) -> None:
    assert len(annotations.utterances) == 2943
    assert annotations.emotions == EMOTIONS
    counts = Counter(utterance.emotion for utterance in annotations.utterances)
    assert counts == {"neutral": 1099, "happiness": 947, "sadness": 608, "anger": 289}
    assert annotations.skipped == ()


def test_the_whole_release_lacks_nothing(root: Path) -> None:
    assert load(root).warnings == ()
    evaluation = root / "Session2" / "dialog" / "EmoEvaluation" / "Ses02F_impro01.txt"
    content = evaluation.read_bytes()
    evaluation.unlink()
    (warning,) = load(root).warnings
    assert re.search(r"\(the corpus may be unpacked in part\): Session2 \d+ of 530$", warning)
    evaluation.write_bytes(content)


def test_every_session_and_speaker_has_exactly_its_numbers(annotations: Annotations) -> None:
    by_session = Counter((utterance.session, utterance.emotion) for utterance in annotations.utterances)
    by_speaker = Counter((utterance.speaker, utterance.emotion) for utterance in annotations.utterances)
    for expected, found in ((IEMOCAP_BY_SESSION, by_session), (IEMOCAP_BY_SPEAKER, by_speaker)):
        assert {
            (group, emotion): count
            for group, counts in expected.items()
            for emotion, count in zip(EMOTIONS, counts, strict=True)
        } == found


def test_utterances_without_alignment_are_imputed_and_noted(annotations: Annotations) -> None:
    by_id = {utterance.id: utterance for utterance in annotations.utterances}
    others = [by_id[name] for name in by_id if name not in UNALIGNED]
    assert {(one.words_source, one.voiced_phonemes_source) for one in others} == {("alignment", "alignment")}
    per_word = sum(one.voiced_phonemes or 0 for one in others) / sum(one.words or 0 for one in others)
    for name in UNALIGNED:
        assert (by_id[name].words, by_id[name].words_source) == (4, "transcript")
        assert by_id[name].voiced_phonemes == round(4 * per_word)
        assert by_id[name].voiced_phonemes_source == "imputed"
        assert by_id[name].transcript == "Voilà, [LAUGHTER] déjà two - more."
    (imputed,) = (note for note in annotations.notes if "imputed" in note)
    assert imputed.startswith("counts of 2 utterances imputed from transcripts (it has no .wdseg file): ")
    assert all(name in imputed for name in UNALIGNED)


def test_words_and_voiced_phonemes_are_those_that_were_aligned(annotations: Annotations) -> None:
    for utterance in annotations.utterances:
        if utterance.words_source == "alignment":
            spoken = (utterance.transcript or "").rstrip(".").split()
            assert (utterance.words, utterance.voiced_phonemes) == (len(spoken), 2 * len(spoken))


def test_ten_folds_have_the_right_speakers(annotations: Annotations) -> None:
    folds = speaker_folds(unheard(annotations), "partner")
    assert [fold.test_speakers for fold in folds] == [(speaker,) for speaker in sorted(PAIRS)]
    for fold in folds:
        (tester,) = fold.test_speakers
        assert fold.validation_speakers == (PAIRS[tester],)
        assert set(fold.training_speakers) == set(PAIRS) - {tester, PAIRS[tester]}
        assert len(fold.training_speakers) == 8


def test_five_session_folds_test_a_session_each(annotations: Annotations) -> None:
    folds = make_folds(unheard(annotations), parse_scheme("session"), None)
    assert [set(fold.test_speakers) for fold in folds] == [{f"Ses0{n}F", f"Ses0{n}M"} for n in range(1, 6)]


def test_parts_and_classes_divide_the_same_tree(annotations: Annotations, root: Path) -> None:
    both = load_annotations("iemocap", root, {"part": "both"})
    scripted = load_annotations("iemocap", root, {"part": "scripted"})
    # A speaker has four scripted dialogs of seven turns, of which six codes are emotions and one of them frustration.
    assert len(scripted.utterances) == 10 * 4 * 5
    assert all("_script0" in utterance.id for utterance in scripted.utterances)
    ids = {utterance.id for utterance in annotations.utterances}
    assert {utterance.id for utterance in both.utterances} == ids | {one.id for one in scripted.utterances}
    apart = load_annotations("iemocap", root, {"classes": "excitement,frustration,happiness"})
    happy = Counter(utterance.emotion for utterance in apart.utterances)
    assert happy["excitement"] + happy["happiness"] == 947
    assert happy["frustration"] == 30
    assert apart.emotions == ("excitement", "frustration", "happiness")


def test_every_utterance_has_its_ratings(annotations: Annotations) -> None:
    angry = [one for one in annotations.utterances if one.emotion == "anger"]
    assert {tuple(one.ratings.items()) for one in angry} == {tuple(zip(RATINGS, (2.0, 4.0, 4.0), strict=True))}
    assert all(tuple(one.ratings) == RATINGS for one in annotations.utterances)
