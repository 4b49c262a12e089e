"""Decoding of frame outputs into one emotion per utterance.

Shapes: log-probabilities `(batch, frame, 1 + class)` with blank = 0, or `(batch, class)` of a network with one output
per utterance; decided emotions count from 0.
The paper leaves the rule open, so it is a setting: `posterior`, `best_path` or `likelihood`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ser.config import Decision
from ser.model.blstm import frame_mask
from ser.model.losses import emotion_log_likelihoods
from ser.model.network import BLANK


@dataclass(frozen=True)
class Decoded:
    """Decisions on a batch.

    Attributes:
        emotions: Decided emotion of each utterance, the one with the largest score, shape `(batch,)`.
        scores: Score of each emotion, rows sum to 1, shape `(batch, class)`.
        fell_back: Where the rule itself had no answer and the posterior decided, shape `(batch,)`.
    """

    emotions: Tensor
    scores: Tensor
    fell_back: Tensor


def decode(log_probabilities: Tensor, lengths: Tensor, counts: Tensor, decision: Decision | None) -> Decoded:
    """Decide each utterance's emotion.

    Args:
        log_probabilities: Shape `(batch, frame, 1 + class)`, or `(batch, class)`.
        lengths: Valid frames, shape `(batch,)`.
        counts: N of each utterance, shape `(batch,)`; only `likelihood` looks at it.
        decision: The rule; None for one output per utterance.
    """
    if decision is None:
        return _argmax(log_probabilities.exp())
    if decision == "likelihood":
        return _argmax(emotion_log_likelihoods(log_probabilities, lengths, counts).softmax(dim=-1))
    posterior = posterior_scores(log_probabilities, lengths)
    if decision == "posterior":
        return _argmax(posterior)
    votes = best_path_votes(log_probabilities, lengths).float()
    most = votes.amax(dim=-1, keepdim=True)
    undecided = (most[:, 0] == 0) | ((votes == most).sum(dim=-1) > 1)
    # A tie is decided among the tied emotions; an empty path ties them all.
    scores = torch.where(undecided[:, None], torch.where(votes == most, posterior, 0.0), votes)
    scores = scores / scores.sum(dim=-1, keepdim=True)
    return Decoded(scores.argmax(dim=-1), scores, undecided)


def posterior_scores(log_probabilities: Tensor, lengths: Tensor) -> Tensor:
    """Softmax outputs of the emotions summed over valid frames, as shares, shape `(batch, class)`."""
    padding = ~frame_mask(lengths, log_probabilities.shape[1])[:, :, None]
    emotions = log_probabilities[:, :, BLANK + 1 :].double().masked_fill(padding, float("-inf"))
    # In logarithms, as a blank that is certain in all frames leaves probabilities too small to be numbers.
    return emotions.logsumexp(dim=1).softmax(dim=-1).float()


def best_path_votes(log_probabilities: Tensor, lengths: Tensor) -> Tensor:
    """Return how often each emotion stands in the collapsed best path.

    The best path takes each frame's most probable class; collapsing drops repeats, then blanks.

    Args:
        log_probabilities: Shape `(batch, frame, 1 + class)`.
        lengths: Valid frames, shape `(batch,)`.

    Returns:
        Counts, shape `(batch, class)`.
    """
    path = log_probabilities.argmax(dim=-1)
    before = torch.nn.functional.pad(path[:, :-1], (1, 0), value=BLANK)
    emitted = (path != before) & (path != BLANK) & frame_mask(lengths, path.shape[1])
    one_hot = torch.nn.functional.one_hot(path, log_probabilities.shape[-1]) * emitted[:, :, None]
    return one_hot.sum(dim=1)[:, BLANK + 1 :]


def _argmax(scores: Tensor) -> Decoded:
    return Decoded(scores.argmax(dim=-1), scores, torch.zeros(len(scores), dtype=torch.bool, device=scores.device))
