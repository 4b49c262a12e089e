"""Corpora that a manifest describes: columns, options, partners, counts, rows that cannot be used."""

import re
from pathlib import Path

import pytest

from ser.corpora.corpus import Annotations
from ser.corpora.loading import load_corpus
from ser.corpora.registry import load_annotations
from ser.errors import ConfigurationError, CorpusError
from ser.training.targets import available_strategies, ctc_target_lengths
from tests.support.corpora import write_manifest, write_wav

PATH = Path("corpus/manifest.csv")

ROWS: list[dict[str, object]] = [
    {"path": "a/one.wav", "speaker": "s1", "emotion": "joy"},
    {"path": "a/two.wav", "speaker": "s2", "emotion": "anger"},
    {"path": "b/three.wav", "speaker": "s3", "emotion": "joy"},
    {"path": "b/four.wav", "speaker": "s4", "emotion": "anger"},
]


def with_column(column: str, *values: object) -> list[dict[str, object]]:
    return [row | {column: value} for row, value in zip(ROWS, values, strict=True)]


def load(root: Path, rows: list[dict[str, object]] | None = None, **options: str) -> Annotations:
    return load_annotations("manifest", write_manifest(root, ROWS if rows is None else rows), options)


def test_a_manifest_with_its_three_columns_is_a_corpus(tmp_path: Path) -> None:
    annotations = load(tmp_path)
    assert [(u.id, u.path, u.speaker, u.emotion) for u in annotations.utterances] == [
        ("four", tmp_path / "b" / "four.wav", "s4", "anger"),
        ("one", tmp_path / "a" / "one.wav", "s1", "joy"),
        ("three", tmp_path / "b" / "three.wav", "s3", "joy"),
        ("two", tmp_path / "a" / "two.wav", "s2", "anger"),
    ]
    assert (annotations.corpus, annotations.root, annotations.language) == ("manifest", tmp_path, "und")
    assert annotations.skipped == ()


def test_all_optional_columns_are_read(tmp_path: Path) -> None:
    row = {
        "transcript": "Guten Tag, Welt",
        "id": "x7",
        "session": "S1",
        "words": "3",
        "voiced_phonemes": "9.0",
        "language": "DE-at",
        "split": "dev",
        "partner": "s2",
    }
    annotations = load(tmp_path, [ROWS[0] | row, ROWS[1] | dict.fromkeys(row, "")])
    first = next(u for u in annotations.utterances if u.id == "x7")
    assert (first.transcript, first.session, first.language, first.split) == (
        "Guten Tag, Welt",
        "S1",
        "de",
        "validation",
    )
    assert (first.words, first.words_source, first.voiced_phonemes, first.voiced_phonemes_source) == (
        *(3, "manifest"),
        *(9, "manifest"),
    )
    second = next(u for u in annotations.utterances if u.id == "two")
    assert (second.transcript, second.session, second.language, second.split) == (None, None, None, None)
    assert (second.words, second.words_source, second.voiced_phonemes) == (None, "unknown", None)
    assert annotations.partners == {"s1": "s2", "s2": "s1"}


def test_the_default_class_set_is_all_emotions_and_noted(tmp_path: Path) -> None:
    rows = [*ROWS, {"path": "gone.wav", "speaker": "s4", "emotion": "fear"}]
    write_manifest(tmp_path, rows)
    (tmp_path / "gone.wav").unlink()
    annotations = load_annotations("manifest", tmp_path)
    assert annotations.emotions == ("anger", "fear", "joy")
    assert any(note.startswith("class set, from all rows: anger, fear, joy") for note in annotations.notes)


def test_a_chosen_class_set_keeps_its_order(tmp_path: Path) -> None:
    rows = [*ROWS, {"path": "c.wav", "speaker": "s4", "emotion": "fear"}]
    annotations = load(tmp_path, rows, emotions="joy, anger")
    assert annotations.emotions == ("joy", "anger")
    assert len(annotations.utterances) == 4
    assert "left out, emotion outside the class set: fear 1" in annotations.notes
    assert not any(note.startswith("class set") for note in annotations.notes)


def test_an_emotion_given_that_no_row_has_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"unknown emotion 'angr' \(did you mean 'anger'\?\); valid: anger, joy"
    ):
        load(tmp_path, emotions="joy,angr")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"emotions": "joy,,anger"}, "option emotions.*expected different names, separated by commas"),
        ({"emotions": "joy,joy"}, "expected different names"),
        ({"language": "german"}, "option language='german': expected an ISO 639-1 code"),
        ({"name": "../up"}, "option name='../up': expected up to 40 letters, digits"),
        ({"name": "o'brien"}, 'option name="o\'brien": expected up to 40 letters, digits'),
        ({"name": "a b"}, "expected up to 40 letters"),
        ({"name": ""}, "expected up to 40 letters"),
        ({"name": "x" * 41}, "expected up to 40 letters"),
        ({"name": "emodb"}, "option name='emodb': that is another corpus; choose a different name"),
        (
            {"delimiter": ";"},
            "corpus manifest has no option 'delimiter'; valid options: name, emotions, language, same_speaker, ",
        ),
    ],
)
def test_a_bad_option_is_refused(tmp_path: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load(tmp_path, **options)


def test_two_manifests_are_two_corpora_by_name(tmp_path: Path) -> None:
    rows = with_column("words", 1, 2, 3, 4)
    plain, named = load(tmp_path, rows), load(tmp_path, rows, name="radio-plays_2")
    assert (plain.corpus, named.corpus) == ("manifest", "radio-plays_2")
    assert {u.words_source for u in named.utterances} == {"manifest"}
    corpus = load_corpus("manifest", tmp_path, options={"name": "radio-plays_2"})
    assert (corpus.name, corpus.identity.name) == ("radio-plays_2", "radio-plays_2")
    assert corpus.digest == load_corpus("manifest", tmp_path).digest
    assert load(tmp_path, name="manifest").corpus == "manifest"


def test_the_manifest_may_have_another_name(tmp_path: Path) -> None:
    write_manifest(tmp_path, ROWS, name="all.csv")
    assert len(load_annotations("manifest", tmp_path, {"file": "all.csv"}).utterances) == 4
    with pytest.raises(CorpusError, match=r"has no file 'manifest\.csv'; expected a corpus with the manifest"):
        load_annotations("manifest", tmp_path)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("speaker", "", "expected a value for 'speaker', found none"),
        ("emotion", "  ", "expected a value for 'emotion', found none"),
        ("path", "gone.wav", "expected an audio file, found none at .*gone.wav"),
        ("path", "x" * 5000, "expected an audio file, found none at"),
        ("path", "a", "expected an audio file, found none at .*a$"),
        ("path", "b/four.wav", r"expected audio of its own, found that of manifest\.csv, line 5"),
        ("speaker", "s\n1", "expected 'speaker' on one line, without control characters, found 's.n1'"),
        ("words", "many", "expected 'words' to be a whole number, 0 or more, found 'many'"),
        ("words", "-1", "found '-1'"),
        ("words", "2.5", "found '2.5'"),
        ("words", "٣", "found '٣'"),
        ("words", "9" * 5000, "found '9999"),
        ("voiced_phonemes", "1e3", "expected 'voiced_phonemes' to be a whole number"),
        ("split", "eval", "expected 'split' to be one of training, train, validation"),
        (
            "split",
            "1",
            "found '1'; write training, validation or test, and for numbered folds use the column 'session'",
        ),
        ("split", "fold1", "found 'fold1'; write training, validation or test"),
        ("language", "deutsch", "expected 'language' to be an ISO 639-1 code, such as 'de', found 'deutsch'"),
        ("id", "other", r"expected an id of its own, found 'other', which is that of manifest\.csv, line 2"),
        ("partner", "s4", "expected another speaker as partner of 's4', found the same"),
    ],
)
def test_a_bad_row_is_skipped_and_listed_with_its_line(tmp_path: Path, column: str, value: str, message: str) -> None:
    good = {"words": "3", "voiced_phonemes": "", "split": "", "language": "", "id": "", "partner": ""}
    rows = [row | good for row in ROWS]
    rows[0]["id"] = "other"
    write_manifest(tmp_path, rows)
    bad = {"path": "z.wav", "speaker": "s4", "emotion": "anger"} | good | {column: value}
    write_wav(tmp_path / "z.wav", seed=9)
    text = (tmp_path / "manifest.csv").read_text()
    cells = ",".join(f'"{cell}"' for cell in bad.values())
    (tmp_path / "manifest.csv").write_text(f"{text}{cells}\n")
    annotations = load_annotations("manifest", tmp_path)
    assert len(annotations.utterances) == 4
    assert [skipped.name for skipped in annotations.skipped] == ["manifest.csv, line 6"]
    reason = annotations.skipped[0].reason
    assert reason.startswith(f"{tmp_path / 'manifest.csv'}, line 6: ")
    assert len(reason.splitlines()) == 1
    assert re.search(message, reason)


def test_rows_with_stray_quotes_or_missing_values_are_listed(tmp_path: Path) -> None:
    load(tmp_path)
    lines = (tmp_path / "manifest.csv").read_text().splitlines()
    lines[2] = 'a/two.wav,"s"2,anger'
    lines[3] += ",more"
    (tmp_path / "manifest.csv").write_text("\n".join([*lines, "", '"never closed,s1,joy', "x.wav,s1,joy", ""]))
    annotations = load_annotations("manifest", tmp_path)
    assert [u.id for u in annotations.utterances] == ["four", "one"]
    names = [skipped.name for skipped in annotations.skipped]
    assert names == ["manifest.csv, line 3", "manifest.csv, line 4", "manifest.csv, line 7"]
    assert "expected 3 values, as in the header, found 4" in annotations.skipped[1].reason
    assert "found a quote that is left open and swallows the lines up to 8" in annotations.skipped[2].reason


def test_a_manifest_without_a_usable_row_is_refused(tmp_path: Path) -> None:
    write_manifest(tmp_path, ROWS[:1])
    (tmp_path / "a" / "one.wav").unlink()
    with pytest.raises(CorpusError, match=r"none of 1 rows can be used \(first: .*line 2: expected an audio file"):
        load_annotations("manifest", tmp_path)
    (tmp_path / "manifest.csv").write_text("path,speaker,emotion\n")
    with pytest.raises(CorpusError, match=r"none of 0 rows can be used$"):
        load_annotations("manifest", tmp_path)


def test_unused_columns_are_noted_since_a_name_may_be_mistyped(tmp_path: Path) -> None:
    annotations = load(tmp_path, with_column("transcripts", *"abcd"))
    assert "unused columns of the manifest: 'transcripts' (rename it to 'transcript' to use it)" in annotations.notes


def test_ids_are_stems_or_paths_where_stems_are_not_unique(tmp_path: Path) -> None:
    rows = [{"path": path, "speaker": "s1", "emotion": "joy"} for path in ("a/x.wav", "b/x.wav", "b/y.wav")]
    assert [u.id for u in load(tmp_path, rows).utterances] == ["a/x.wav", "b/x.wav", "b/y.wav"]


def test_partners_come_from_their_column_both_ways(tmp_path: Path) -> None:
    annotations = load(tmp_path, with_column("partner", "s4", "", "s2", ""))
    assert annotations.partners == {"s1": "s4", "s4": "s1", "s2": "s3", "s3": "s2"}


def test_a_partner_who_has_another_partner_is_a_bad_row(tmp_path: Path) -> None:
    annotations = load(tmp_path, with_column("partner", "s2", "s3", "s1", ""))
    assert [u.speaker for u in annotations.utterances] == ["s4", "s1"]
    reasons = [skipped.reason for skipped in annotations.skipped]
    assert reasons[0].endswith("line 3: expected 's1' as partner of 's2', as in earlier rows, found 's3'")
    assert reasons[1].endswith("line 4: expected 's1' as partner of 's2', as in earlier rows, found it for 's3'")
    assert "speakers without a partner: s1, s4" in annotations.notes


def test_a_partner_without_utterances_is_none(tmp_path: Path) -> None:
    annotations = load(tmp_path, with_column("partner", "s9", "", "s4", ""))
    assert annotations.partners == {"s3": "s4", "s4": "s3"}
    assert "speakers without a partner: s1, s2" in annotations.notes


def test_partners_are_the_two_speakers_of_each_session(tmp_path: Path) -> None:
    annotations = load(tmp_path, with_column("session", "x", "y", "y", "x"))
    assert annotations.partners == {"s1": "s4", "s4": "s1", "s2": "s3", "s3": "s2"}
    assert not any("paired" in note for note in annotations.notes)


@pytest.mark.parametrize("sessions", ["xxxx", "xxy ", "xyyz"])
def test_without_sessions_of_two_neighbours_are_partners(tmp_path: Path, sessions: str) -> None:
    annotations = load(tmp_path, with_column("session", *sessions))
    assert annotations.partners == {"s1": "s2", "s2": "s1", "s3": "s4", "s4": "s3"}
    assert any("paired in the order of their names" in note and "s1+s2, s3+s4" in note for note in annotations.notes)


def test_an_odd_number_of_speakers_is_not_paired(tmp_path: Path) -> None:
    annotations = load(tmp_path, ROWS[:3])
    assert annotations.partners == {}
    assert any(note.endswith("an odd number): each is validated by the next") for note in annotations.notes)


def test_the_language_is_the_option_s_or_that_of_all_rows(tmp_path: Path) -> None:
    assert load(tmp_path / "a", language="PL").language == "pl"
    agreed = load(tmp_path / "b", with_column("language", *["it"] * 4))
    assert (agreed.language, {u.language for u in agreed.utterances}) == ("it", {None})
    mixed = load(tmp_path / "c", with_column("language", "it", "fr", "", "it"), language="it")
    assert (mixed.language, [u.language for u in mixed.utterances]) == ("it", [None, None, None, "fr"])
    some = load(tmp_path / "d", with_column("language", "it", "", "", "it"))
    assert (some.language, [u.language for u in some.utterances]) == ("und", ["it", "it", None, None])


def test_without_counts_only_one_label_is_offered(tmp_path: Path) -> None:
    write_manifest(tmp_path, ROWS)
    corpus = load_corpus("manifest", tmp_path)
    assert available_strategies(corpus.utterances) == ("utterance",)
    frames = [50] * 4
    for strategy in ("words", "phonemes", "phonemes_x2"):
        with pytest.raises(ConfigurationError, match=f"no count for label strategy '{strategy}'.* offers: utterance$"):
            ctc_target_lengths(corpus.utterances, strategy, frames)  # type: ignore[arg-type]
    assert ctc_target_lengths(corpus.utterances, "utterance", frames)[0] == (1, 1, 1, 1)


def test_with_transcripts_words_are_counted(tmp_path: Path) -> None:
    write_manifest(tmp_path, with_column("transcript", "one", "one two", "Der, die, das!", "- four - a b c -"))
    corpus = load_corpus("manifest", tmp_path)
    assert {u.id: (u.words, u.words_source) for u in corpus.utterances} == {
        "one": (1, "transcript"),
        "two": (2, "transcript"),
        "three": (3, "transcript"),
        "four": (4, "transcript"),
    }
    assert "words" in available_strategies(corpus.utterances)


def test_paths_that_leave_the_folder_need_an_option(tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    outside = write_wav(tmp_path / "outside.wav", seed=9)
    inside = write_wav(root / "inside.wav", seed=8)
    paths = ["a.wav", "b/../b.wav", str(inside), "../outside.wav", str(outside)]
    write_manifest(root, [{"path": path, "speaker": f"s{n}", "emotion": "joy"} for n, path in enumerate(paths)])
    annotations = load_annotations("manifest", root)
    assert [utterance.speaker for utterance in annotations.utterances] == ["s0", "s1", "s2"]
    assert [skipped.name for skipped in annotations.skipped] == ["manifest.csv, line 5", "manifest.csv, line 6"]
    assert all("in the corpus's folder, found" in skipped.reason for skipped in annotations.skipped)
    trusted = load_annotations("manifest", root, {"outside_root": "yes"})
    assert [utterance.speaker for utterance in trusted.utterances] == ["s0", "s1", "s2", "s3"]


def test_rows_left_out_are_a_warning_and_more_than_half_stop(tmp_path: Path) -> None:
    write_manifest(tmp_path, ROWS)
    (tmp_path / "a" / "one.wav").unlink()
    warning = load_corpus("manifest", tmp_path).warnings[0]
    assert warning.startswith("1 of 4 utterances are left out (first: manifest.csv, line 2: ")
    for path in ("a/two.wav", "b/three.wav"):
        (tmp_path / path).unlink()
    with pytest.raises(CorpusError, match=r"3 of 4 utterances are left out .* --corpus-set partial=yes"):
        load_corpus("manifest", tmp_path)
    assert len(load_corpus("manifest", tmp_path, options={"partial": "yes"}).utterances) == 1
