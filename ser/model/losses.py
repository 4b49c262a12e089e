"""Three criteria: CTC over a repeated label, cross entropy over one label, and a weighted sum of both."""

import torch
from torch import Tensor
from torch.nn import functional

from ser.config import LossScale
from ser.devices import to_device
from ser.model.blstm import frame_mask
from ser.model.network import BLANK


def ctc_losses(log_probabilities: Tensor, lengths: Tensor, emotions: Tensor, counts: Tensor) -> Tensor:
    """CTC negative log-likelihood of each utterance's emotion repeated N times (paper, eq. 1-2).

    Args:
        log_probabilities: Shape `(batch, frame, 1 + class)`.
        lengths: Valid frames T, shape `(batch,)`.
        emotions: Emotion of each utterance, from 0, shape `(batch,)`, beside the probabilities.
        counts: N of each utterance, shape `(batch,)`; T >= 2N - 1, or the loss is infinite. Lengths and
            counts that lie on the CPU spare a GPU the reading back; torch itself still copies
            them to the GPU with each call and waits for that, which no argument avoids.

    Returns:
        Losses in nats, shape `(batch,)`.
    """
    targets = (emotions + 1)[:, None].expand(-1, int(counts.max())).contiguous()
    return functional.ctc_loss(
        log_probabilities.transpose(0, 1), targets, lengths, counts, blank=BLANK, reduction="none", zero_infinity=False
    )


def scaled_ctc_losses(
    log_probabilities: Tensor, lengths: Tensor, emotions: Tensor, counts: Tensor, scale: LossScale
) -> Tensor:
    """`ctc_losses`, divided by N where `scale` is `label`; shape `(batch,)`."""
    losses = ctc_losses(log_probabilities, lengths, emotions, counts)
    return losses / to_device(counts, losses.device) if scale == "label" else losses


def cross_entropy_losses(log_probabilities: Tensor, emotions: Tensor) -> Tensor:
    """Negative log-probability of each utterance's emotion.

    Args:
        log_probabilities: Shape `(batch, class)`.
        emotions: From 0, shape `(batch,)`.

    Returns:
        Losses in nats, shape `(batch,)`.
    """
    return functional.nll_loss(log_probabilities, emotions, reduction="none")


def joint_losses(
    log_probabilities: Tensor, lengths: Tensor, emotions: Tensor, counts: Tensor, ctc_weight: float
) -> Tensor:
    """Weighted sum of CTC's loss by label and the cross entropy of the same output layer's utterance.

    w * CTC / N + (1 - w) * cross entropy. Divided by N, CTC's loss does not outweigh the other one where
    utterances are long.

    Args:
        log_probabilities: Shape `(batch, frame, 1 + class)`.
        lengths: Valid frames, shape `(batch,)`; best on the CPU, see `ctc_losses`.
        emotions: Emotion of each utterance, from 0, shape `(batch,)`.
        counts: N of each utterance, shape `(batch,)`; best on the CPU.
        ctc_weight: w, 0..1.

    Returns:
        Losses in nats, shape `(batch,)`.
    """
    utterances = utterance_log_probabilities(log_probabilities, to_device(lengths, log_probabilities.device))
    by_label = scaled_ctc_losses(log_probabilities, lengths, emotions, counts, "label")
    return ctc_weight * by_label + (1 - ctc_weight) * cross_entropy_losses(utterances, emotions)


def utterance_log_probabilities(log_probabilities: Tensor, lengths: Tensor) -> Tensor:
    """Log-probabilities of the emotions that the output layer gives an utterance's mean frame, blank left out.

    A frame's log-probabilities are the output layer's values less a constant, which the softmax over emotions removes
    from their mean over frames.

    Args:
        log_probabilities: Shape `(batch, frame, 1 + class)`.
        lengths: Valid frames, shape `(batch,)`.

    Returns:
        Log-probabilities, shape `(batch, class)`.
    """
    padding = ~frame_mask(lengths, log_probabilities.shape[1])[:, :, None]
    emotions = log_probabilities[:, :, BLANK + 1 :].masked_fill(padding, 0.0)
    return (emotions.sum(dim=1) / lengths[:, None]).log_softmax(dim=-1)


def emotion_log_likelihoods(log_probabilities: Tensor, lengths: Tensor, counts: Tensor) -> Tensor:
    """CTC log-likelihood of every emotion repeated N times.

    Args:
        log_probabilities: Shape `(batch, frame, 1 + class)`.
        lengths: Valid frames, shape `(batch,)`.
        counts: N of each utterance, shape `(batch,)`.

    Returns:
        Log-likelihoods, shape `(batch, class)`.
    """
    classes = log_probabilities.shape[-1] - 1
    columns = [
        -ctc_losses(log_probabilities, lengths, torch.full_like(counts, emotion), counts) for emotion in range(classes)
    ]
    return torch.stack(columns, dim=1)
