"""Evaluation of one subset of a fold: losses, decisions, and what the attention does."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ser.config import FoldConfiguration
from ser.devices import to_device
from ser.model.decoding import Decoded, decode
from ser.model.losses import cross_entropy_losses, joint_losses, scaled_ctc_losses
from ser.model.network import SpeechEmotionNetwork
from ser.results import AttentionEffect, Evaluation
from ser.training.batching import micro_batches
from ser.training.data import FoldData


@dataclass(frozen=True)
class ScoredEvaluation:
    """Evaluation with the statistics of the attention.

    Attributes:
        evaluation: Decisions, with the mean loss.
        loss: The mean loss, in nats.
        attention_statistics: Statistics of the attention weights, as shares of valid frames, by metric name.
    """

    evaluation: Evaluation
    loss: float
    attention_statistics: dict[str, float]


def utterance_losses(
    log_probabilities: Tensor, lengths: Tensor, emotions: Tensor, counts: Tensor, configuration: FoldConfiguration
) -> Tensor:
    """Return the criterion's loss of each utterance of a batch.

    Args:
        log_probabilities: The network's output, see `SpeechEmotionNetwork.forward`.
        lengths: Valid frames, shape `(batch,)`; best on the CPU, see `ctc_losses`.
        emotions: Classes from 0, shape `(batch,)`, beside the output.
        counts: Target lengths N, shape `(batch,)`; best on the CPU.
        configuration: The configuration.

    Returns:
        Losses in nats, shape `(batch,)`.
    """
    if configuration.joint_ctc_weight is not None:
        return joint_losses(log_probabilities, lengths, emotions, counts, configuration.joint_ctc_weight)
    if configuration.loss_scale is None:
        return cross_entropy_losses(log_probabilities, emotions)
    return scaled_ctc_losses(log_probabilities, lengths, emotions, counts, configuration.loss_scale)


@torch.no_grad()
def evaluate(
    network: SpeechEmotionNetwork, data: FoldData, configuration: FoldConfiguration, subset: NDArray[np.int64]
) -> ScoredEvaluation:
    """Score a subset of a fold, like lengths together; no setting of training moves how they are grouped.

    Args:
        network: The network with the weights to score.
        data: The fold's data.
        configuration: The configuration.
        subset: Utterance indices.

    Returns:
        Decisions in the order of `subset`, the mean loss, and the attention's statistics.
    """
    losses, decisions, sums, order = [], [], list[dict[str, Tensor]](), []
    for encoded in _encode_subset(network, data, subset):
        lengths = encoded.lengths
        emotions, counts = to_device(data.emotions[encoded.batch], lengths.device), data.counts[encoded.batch]
        log_probabilities = network.classify(encoded.C_BTF, lengths)
        losses.append(utterance_losses(log_probabilities, encoded.frame_counts, emotions, counts, configuration))
        decisions.append(decode(log_probabilities, lengths, to_device(counts, lengths.device), configuration.decision))
        sums.append(network.attention.statistics(encoded.C_BTF, lengths))
        order.append(encoded.group)
    loss = float(torch.cat(losses).double().mean())
    evaluation = _evaluation(data, configuration, subset, np.concatenate(order), decisions, loss)
    return ScoredEvaluation(evaluation, loss, _frame_means(sums, data, subset))


@torch.no_grad()
def measure_attention_effect(
    network: SpeechEmotionNetwork, data: FoldData, configuration: FoldConfiguration, subset: NDArray[np.int64]
) -> AttentionEffect | None:
    """Measure what the attention of a trained network does: decide with it, and with U = C.

    Returns:
        The effect, or None without an attention.
    """
    if configuration.attention == "none":
        return None
    changed, sums = 0, []
    for encoded in _encode_subset(network, data, subset):
        C_BTF, lengths = encoded.C_BTF, encoded.lengths
        counts = to_device(data.counts[encoded.batch], lengths.device)
        attended = decode(network.classify(C_BTF, lengths), lengths, counts, configuration.decision)
        plain = decode(network.classify_annotated(C_BTF, lengths), lengths, counts, configuration.decision)
        changed += int((attended.emotions != plain.emotions).sum())
        sums.append(network.attention.final_statistics(C_BTF, lengths))
    return AttentionEffect(
        changed_decision_share=changed / len(subset), weight_statistics=_frame_means(sums, data, subset)
    )


@dataclass(frozen=True)
class _EncodedBatch:
    """BLSTM outputs of a micro-batch.

    Attributes:
        group: Positions of its utterances in the subset.
        batch: Their utterance indices.
        C_BTF: BLSTM outputs, shape `(batch, frame, feature)`.
        frame_counts: Valid frames on the CPU, shape `(batch,)`.
        lengths: The same on the network's device.
    """

    group: NDArray[np.int64]
    batch: NDArray[np.int64]
    C_BTF: Tensor
    frame_counts: Tensor
    lengths: Tensor


def _encode_subset(network: SpeechEmotionNetwork, data: FoldData, subset: NDArray[np.int64]) -> Iterator[_EncodedBatch]:
    """Encode a subset in micro-batches of like lengths, with the network in evaluation mode."""
    network.eval()
    device = network.output.weight.device
    for group in micro_batches(data.features.lengths[subset], data.cost):
        batch = subset[group]
        frames, frame_counts = data.features.batch(batch)
        lengths = to_device(frame_counts, device)
        yield _EncodedBatch(group, batch, network.encode(frames.to(device), lengths), frame_counts, lengths)


def _frame_means(sums: list[dict[str, Tensor]], data: FoldData, subset: NDArray[np.int64]) -> dict[str, float]:
    """Divide the batches' sums over valid frames by the subset's valid frames."""
    frames = int(data.features.lengths[subset].sum())
    return {name: sum(float(batch_sums[name]) for batch_sums in sums) / frames for name in sums[0]}


def _evaluation(
    data: FoldData,
    configuration: FoldConfiguration,
    subset: NDArray[np.int64],
    order: NDArray[np.int64],
    decisions: list[Decoded],
    loss: float,
) -> Evaluation:
    """Put decisions, made in the order `subset[order]`, back into the order of `subset`."""
    inverse = np.argsort(order)
    predicted = torch.cat([decoded.emotions for decoded in decisions]).cpu()[inverse]
    scores = torch.cat([decoded.scores for decoded in decisions]).cpu()[inverse]
    undecided = torch.cat([decoded.fell_back for decoded in decisions])
    utterances = [data.corpus.utterances[index] for index in subset]
    return Evaluation(
        utterances=tuple(utterance.id for utterance in utterances),
        speakers=tuple(utterance.speaker for utterance in utterances),
        sessions=tuple(utterance.session for utterance in utterances),
        actual=tuple(data.emotions[subset].tolist()),
        predicted=tuple(predicted.tolist()),
        scores=tuple(tuple(row) for row in scores.tolist()),
        loss=loss,
        undecided_share=float(undecided.float().mean()) if configuration.decision == "best_path" else None,
    )
