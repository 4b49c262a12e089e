"""Scoring a part of a fold: in its order, whoever shares a batch, with the right sums."""

import numpy as np
import pytest
import torch
from typing_extensions import override

from ser.config import FoldConfiguration
from ser.model.attention import NoAttention, QuantumAttention
from ser.model.decoding import decode
from ser.model.network import SpeechEmotionNetwork
from ser.training import evaluation
from ser.training.data import FoldData, prepare_fold_data
from ser.training.evaluation import ScoredEvaluation, evaluate, measure_attention_effect, utterance_losses
from tests.support.toy_corpus import READINGS, fold_of, small, toy_corpus, toy_store

CORPUS = toy_corpus()
CRITERIA = ["ctc", "cross_entropy", "joint"]


def network_and_data(configuration: FoldConfiguration) -> tuple[SpeechEmotionNetwork, FoldData]:
    torch.manual_seed(0)
    return SpeechEmotionNetwork(configuration, 3), prepare_fold_data(
        CORPUS, toy_store(CORPUS), configuration, fold_of(CORPUS)
    )


def one_by_one(configuration: FoldConfiguration) -> tuple[list[list[float]], list[int], list[float]]:
    """Scores, decisions and losses of the training utterances, each run alone."""
    network, data = network_and_data(configuration)
    scores, decisions, losses = [], [], []
    for index in data.training:
        frames, lengths = data.features.batch([index])
        emotions, counts = data.emotions[[index]], data.counts[[index]]
        output = network(frames, lengths)
        decided = decode(output, lengths, counts, configuration.decision)
        scores.append(decided.scores[0].tolist())
        decisions.append(int(decided.emotions[0]))
        losses.append(float(utterance_losses(output, lengths, emotions, counts, configuration)[0].detach()))
    return scores, decisions, losses


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("name", READINGS)
def test_scores_and_loss_equal_those_of_each_utterance_alone(name: str, criterion: str) -> None:
    configuration = small(**READINGS[name], criterion=criterion)
    scores, decisions, losses = one_by_one(configuration)
    network, data = network_and_data(configuration)
    scored = evaluate(network, data, configuration, data.training)
    np.testing.assert_allclose(scored.evaluation.scores, scores, atol=1e-5)
    assert list(scored.evaluation.predicted) == decisions
    assert scored.loss == pytest.approx(np.mean(losses), rel=1e-5)
    assert scored.evaluation.loss == scored.loss


def run(configuration: FoldConfiguration) -> ScoredEvaluation:
    network, data = network_and_data(configuration)
    return evaluate(network, data, configuration, data.training)


@pytest.mark.parametrize("name", READINGS)
def test_small_batches_change_nothing_but_the_last_digits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(small(**READINGS[name]))
    monkeypatch.setattr(evaluation, "micro_batches", lambda lengths, cost: np.array_split(np.argsort(-lengths), 3))
    parts = run(small(**READINGS[name]))
    np.testing.assert_allclose(parts.evaluation.scores, whole.evaluation.scores, atol=1e-6)
    assert parts.evaluation.predicted == whole.evaluation.predicted
    assert parts.loss == pytest.approx(whole.loss, rel=1e-6)
    assert parts.attention_statistics == whole.attention_statistics


def test_records_stand_in_the_order_of_the_part() -> None:
    network, data = network_and_data(small())
    scored = evaluate(network, data, small(), data.training).evaluation
    lengths = data.features.lengths[data.training]
    assert lengths.tolist() != sorted(lengths), "the batches must be in another order than the part"
    utterances = [CORPUS.utterances[index] for index in data.training]
    assert list(scored.utterances) == [u.id for u in utterances]
    assert list(scored.speakers) == [u.speaker for u in utterances]
    assert list(scored.actual) == [CORPUS.emotions.index(u.emotion) for u in utterances]
    assert scored.sessions == (None,) * len(utterances)


def test_the_undecided_share_is_for_best_paths_alone() -> None:
    assert run(small(decision="posterior")).evaluation.undecided_share is None
    assert run(small(decision="likelihood")).evaluation.undecided_share is None
    assert run(small(criterion="cross_entropy")).evaluation.undecided_share is None
    configuration = small(decision="best_path")
    network, data = network_and_data(configuration)
    with torch.no_grad():
        network.output.bias[0] += 1
    frames, lengths = data.features.batch(data.training)
    decided = decode(network(frames, lengths), lengths, lengths, "best_path")
    share = evaluate(network, data, configuration, data.training).evaluation.undecided_share
    assert share == pytest.approx(decided.fell_back.float().mean().item())


def test_observations_are_shares_of_valid_frames() -> None:
    configuration = small(attention="quantum")
    network, data = network_and_data(configuration)
    with torch.no_grad():
        for weight in network.recurrent.parameters():
            weight.mul_(4)
    negative, saturated, frames_seen = 0, 0, 0
    assert isinstance(network.attention, QuantumAttention)
    for index in data.training:
        frames, lengths = data.features.batch([index])
        alpha = network.attention.weights(network.encode(frames, lengths), lengths)
        negative, saturated = negative + int((alpha < 0).sum()), saturated + int((alpha.abs() > 0.99).sum())
        frames_seen += alpha.numel()
    observed = evaluate(network, data, configuration, data.training).attention_statistics
    assert observed == pytest.approx(
        {"negative_weight_share": negative / frames_seen, "saturated_weight_share": saturated / frames_seen}
    )
    assert 0 < negative < frames_seen
    assert run(small(attention="local")).attention_statistics == {}


def test_scoring_leaves_no_gradients() -> None:
    network, data = network_and_data(small())
    evaluate(network, data, small(), data.test)
    assert all(weight.grad is None for weight in network.parameters())


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("name", READINGS)
def test_the_effect_counts_decisions_that_change_without_it(name: str, criterion: str) -> None:
    configuration = small(**READINGS[name], criterion=criterion)
    network, data = network_and_data(configuration)
    with torch.no_grad():
        for weight in network.recurrent.parameters():
            weight.mul_(3)
    measured = measure_attention_effect(network, data, configuration, data.training)
    if configuration.attention == "none":
        assert measured is None
        return
    attended = evaluate(network, data, configuration, data.training).evaluation.predicted
    network.attention = NoAttention()
    plain = evaluate(network, data, configuration, data.training).evaluation.predicted
    changed = sum(a != b for a, b in zip(attended, plain, strict=True))
    assert measured is not None
    assert measured.changed_decision_share == pytest.approx(changed / len(data.training))


def test_an_attention_that_turns_every_weight_changes_decisions() -> None:
    configuration = small(attention="quantum", quantum_states="unit")
    network, data = network_and_data(configuration)

    class Opposite(QuantumAttention):
        """Weights of -1 for every frame."""

        @override
        def weights(self, C_BTF: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
            return -torch.ones(C_BTF.shape[:2])

    network.attention = Opposite("frames", "unit")
    with torch.no_grad():
        network.output.bias.zero_()
    measured = measure_attention_effect(network, data, configuration, data.training)
    assert measured is not None
    assert measured.changed_decision_share == 1
    assert measured.weight_statistics == {"negative_weight_share": 1, "saturated_weight_share": 1}


def test_windowed_attentions_report_the_entropy_of_their_weights() -> None:
    for attention in ("local", "component"):
        configuration = small(attention=attention, scope=5)
        network, data = network_and_data(configuration)
        measured = measure_attention_effect(network, data, configuration, data.test)
        assert measured is not None
        (entropy,) = measured.weight_statistics.values()
        assert list(measured.weight_statistics) == ["relative_weight_entropy"]
        assert 0.9 < entropy < 1
