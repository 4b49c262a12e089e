import shutil
from pathlib import Path

import pytest

from ser.corpora.iemocap.loader import EMOTIONS, load
from ser.corpora.registry import load_annotations
from ser.errors import ConfigurationError, CorpusError
from tests.support.corpora import alignment, write_iemocap_dialog, write_text, write_wav

FIRST = "Ses01F_impro01"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two sessions with an improvised dialog each; the second one's letter is not its speakers'."""
    write_iemocap_dialog(
        tmp_path, FIRST, [(f"{FIRST}_F000", "neu"), (f"{FIRST}_M000", "exc"), (f"{FIRST}_F001", "fru")]
    )
    second = "Ses03M_impro08b"
    write_iemocap_dialog(tmp_path, second, [(f"{second}_F000", "ang"), (f"{second}_M000", "hap")])
    return tmp_path


def test_utterances_have_speaker_session_emotion_and_counts(root: Path) -> None:
    annotations = load(root)
    assert [(u.id, u.speaker, u.session, u.emotion) for u in annotations.utterances] == [
        ("Ses01F_impro01_F000", "Ses01F", "Ses01", "neutral"),
        ("Ses01F_impro01_M000", "Ses01M", "Ses01", "happiness"),
        ("Ses03M_impro08b_F000", "Ses03F", "Ses03", "anger"),
        ("Ses03M_impro08b_M000", "Ses03M", "Ses03", "happiness"),
    ]
    assert {(u.words, u.voiced_phonemes) for u in annotations.utterances} == {(2, 3)}
    assert {(u.words_source, u.voiced_phonemes_source) for u in annotations.utterances} == {("alignment", "alignment")}
    assert annotations.utterances[0].transcript == "Good day."
    assert annotations.utterances[0].path.is_file()
    assert annotations.emotions == EMOTIONS == ("neutral", "happiness", "sadness", "anger")


def test_partners_are_the_other_speakers_of_the_session(root: Path) -> None:
    assert load(root).partners == {"Ses01F": "Ses01M", "Ses01M": "Ses01F", "Ses03F": "Ses03M", "Ses03M": "Ses03F"}


def test_emotions_outside_the_class_set_are_counted_not_skipped(root: Path) -> None:
    annotations = load(root)
    assert annotations.notes == (
        "class happiness merges happiness 1 and excitement 1",
        "left out, emotion outside the class set: fru 1",
    )
    assert annotations.skipped == ()


def test_what_is_missing_of_the_release_is_a_warning(root: Path) -> None:
    missing = "sessions of the release that are missing: Session2, Session4, Session5"
    assert load(root).warnings == (
        missing,
        "labels here, and in the release (the corpus may be unpacked in part): Session1 2 of 521, Session3 2 of 627",
    )
    assert load_annotations("iemocap", root, {"part": "both"}).warnings == (missing,)
    for number in (2, 4, 5):
        write_iemocap_dialog(root, f"Ses0{number}F_impro01", [(f"Ses0{number}F_impro01_F000", "xxx")])
    assert load_annotations("iemocap", root, {"part": "both"}).warnings == (
        "labels here, and in the release (the corpus may be unpacked in part): 8 of 10039",
    )
    assert load_annotations("iemocap", root, {"classes": "anger,sadness"}).warnings == ()


def test_many_dialogs_without_transcripts_are_one_note(root: Path) -> None:
    for session in (1, 3):
        shutil.rmtree(root / f"Session{session}" / "dialog" / "transcriptions")
    (note,) = (note for note in load(root).notes if "transcripts" in note)
    assert note.startswith("dialogs without transcripts: 2 (first: ")


def test_only_improvised_dialogs_of_the_folder_are_read(root: Path) -> None:
    before = load(root).utterances
    write_iemocap_dialog(root, "Ses01F_script01_1", [("Ses01F_script01_1_F000", "neu")])
    evaluations = root / "Session1" / "dialog" / "EmoEvaluation"
    write_text(evaluations / "Categorical" / "Ses01F_impro01_e2_cat.txt", "rubbish")
    write_text(evaluations / "._Ses01F_impro01.txt", "\0\0")
    write_text(root / "._Session1", "\0")
    assert load(root).utterances == before


def test_latin_1_and_windows_line_ends_are_read(root: Path) -> None:
    for path in root.rglob("*.txt"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n").replace(b"Good", b"Caf\xe9"))
    for path in root.rglob("*.??seg"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    annotations = load(root)
    assert annotations.utterances[0].transcript == "Café day."
    assert {(u.words_source, u.voiced_phonemes_source) for u in annotations.utterances} == {("alignment", "alignment")}


@pytest.mark.parametrize(
    ("suffix", "text", "reason"),
    [
        (".wdseg", None, "it has no .wdseg file"),
        (".phseg", None, "it has no .phseg file"),
        (".wdseg", "", "line 1: expected the header"),
        (".phseg", alignment("Phone", "SIL", "QQ", "SIL"), "symbol 'QQ' is not in the CMU (Sphinx) alphabet"),
    ],
)
def test_without_an_alignment_counts_come_from_the_transcript(
    root: Path, suffix: str, text: str | None, reason: str
) -> None:
    folder = root / "Session1" / "sentences" / "ForcedAlignment" / FIRST
    path = folder / f"{FIRST}_F000{suffix}"
    if text is None:
        path.unlink()
    else:
        write_text(path, text)
    transcripts = root / "Session1" / "dialog" / "transcriptions" / f"{FIRST}.txt"
    write_text(transcripts, transcripts.read_text().replace("Good day.", "[SIGH] One two three four five six.", 1))
    annotations = load(root)
    first = annotations.utterances[0]
    assert (first.words, first.words_source) == (6, "transcript")
    assert (first.voiced_phonemes, first.voiced_phonemes_source) == (9, "imputed")
    notes = [note for note in annotations.notes if note.startswith(first.id)]
    assert len(notes) == 1
    assert "6 words and 9 voiced phonemes imputed from its transcript" in notes[0]
    assert reason in notes[0]
    assert str(path) in notes[0] or text is None


def test_an_imputed_count_is_at_least_one_voiced_phoneme(root: Path) -> None:
    (root / "Session1" / "sentences" / "ForcedAlignment" / FIRST / f"{FIRST}_F000.wdseg").unlink()
    transcripts = root / "Session1" / "dialog" / "transcriptions" / f"{FIRST}.txt"
    write_text(transcripts, transcripts.read_text().replace("Good day.", "[LAUGHTER]", 1))
    first = load(root).utterances[0]
    assert (first.words, first.voiced_phonemes) == (0, 1)


def test_without_alignment_and_transcript_it_is_skipped(root: Path) -> None:
    (root / "Session1" / "sentences" / "ForcedAlignment" / FIRST / f"{FIRST}_F000.wdseg").unlink()
    (root / "Session1" / "dialog" / "transcriptions" / f"{FIRST}.txt").unlink()
    annotations = load(root)
    assert [skipped.name for skipped in annotations.skipped] == [f"{FIRST}_F000"]
    assert len(annotations.utterances) == 3
    path = root / "Session1" / "dialog" / "transcriptions" / f"{FIRST}.txt"
    assert f"dialogs without transcripts: 1 (first: {path}: no such file)" in annotations.notes


def test_without_any_alignment_only_words_are_known(root: Path) -> None:
    for path in root.rglob("*.??seg"):
        path.unlink()
    annotations = load(root)
    assert {(u.words, u.words_source) for u in annotations.utterances} == {(2, "transcript")}
    assert {(u.voiced_phonemes, u.voiced_phonemes_source) for u in annotations.utterances} == {(None, "unknown")}


def test_an_utterance_without_a_wav_is_listed(root: Path) -> None:
    wav = root / "Session1" / "sentences" / "wav" / FIRST / f"{FIRST}_M000.wav"
    wav.unlink()
    annotations = load(root)
    assert len(annotations.utterances) == 3
    assert [(skipped.name, skipped.reason) for skipped in annotations.skipped] == [
        (f"{FIRST}_M000", f"{wav}: no such file")
    ]


def test_a_bad_block_is_skipped_and_a_bad_file_with_its_dialog(root: Path) -> None:
    evaluations = root / "Session1" / "dialog" / "EmoEvaluation"
    path = evaluations / f"{FIRST}.txt"
    write_text(path, path.read_text().replace("\texc\t", "\twrong\t"))
    write_text(evaluations / "Ses01M_impro01.txt", "nothing\n")
    annotations = load(root)
    assert len(annotations.utterances) == 3
    assert [skipped.name for skipped in annotations.skipped] == [f"{FIRST}, line 8", "Ses01M_impro01"]
    assert "found 'wrong'" in annotations.skipped[0].reason


def test_a_session_without_labels_is_listed(root: Path) -> None:
    shutil.rmtree(root / "Session3" / "dialog" / "EmoEvaluation")
    annotations = load(root)
    assert {utterance.session for utterance in annotations.utterances} == {"Ses01"}
    (skipped,) = annotations.skipped
    assert skipped.name == "Session3"
    assert skipped.reason.endswith("EmoEvaluation: expected the labels of its dialogs, found none")


def test_second_labels_and_misplaced_dialogs_are_listed(root: Path) -> None:
    path = root / "Session1" / "dialog" / "EmoEvaluation" / f"{FIRST}.txt"
    block = f"\n[9.0 - 9.5]\t{FIRST}_F000\tsad\t[1, 2, 3]\n"
    write_text(path, path.read_text() + block)
    moved = root / "Session3" / "dialog" / "EmoEvaluation" / "Ses02F_impro01.txt"
    write_text(moved, "[0.1 - 0.5]\tSes02F_impro01_F000\tsad\t[1, 2, 3]\n")
    annotations = load(root)
    assert annotations.utterances[0].emotion == "neutral"
    assert [(skipped.name, skipped.reason) for skipped in annotations.skipped] == [
        (f"{FIRST}_F000", "a second label for the same utterance; the first is used"),
        ("Ses02F_impro01_F000", "its id is not of Session3, where it lies"),
    ]


def test_one_speaker_is_a_corpus_without_partners(tmp_path: Path) -> None:
    write_iemocap_dialog(tmp_path, FIRST, [(f"{FIRST}_F000", "neu")])
    annotations = load(tmp_path)
    assert (len(annotations.utterances), annotations.partners) == (1, {})


def test_a_folder_of_another_layout_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "wav" / "03a01Wa.wav")
    with pytest.raises(CorpusError, match=r"has no SessionN/dialog/EmoEvaluation; expected IEMOCAP, with folders"):
        load(tmp_path)


def test_a_tree_without_audio_says_what_is_missing_first(root: Path) -> None:
    for path in root.rglob("*.wav"):
        path.unlink()
    with pytest.raises(CorpusError, match=r"none of 4 utterances can be used \(first: Ses01F_impro01_F000: .*no such"):
        load(root)


def test_a_tree_without_improvised_dialogs_is_refused(tmp_path: Path) -> None:
    write_iemocap_dialog(tmp_path, "Ses01F_script01_1", [("Ses01F_script01_1_F000", "neu")])
    with pytest.raises(CorpusError, match="has no utterance of any improvised dialog with an emotion of neu, hap, exc"):
        load(tmp_path)


SCRIPTED = "Ses05M_script01_1"


def write_scripted(root: Path) -> None:
    """Two scripted dialogs, the name of one beginning with the other's."""
    for dialog, code in ((SCRIPTED, "sad"), (f"{SCRIPTED}b", "fru")):
        write_iemocap_dialog(root, dialog, [(f"{dialog}_F000", code), (f"{dialog}_M000", "neu")])


@pytest.mark.parametrize(("part", "improvised", "scripted"), [("scripted", 0, 3), ("both", 4, 3)])
def test_scripted_dialogs_are_read_where_asked_for(root: Path, part: str, improvised: int, scripted: int) -> None:
    write_scripted(root)
    utterances = load_annotations("iemocap", root, {"part": part}).utterances
    assert sum("impro" in one.id for one in utterances) == improvised
    assert [(one.id, one.speaker) for one in utterances if "script" in one.id] == [
        (f"{SCRIPTED}_F000", "Ses05F"),
        (f"{SCRIPTED}_M000", "Ses05M"),
        (f"{SCRIPTED}b_M000", "Ses05M"),
    ][:scripted]


def test_a_dialog_with_the_longer_name_keeps_its_own_files(root: Path) -> None:
    write_scripted(root)
    transcripts = root / "Session5" / "dialog" / "transcriptions" / f"{SCRIPTED}b.txt"
    write_text(transcripts, transcripts.read_text().replace("Good day.", "Something else"))
    found = {one.id: one.transcript for one in load_annotations("iemocap", root, {"part": "scripted"}).utterances}
    assert found[f"{SCRIPTED}_M000"] == "Good day."
    assert found[f"{SCRIPTED}b_M000"] == "Something else"


def test_a_dialog_of_no_part_is_listed(root: Path) -> None:
    write_iemocap_dialog(root, "Ses01F_other01", [("Ses01F_other01_F000", "neu")])
    annotations = load(root)
    assert [(one.name, one.reason) for one in annotations.skipped] == [
        ("Ses01F_other01", "its name is neither that of an improvised nor of a scripted dialog")
    ]
    assert len(annotations.utterances) == 4


def test_classes_may_be_any_list_in_any_order(root: Path) -> None:
    annotations = load_annotations("iemocap", root, {"classes": "frustration, hap+neu ,excitement"})
    assert annotations.emotions == ("frustration", "happiness", "excitement")
    assert [(one.id[-4:], one.emotion) for one in annotations.utterances] == [
        ("F000", "happiness"),
        ("F001", "frustration"),
        ("M000", "excitement"),
        ("M000", "happiness"),
    ]
    assert "class happiness merges happiness 1 and neutral 1" in annotations.notes


def test_the_papers_classes_spelt_out_are_the_same_classes(root: Path) -> None:
    spelt = load_annotations("iemocap", root, {"classes": "neutral,happiness+excitement,sadness,anger"})
    assert spelt == load(root)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("classes", "neutral,joy", "unknown emotion 'joy'; valid: paper, anger, happiness, excitement"),
        ("classes", "neutral,sadnes", "unknown emotion 'sadnes' (did you mean 'sadness'?)"),
        ("classes", "neutral,xxx", "unknown emotion 'xxx'"),
        ("classes", "neutral,neu", "emotion 'neu' is given twice"),
        ("classes", "neutral+anger", "expected two classes or more"),
        ("classes", "", "unknown emotion ''"),
        ("part", "improvized", "Input should be 'improvised', 'scripted' or 'both'"),
    ],
)
def test_a_wrong_option_is_refused_with_what_is_valid(root: Path, option: str, value: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_annotations("iemocap", root, {option: value})
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"corpus iemocap, option {option}={value!r}: ")


def test_ratings_are_read_and_may_be_missing(root: Path) -> None:
    path = root / "Session1" / "dialog" / "EmoEvaluation" / f"{FIRST}.txt"
    text = path.read_text().replace("[2.5000, 2.5000, 2.5000]", "[1.5000, 4.0000, 3.3333]", 1)
    head, _, tail = text.rpartition("\texc\t[2.5000, 2.5000, 2.5000]")
    write_text(path, f"{head}\texc\t[2.5000, n/a]{tail}")
    annotations = load(root)
    first, second, *_ = annotations.utterances
    assert first.ratings == {"valence": 1.5, "activation": 4.0, "dominance": 3.3333}
    assert (second.id, second.ratings) == (f"{FIRST}_M000", {})
    assert f"utterances without dimensional ratings: 1 (first: {FIRST}_M000)" in annotations.notes


def test_windows_ellipsis_ends_no_line(root: Path) -> None:
    path = root / "Session1" / "dialog" / "transcriptions" / f"{FIRST}.txt"
    path.write_bytes(path.read_bytes().replace(b"Good day.", b"Good\x85 day."))
    assert load(root).utterances[0].transcript == "Good\x85 day."


def test_dialogs_with_audio_and_without_labels_are_listed(root: Path) -> None:
    evaluation = root / "Session1" / "dialog" / "EmoEvaluation" / f"{FIRST}.txt"
    write_iemocap_dialog(root, "Ses01F_impro02", [("Ses01F_impro02_F000", "neu")])
    write_iemocap_dialog(root, "Ses01F_script01_1", [("Ses01F_script01_1_F000", "neu")])
    evaluation.unlink()
    evaluation.with_name("Ses01F_script01_1.txt").unlink()
    skipped = load(root).skipped
    assert [(skip.name, skip.reason) for skip in skipped] == [
        (FIRST, f"{evaluation}: no such file; 3 recordings have no label")
    ]


def test_a_missing_folder_of_alignments_is_one_note(root: Path) -> None:
    shutil.rmtree(root / "Session1" / "sentences" / "ForcedAlignment")
    (imputed,) = (note for note in load(root).notes if "imputed" in note)
    assert imputed.startswith("counts of 2 utterances imputed from transcripts (it has no .wdseg file): ")
