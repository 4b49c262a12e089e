from pathlib import Path

import pytest

from ser.corpora.iemocap.parsers import (
    Segment,
    Turn,
    UtteranceName,
    is_word,
    parse_alignment,
    parse_evaluation,
    parse_transcription,
    parse_utterance_name,
)
from ser.errors import AnnotationError
from tests.support.corpora import alignment, evaluation

DIALOG = Path("Ses01F_impro05.txt")


@pytest.mark.parametrize(
    ("utterance", "dialog", "speaker"),
    [
        ("Ses01F_impro04_F000", "Ses01F_impro04", "Ses01F"),
        ("Ses01F_impro04_M012", "Ses01F_impro04", "Ses01M"),
        ("Ses03M_impro08b_F003", "Ses03M_impro08b", "Ses03F"),
        ("Ses05M_script01_1b_M000", "Ses05M_script01_1b", "Ses05M"),
    ],
)
def test_speaker_and_dialog_follow_from_the_utterance_id(utterance: str, dialog: str, speaker: str) -> None:
    assert parse_utterance_name(utterance) == UtteranceName(dialog, speaker[:5], speaker)


@pytest.mark.parametrize("text", ["", "M:", "Ses01F_impro04", "Ses01F_impro04_FXX0", "Ses01F_impro04_F"])
def test_other_words_are_no_utterance_ids(text: str) -> None:
    assert parse_utterance_name(text) is None


def test_only_the_first_line_of_a_block_is_a_turn() -> None:
    text = (
        "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
        "[140.2250 - 145.6000]\tSes01F_impro05_F019\tang\t[1.5000, 4.0000, 4.5000]\n"
        "C-E1:\tAnger;\t()\nA-E3:\tval 2; act 4; dom  4;\t()\n\n"
        "[146.0000 - 147.1000]\tSes01F_impro05_M012\txxx\t[2.5000, 2.5000, 2.5000]\nC-E1:\tOther;\t(ang)\n\n"
    )
    turns, faults = parse_evaluation(text, DIALOG)
    assert turns == (
        Turn("Ses01F_impro05_F019", "ang", 140.225, 145.6, (1.5, 4.0, 4.5)),
        Turn("Ses01F_impro05_M012", "xxx", 146.0, 147.1, (2.5, 2.5, 2.5)),
    )
    assert faults == ()


def test_line_ends_may_be_those_of_windows() -> None:
    text = evaluation(("Ses01F_impro05_F000", "neu"), ("Ses01F_impro05_M000", "sad")).replace("\n", "\r\n")
    assert [turn.emotion for turn in parse_evaluation(text, DIALOG)[0]] == ["neu", "sad"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("[1.0 - ]\tSes01F_impro05_F001\tang\t[1, 2, 3]", "'[START - END]<tab>UTTERANCE<tab>EMOTION'"),
        ("Ses01F_impro05_F001\tang", "'[START - END]<tab>UTTERANCE<tab>EMOTION'"),
        ("[1.0 - 2.0]\tSes01F_impro05_F001\tjoy\t[1, 2, 3]", "an emotion of ang, hap, exc"),
        ("[1.0 - 2.0]\tSes01F_impro06_F001\tang\t[1, 2, 3]", "an utterance of dialog Ses01F_impro05"),
    ],
)
def test_a_bad_block_is_listed_with_its_line(line: str, expected: str) -> None:
    text = evaluation(("Ses01F_impro05_F000", "neu")) + f"\n{line}\nC-E1:\tAnger;\t()\n\n"
    text += evaluation(("Ses01F_impro05_M000", "sad"))
    turns, faults = parse_evaluation(text, DIALOG)
    assert [turn.utterance for turn in turns] == ["Ses01F_impro05_F000", "Ses01F_impro05_M000"]
    assert [fault.line for fault in faults] == [text.splitlines().index(line) + 1]
    assert expected in str(faults[0])


def test_turns_that_were_never_cut_out_are_left_out() -> None:
    text = evaluation(("Ses01F_impro05_F000", "neu"), ("Ses01F_impro05_FXX0", "neu"))
    turns, faults = parse_evaluation(text, DIALOG)
    assert ([turn.utterance for turn in turns], faults) == (["Ses01F_impro05_F000"], ())


def test_an_evaluation_without_a_turn_is_an_error() -> None:
    with pytest.raises(AnnotationError, match=r"Ses01F_impro05\.txt: expected blocks that begin"):
        parse_evaluation("nothing\n\nof use\n", DIALOG)


def test_transcripts_come_by_id_and_other_lines_are_left_out() -> None:
    text = (
        "Ses01F_impro05_F000 [006.2901-008.2357]: Excuse me: what?\r\n"
        "M: Well.\r\n\r\nSes01F_impro05_FXX0 [008.0-009.0]: Not cut out.\r\n"
        "Ses01F_impro05_M000 [010.0000-011.0000]: \r\n"
    )
    assert parse_transcription(text, DIALOG) == {
        "Ses01F_impro05_F000": "Excuse me: what?",
        "Ses01F_impro05_M000": "",
    }


def test_a_bad_transcript_line_is_named() -> None:
    with pytest.raises(AnnotationError, match=r"line 2: expected 'UTTERANCE \[START-END\]: words'"):
        parse_transcription("\nSes01F_impro05_F000 no times: Hello\n", DIALOG)


def test_alignment_rows_have_frames_and_the_plain_symbol() -> None:
    text = (
        "\t SFrm\t EFrm\t SegAScr Phone\n\t    0\t   10\t -123456\tSIL\n"
        "\t   11\t   14\t  -5678\tHH SIL AE b\n\tTotal score:   -4\n"
    )
    assert parse_alignment(text, Path("a.phseg")) == (Segment(0, 10, "SIL"), Segment(11, 14, "HH"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected the header 'SFrm EFrm SegAScr"),
        ("0 1 -5 A\nTotal score: 1\n", "line 1: expected the header"),
        ("SFrm EFrm SegAScr Word\n", "line 1: expected a last line with the total score"),
        ("SFrm EFrm SegAScr Word\n 0 9 -5 A\n 10 1", "line 3: expected a last line with the total score"),
        ("SFrm EFrm SegAScr Word\n 0 9 -5\nTotal\n", "line 2: expected 'SFrm EFrm SegAScr SYMBOL', found '0 9 -5'"),
        ("SFrm EFrm SegAScr Word\n x 9 -5 A\nTotal\n", "line 2: expected 'SFrm EFrm SegAScr SYMBOL'"),
        ("SFrm EFrm SegAScr Word\n 9 8 -5 A\nTotal\n", "line 2: expected a last frame of at least 9, found 8"),
    ],
)
def test_a_bad_alignment_names_its_line(text: str, message: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        parse_alignment(text, Path("a.wdseg"))
    assert message in str(caught.value)


def test_silences_and_noises_are_no_words_and_variants_are() -> None:
    rows = parse_alignment(alignment("Word", "<s>", "WHAT(2)", "<sil>", "++LAUGHTER++", "IS", "</s>"), Path("a.wdseg"))
    assert [row.symbol for row in rows if is_word(row.symbol)] == ["WHAT(2)", "IS"]
