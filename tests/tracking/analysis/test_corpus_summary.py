from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser.corpora.corpus import Corpus
from ser.corpora.loading import load_corpus
from studies.cli.corpus.tables import agreement_line
from tests.support.corpora import lablaut, write_emodb, write_text
from tests.support.toy_corpus import make_corpus
from tracking.analysis.corpus_summary import class_tables, count_rows, duration_rows, summarise, target_rows


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_emodb(tmp_path / "emodb", ["03a01Wa", "03a02Na", "08a01Wa", "08a01Wb", "09a01Fa"])


def corpus_of_durations(*durations_s: float) -> Corpus:
    """Make a corpus of two speakers, each with an angry and a sad utterance."""
    return replace(make_corpus(("f1", "m1"), each=1), durations_s=durations_s)


def test_classes_are_counted_by_session_and_speaker(demo_root: Path, root: Path) -> None:
    sessions, speakers = class_tables(load_corpus("demo", demo_root))
    assert (sessions.by, speakers.by) == ("session", "speaker")
    assert [row.name for row in sessions.rows] == [f"Ses0{n}" for n in range(1, 6)]
    assert all(list(row.emotions.values()) == [10, 10, 10, 10] for row in sessions.rows)
    assert [row.utterances for row in speakers.rows] == [20] * 10
    wavs = (demo_root / "Session2").rglob("*.wav")
    assert sessions.rows[1].duration_s == pytest.approx(sum(soundfile.info(path).duration for path in wavs))
    (by_speaker,) = class_tables(load_corpus("emodb", root))
    assert [row.name for row in by_speaker.rows] == ["03", "08", "09"]


def test_a_split_has_a_table_if_every_utterance_has_a_subset() -> None:
    corpus = corpus_of_durations(1, 2, 3, 4)
    first, second, third, fourth = corpus.utterances
    with_subset = (replace(first, split="test"), replace(second, split="training"), replace(third, split="validation"))
    complete = replace(corpus, utterances=(*with_subset, replace(fourth, split="training")))
    split, _ = class_tables(complete)
    assert [(row.name, list(row.emotions.values()), row.duration_s) for row in split.rows] == [
        ("training", [0, 2], 6),
        ("validation", [1, 0], 3),
        ("test", [1, 0], 1),
    ]
    assert [table.by for table in class_tables(replace(corpus, utterances=(*with_subset, fourth)))] == ["speaker"]


def test_durations_by_emotion_and_of_all() -> None:
    angry, sad, total = duration_rows(corpus_of_durations(1, 2, 4, 8))
    assert (angry.name, angry.utterances, angry.shortest_s, angry.mean_s, angry.longest_s) == ("anger", 2, 1, 2.5, 4)
    assert (sad.name, sad.total_s, sad.median_s) == ("sadness", 10, 5)
    assert (total.name, total.utterances, total.total_s) == ("all", 4, 15)
    quartiles = np.quantile([1, 2, 4, 8], (0.25, 0.5, 0.75))
    assert (total.lower_quartile_s, total.median_s, total.upper_quartile_s) == tuple(quartiles)


def test_an_emotion_without_utterances_has_no_durations() -> None:
    corpus = replace(corpus_of_durations(1, 2, 3, 4), emotions=("anger", "joy", "sadness"))
    assert [row.name for row in duration_rows(corpus)] == ["anger", "sadness", "all"]


def test_counts_by_source(root: Path) -> None:
    write_text(root / "lablaut" / "09a01Faxx.lablaut", lablaut(*"aaaaaaaa"))
    (root / "lablaut" / "03a01Waxx.lablaut").unlink()
    rows = [
        (row.count, row.source, row.utterances, row.mean, row.smallest, row.largest)
        for row in count_rows(load_corpus("emodb", root))
    ]
    assert rows == [
        ("words", "transcript", 5, 6.0, 6, 6),
        ("voiced phonemes", "labels", 4, 4.25, 3, 8),
        ("voiced phonemes", "imputed", 1, 5.0, 5, 5),
    ]


def test_unknown_counts_are_a_source_without_numbers() -> None:
    rows = count_rows(corpus_of_durations(1, 2, 3, 4))
    assert [(row.count, row.source, row.utterances, row.mean, row.largest) for row in rows] == [
        ("words", "unknown", 4, None, None),
        ("voiced phonemes", "unknown", 4, None, None),
    ]


def test_shortened_targets_follow_from_frames_and_counts(root: Path) -> None:
    # Half a second has 51 frames of 10 ms, 26 of 20 ms and 17 of 30 ms: 26, 13 and 9 labels fit.
    for stem, phones in (("03a01Wa", 13), ("03a02Na", 14), ("08a01Wa", 9), ("08a01Wb", 4), ("09a01Fa", 5)):
        write_text(root / "lablaut" / f"{stem}xx.lablaut", lablaut(*"a" * phones))
    rows = target_rows(load_corpus("emodb", root))
    capped: dict[str, list[int]] = {}
    for row in rows:
        capped.setdefault(row.labels, []).append(row.capped)
        assert row.comparable == (row.capped == 0)
    assert capped == {"words": [0, 0, 0], "phonemes": [0, 1, 2], "phonemes_x2": [1, 3, 4], "utterance": [0, 0, 0]}
    assert [row.stack for row in rows[:3]] == [1, 2, 3]


@pytest.mark.skipif(find_spec("espeakng_loader") is None, reason="needs eSpeak NG")
def test_agreement_has_error_difference_and_correlation() -> None:
    corpus = corpus_of_durations(1, 2, 3, 4)
    spoken = (("Ja", 2), ("Guten Tag", 6), ("Guten Tag", 5), ("Ja", 2))
    utterances = tuple(
        replace(utterance, transcript=text, voiced_phonemes=count, voiced_phonemes_source="labels")
        for utterance, (text, count) in zip(corpus.utterances, spoken, strict=True)
    )
    line = agreement_line(summarise(replace(corpus, utterances=utterances, language="de")))
    correlation = np.corrcoef([2, 5, 5, 2], [2, 6, 5, 2])[0, 1]
    assert line == (
        "voiced phonemes by grapheme-to-phoneme, against those counted: 4 utterances, mean absolute error 0.25, "
        f"mean difference -0.25, correlation {correlation:.3f}"
    )
    identical = tuple(replace(utterance, transcript="Ja") for utterance in utterances)
    assert str(agreement_line(summarise(replace(corpus, utterances=identical)))).endswith("correlation undefined")


def test_a_missing_agreement_has_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ser.corpora.transcripts.g2p.is_installed", lambda: False)
    corpus = corpus_of_durations(1, 2, 3, 4)
    assert agreement_line(summarise(corpus)) is None
    spoken = tuple(
        replace(utterance, transcript="Ja", voiced_phonemes=2, voiced_phonemes_source="labels")
        for utterance in corpus.utterances
    )
    line = agreement_line(summarise(replace(corpus, utterances=spoken)))
    assert "not compared, grapheme-to-phoneme conversion needs eSpeak NG" in str(line)
