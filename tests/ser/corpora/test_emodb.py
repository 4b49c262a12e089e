from collections import Counter
from pathlib import Path
from statistics import fmean

import pytest

from ser.corpora.emodb import EMOTIONS, TRANSCRIPT_OF_TEXT, load, parse_lablaut
from ser.corpora.transcripts.counts import tokenize_words
from ser.errors import AnnotationError, CorpusError
from tests.support.corpora import LABLAUT_HEADER, lablaut, write_emodb, write_text, write_wav

PATH = Path("03a01Faxx.lablaut")


def test_segments_are_base_symbols_without_diacritic_changes() -> None:
    text = (
        LABLAUT_HEADER + "    0.080109   -1 _t\n    0.119160   -1 !t\t+asp\n  0.2  125 E6\n  0.3   -1 a\t\t2\n"
        "  0.4   -1 \t+hoe\n  0.5   -1 -sth\n  0.6\t-1\td+nas\n  0.7   -1 g-sth\n  0.8   -1 .\n"
    )
    assert parse_lablaut(text, PATH) == ("_t", "!t", "E6", "a", "d", "g")


def test_line_ends_may_be_those_of_windows() -> None:
    assert parse_lablaut(lablaut("a", "m").replace("\n", "\r\n"), PATH) == ("a", "m")


def test_a_header_alone_has_no_segments() -> None:
    assert parse_lablaut(LABLAUT_HEADER, PATH) == ()


def test_a_file_without_a_header_end_is_refused() -> None:
    with pytest.raises(AnnotationError, match=r"03a01Faxx\.lablaut: expected a line '#'"):
        parse_lablaut("0.1 -1 a\n", PATH)


def test_a_bad_line_is_named() -> None:
    with pytest.raises(AnnotationError, match="line 8: expected 'time colour symbol', found 'rubbish'"):
        parse_lablaut(LABLAUT_HEADER + "  0.1  -1 a\nrubbish\n  0.2  -1 .\n", PATH)


def test_an_unknown_symbol_is_named_with_its_line() -> None:
    with pytest.raises(AnnotationError, match="line 8: expected a symbol of the lablaut alphabet, found 'q7'"):
        parse_lablaut(lablaut("a", "q7"), PATH)


def test_a_file_cut_short_is_refused() -> None:
    with pytest.raises(AnnotationError, match=r"expected the end mark '\.'"):
        parse_lablaut(LABLAUT_HEADER + "  0.1  -1 a\n  0.2  -1 m\n", PATH)


def test_names_become_speaker_text_and_emotion(tmp_path: Path) -> None:
    write_emodb(tmp_path, ["03a01Wa", "08a01Nb", "08b03Lc", "11a02T"])
    annotations = load(tmp_path)
    assert [(u.id, u.speaker, u.sentence, u.emotion, u.words, u.voiced_phonemes) for u in annotations.utterances] == [
        ("03a01Wa", "03", "a01", "anger", 6, 3),
        ("08a01Nb", "08", "a01", "neutral", 6, 3),
        ("08b03Lc", "08", "b03", "boredom", 14, 3),
        ("11a02T", "11", "a02", "sadness", 6, 3),
    ]
    assert annotations.emotions == EMOTIONS
    assert annotations.partners == {"03": "08", "08": "03"}
    assert {utterance.session for utterance in annotations.utterances} == {None}
    assert annotations.language == "de"


@pytest.mark.parametrize(
    ("stem", "reason"),
    [
        ("notes", "does not have the form SSTTTEv"),
        ("03a01Xa", "emotion letter 'X' is not one of W, L, E, A, F, T, N"),
        ("03a99Wa", "text 'a99' is not one of a01"),
        ("04a01Wa", "speaker '04' is not one of 03"),
    ],
)
def test_a_wav_whose_name_does_not_fit_is_listed(tmp_path: Path, stem: str, reason: str) -> None:
    write_emodb(tmp_path, ["03a01Wa", stem])
    annotations = load(tmp_path)
    assert [utterance.id for utterance in annotations.utterances] == ["03a01Wa"]
    assert [skipped.name for skipped in annotations.skipped] == [stem]
    assert reason in annotations.skipped[0].reason


@pytest.mark.parametrize(
    ("broken", "reason"),
    [(None, "has no lablaut file"), (LABLAUT_HEADER, "is empty"), (lablaut("q7"), "line 7: expected a symbol")],
)
def test_unknown_counts_are_the_mean_of_the_same_text_by_others(
    tmp_path: Path, broken: str | None, reason: str
) -> None:
    write_emodb(tmp_path, ["03a01Wa", "03a01Na", "08a01Na", "09a01Na", "08a02Na"])
    labels = tmp_path / "lablaut"
    write_text(labels / "08a01Naxx.lablaut", lablaut(*"aaaa"))
    write_text(labels / "09a01Naxx.lablaut", lablaut(*"aaaaaaa"))
    write_text(labels / "08a02Naxx.lablaut", lablaut(*"aaaaaaaaaaaaaaaaaaaa"))
    write_text(labels / "03a01Naxx.lablaut", lablaut(*"aaaaaaaaaaaaaaaaaaaa"))
    if broken is None:
        (labels / "03a01Waxx.lablaut").unlink()
    else:
        write_text(labels / "03a01Waxx.lablaut", broken)
    annotations = load(tmp_path)
    imputed = {u.id: u.voiced_phonemes for u in annotations.utterances if u.voiced_phonemes_source == "imputed"}
    assert imputed == {"03a01Wa": round(fmean([4, 7]))}
    assert len(annotations.notes) == 1
    assert "03a01Wa: 6 voiced phonemes imputed" in annotations.notes[0]
    assert reason in annotations.notes[0]


def test_an_utterance_without_an_imputable_count_is_listed(tmp_path: Path) -> None:
    write_emodb(tmp_path, ["03a01Wa", "03a02Wa", "08a01Na"])
    (tmp_path / "lablaut" / "03a02Waxx.lablaut").unlink()
    annotations = load(tmp_path)
    assert [skipped.name for skipped in annotations.skipped] == ["03a02Wa"]
    assert "no other speaker says text a02" in annotations.skipped[0].reason


def test_macos_doubles_are_no_files_of_the_corpus(tmp_path: Path) -> None:
    write_emodb(tmp_path, ["03a01Wa"])
    write_text(tmp_path / "wav" / "._03a01Wa.wav", "x")
    annotations = load(tmp_path)
    assert (len(annotations.utterances), annotations.skipped) == (1, ())


def test_a_folder_of_another_layout_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "audio" / "a.wav")
    with pytest.raises(CorpusError, match=r"has no wav/\*\.wav; expected EmoDB, with the folders 'wav' and 'lablaut'"):
        load(tmp_path)


def test_wavs_of_another_corpus_are_refused(tmp_path: Path) -> None:
    write_emodb(tmp_path, ["one", "two"])
    with pytest.raises(CorpusError, match=r"none of 2 utterances can be used \(first: one: its name does not have"):
        load(tmp_path)


def test_a_corpus_whose_label_files_are_all_unusable_says_so(tmp_path: Path) -> None:
    root = write_emodb(tmp_path, ["03a01Fa", "08a01Fa"])
    for path in (root / "lablaut").iterdir():
        path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(CorpusError, match=r"none of 2 .*first: 03a01Fa: .*xx\.lablaut: expected a line '#'"):
        load(root)


def test_the_real_corpus_has_its_known_numbers(emodb_root: Path) -> None:
    annotations = load(emodb_root)
    emotions = Counter(utterance.emotion for utterance in annotations.utterances)
    assert len(annotations.utterances) == 535
    assert [emotions[emotion] for emotion in EMOTIONS] == [127, 81, 46, 69, 71, 62, 79]
    assert len(annotations.partners) == 10
    voiced = [utterance.voiced_phonemes for utterance in annotations.utterances]
    assert fmean(count for count in voiced if count is not None) == pytest.approx(25.3, abs=0.05)
    assert annotations.skipped == ()
    speakers_without_disgust = {u.speaker for u in annotations.utterances} - {
        u.speaker for u in annotations.utterances if u.emotion == "disgust"
    }
    assert speakers_without_disgust == {"08"}


def test_two_empty_label_files_of_emodb_are_imputed(emodb_root: Path) -> None:
    annotations = load(emodb_root)
    imputed = [utterance for utterance in annotations.utterances if utterance.voiced_phonemes_source == "imputed"]
    others = [
        utterance.voiced_phonemes
        for utterance in annotations.utterances
        if utterance.sentence == "a01" and utterance.speaker != "08" and utterance.voiced_phonemes is not None
    ]
    assert [utterance.id for utterance in imputed] == ["08a01Ab", "08a01Wa"]
    assert [utterance.voiced_phonemes for utterance in imputed] == [round(fmean(others))] * 2
    assert [note.split(":")[0] for note in annotations.notes] == ["08a01Ab", "08a01Wa"]


def test_the_texts_have_their_known_numbers_of_words() -> None:
    counted = {code: len(tokenize_words(text)) for code, text in TRANSCRIPT_OF_TEXT.items()}
    assert counted == dict(zip(TRANSCRIPT_OF_TEXT, (6, 6, 7, 11, 7, 12, 11, 14, 12, 11), strict=True))


def test_the_texts_are_those_that_the_real_readme_prints(emodb_root: Path) -> None:
    readme = (emodb_root / "README.txt").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in readme.splitlines() if line[:3] in TRANSCRIPT_OF_TEXT and "\t" in line]
    assert {row[0]: row[1] for row in rows} == TRANSCRIPT_OF_TEXT
