"""Speakers of a model's training are known in another corpus by their names, or by the samples of one utterance."""

from dataclasses import replace
from pathlib import Path

import pytest

from ser.corpora.corpus import Corpus
from ser.inference.description import Member, ModelDescription
from studies.models.training_speakers import find_training_speakers, heard_by_all_error, unheard_networks
from tests.support.toy_corpus import make_corpus
from tests.support.toy_models import write_model

CORPUS = make_corpus()
FOLDS = tuple(Member(identity=name, fold=name, seed=1, test_speakers=(name,)) for name in CORPUS.speakers)


@pytest.fixture
def model(tmp_path: Path) -> ModelDescription:
    digests: dict[str, list[str]] = {}
    for utterance, samples in zip(CORPUS.utterances, CORPUS.samples_sha256, strict=True):
        digests.setdefault(utterance.speaker, []).append(samples[:32])
    return write_model(tmp_path / "model", corpus=CORPUS.identity, members=FOLDS, samples_digests=digests)


def elsewhere(**speakers: str) -> Corpus:
    """Other recordings of another corpus, but for the first utterance of each speaker that is named anew."""
    utterances = tuple(replace(entry, speaker=speakers.get(entry.speaker, "stranger")) for entry in CORPUS.utterances)
    samples = tuple(
        digest if entry.speaker in speakers and digest.endswith("anger-0") else f"other {digest}"
        for entry, digest in zip(CORPUS.utterances, CORPUS.samples_sha256, strict=True)
    )
    return replace(CORPUS, name="elsewhere", digest="4" * 32, utterances=utterances, samples_sha256=samples)


def test_a_speaker_is_known_by_the_samples_of_one_utterance(model: ModelDescription) -> None:
    heard = find_training_speakers(model, elsewhere(f2="anna", m1="otto"))
    assert {speaker: found.names for speaker, found in heard.items()} == {"anna": {"f2"}, "otto": {"m1"}}
    networks = {name: unheard_networks(model, name, heard) for name in ("anna", "otto", "stranger")}
    assert networks == {"anna": (1,), "otto": (2,), "stranger": (0, 1, 2, 3)}


def test_who_is_several_training_speakers_has_no_network(model: ModelDescription) -> None:
    heard = find_training_speakers(model, elsewhere(f2="anna", m1="anna"))
    assert unheard_networks(model, "anna", heard) == ()
    assert unheard_networks(model, "stranger", heard) == (0, 1, 2, 3)
    reason = "speaker f2, m1 of corpus made-up, of whom utterance m1-anger-0 of speaker anna is a recording; evaluate"
    assert reason in str(heard_by_all_error(model, "anna", heard["anna"]))


def test_speakers_of_the_same_name_are_strangers_elsewhere(model: ModelDescription) -> None:
    assert find_training_speakers(model, elsewhere(f1="f2")).keys() == {"f2"}
    others = elsewhere()
    assert find_training_speakers(model, others) == {}
    same_name = replace(CORPUS, digest="5" * 32, samples_sha256=others.samples_sha256)
    assert find_training_speakers(model.model_copy(update={"speakers": ("f1",)}), same_name).keys() == {"f1"}
