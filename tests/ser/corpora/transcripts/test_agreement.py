from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from ser.corpora.corpus import Corpus
from ser.corpora.loading import load_corpus
from ser.corpora.transcripts.agreement import Agreement, transcript_agreement
from ser.errors import CorpusError
from tests.support.toy_corpus import make_corpus

needs_espeak = pytest.mark.skipif(find_spec("espeakng_loader") is None, reason="needs eSpeak NG")


def corpus_of(*said: tuple[str | None, int | None, str]) -> Corpus:
    """Utterances with a transcript, voiced phonemes and their origin; 'Ja' has 2, 'Guten Tag' 5 of them."""
    corpus = make_corpus(each=len(said))
    utterances = [
        replace(utterance, transcript=transcript, voiced_phonemes=voiced, voiced_phonemes_source=origin)
        for utterance, (transcript, voiced, origin) in zip(corpus.utterances, said, strict=False)
    ]
    return replace(corpus, utterances=tuple(utterances), language="de")


@needs_espeak
def test_agreement_needs_a_transcript_and_counted_phonemes() -> None:
    corpus = corpus_of(
        ("Ja", 2, "labels"),
        ("Guten Tag", 5, "alignment"),
        ("Guten Tag", 7, "labels"),
        ("Ja", 5, "labels"),
        ("Ja", 99, "imputed"),
        ("Ja", 2, "grapheme-to-phoneme"),
        ("Ja", None, "unknown"),
        (None, 50, "labels"),
    )
    agreement = transcript_agreement(corpus)
    assert agreement is not None
    correlation = np.corrcoef([2, 5, 5, 2], [2, 5, 7, 5])[0, 1]
    assert agreement == Agreement(4, 5 / 4, pytest.approx(-5 / 4), pytest.approx(correlation))


@needs_espeak
def test_a_side_that_does_not_vary_has_no_correlation() -> None:
    corpus = corpus_of(("Ja", 2, "labels"), ("Ja", 3, "labels"))
    assert transcript_agreement(corpus) == Agreement(2, 0.5, -0.5, None)


def test_without_both_there_is_nothing_to_compare() -> None:
    corpus = corpus_of(("Ja", None, "unknown"), (None, 3, "labels"))
    assert transcript_agreement(corpus) is None


def test_without_espeak_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ser.corpora.transcripts.g2p.is_installed", lambda: False)
    corpus = corpus_of(("Ja", 2, "labels"))
    with pytest.raises(CorpusError, match="needs eSpeak NG"):
        transcript_agreement(corpus)


@needs_espeak
def test_transcripts_of_emodb_agree_with_its_hand_labels(emodb_root: Path) -> None:
    agreement = transcript_agreement(load_corpus("emodb", emodb_root))
    assert agreement is not None
    assert agreement.utterances == 533  # two of 535 label files are empty
    assert agreement.correlation == pytest.approx(0.970, abs=0.003)
    # A dictionary has the sounds that the actors leave out and join, so hardly any has more.
    assert agreement.mean_absolute_error == pytest.approx(4.53, abs=0.05)
    assert agreement.mean_difference == pytest.approx(4.52, abs=0.05)


@needs_espeak
def test_on_the_demo_corpus_only_linking_r_differs(demo_root: Path) -> None:
    # eSpeak spoke these sentences itself; its events write the r of 'there is' twice, the conversion once.
    agreement = transcript_agreement(load_corpus("demo", demo_root))
    assert agreement is not None
    assert agreement.utterances == 200
    assert agreement.mean_absolute_error == pytest.approx(0.125, abs=0.02)
    assert agreement.correlation is not None
    assert agreement.correlation > 0.98
