"""Result of a fold: what it rests on, what became of its targets, and what its attention does."""

from dataclasses import replace

import pytest
import torch

from ser.devices import cpu_name
from ser.errors import ConfigurationError
from ser.identity import RESULTS_VERSION, fold_identity
from ser.metrics import evaluation_confusion, unweighted_accuracy, weighted_accuracy
from ser.model.network import SpeechEmotionNetwork
from ser.results import FoldResult
from tests.support.toy_corpus import EMOTIONS, fold_of, small, toy_corpus, toy_store, train

CORPUS = toy_corpus()
TEST = [index for index, u in enumerate(CORPUS.utterances) if u.speaker == "f1"]


def test_the_result_says_what_it_rests_on() -> None:
    configuration = small(labels="phonemes")
    trained = train(configuration)
    result, fold = trained.result, fold_of(CORPUS)
    assert result.identity == fold_identity(configuration, CORPUS.digest, fold, "cpu")
    assert result.results_version == RESULTS_VERSION
    assert (result.fold, result.configuration) == (fold, configuration)
    assert (result.corpus.name, result.corpus.digest, result.corpus.emotions) == ("made-up", "0" * 32, EMOTIONS)
    assert result.environment["torch"] == str(torch.__version__)
    assert result.environment["device"] == cpu_name()
    assert cpu_name().strip()
    assert list(result.test.utterances) == [CORPUS.utterances[index].id for index in TEST]
    assert set(result.test.speakers) == {"f1"}
    assert set(result.validation.speakers) == {"m1"}
    last = result.curve[-1].values
    confusion = evaluation_confusion(result.validation, 3)
    assert unweighted_accuracy(confusion) == last["validation_ua"]
    assert weighted_accuracy(confusion) == last["validation_wa"]
    assert set(trained.weights) == {name for name, _ in SpeechEmotionNetwork(configuration, 3).named_parameters()}


def test_capped_targets_are_reported() -> None:
    long = replace(CORPUS, utterances=tuple(replace(u, voiced_phonemes=9) for u in CORPUS.utterances))
    store = toy_store(long)
    targets = train(small(labels="phonemes"), long, store=store).result.targets
    assert targets.capped == int((store.lengths < 17).sum())
    assert 0 < targets.capped < targets.utterances == len(long.utterances)


def test_missing_counts_are_refused() -> None:
    bare = replace(CORPUS, utterances=tuple(replace(u, words=None) for u in CORPUS.utterances))
    with pytest.raises(ConfigurationError, match="no count for label strategy 'words'"):
        train(small(labels="words"), bare)
    assert train(small(criterion="cross_entropy"), bare).result.targets.capped == 0


def test_a_result_says_what_its_attention_does() -> None:
    assert train(small()).result.attention_effect is None
    effect = train(small(attention="quantum", quantum_states="unit")).result.attention_effect
    assert effect is not None
    assert 0 <= effect.changed_decision_share <= 1
    assert set(effect.weight_statistics) == {"negative_weight_share", "saturated_weight_share"}


def test_results_from_before_quantum_states_are_read_as_raw() -> None:
    result = train(small(attention="quantum", quantum_states="raw")).result
    content = result.model_dump(mode="json")
    del content["attention_effect"], content["configuration"]["quantum_states"]
    earlier = FoldResult.model_validate(content)
    assert earlier == result.model_copy(update={"attention_effect": None})
    assert earlier.configuration.quantum_states == "raw"
