"""Evaluation of one subset of a fold: losses, decisions and statistics of the attention."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ser.config import FoldConfiguration
from ser.devices import to_device
from ser.model.decoding import Decoded, decode, decode_utterance_level
from ser.model.losses import cross_entropy_losses, scaled_ctc_losses
from ser.model.network import SpeechEmotionNetwork
from ser.results import Evaluation
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
    network.eval()
    device = network.output.weight.device
    groups = micro_batches(data.features.lengths[subset], data.cost)
    losses, decisions, sums, frames_seen = [], [], list[dict[str, Tensor]](), 0
    for group in groups:
        batch = subset[group]
        frames, frame_counts = data.features.batch(batch)
        frames, lengths = frames.to(device), to_device(frame_counts, device)
        emotions, counts = to_device(data.emotions[batch], device), data.counts[batch]
        C_BTF = network.encode(frames, lengths)
        log_probabilities = network.classify(C_BTF, lengths)
        losses.append(utterance_losses(log_probabilities, frame_counts, emotions, counts, configuration))
        decisions.append(_decide(log_probabilities, lengths, to_device(counts, device), configuration))
        sums.append(network.attention.statistics(C_BTF, lengths))
        frames_seen += int(frame_counts.sum())
    loss = float(torch.cat(losses).double().mean())
    evaluation = _evaluation(data, configuration, subset, np.concatenate(groups), decisions, loss)
    shares = {name: sum(float(batch_sums[name]) for batch_sums in sums) / frames_seen for name in sums[0]}
    return ScoredEvaluation(evaluation, loss, shares)


def _decide(log_probabilities: Tensor, lengths: Tensor, counts: Tensor, configuration: FoldConfiguration) -> Decoded:
    if configuration.decision is None:
        return decode_utterance_level(log_probabilities)
    return decode(log_probabilities, lengths, counts, configuration.decision)


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
