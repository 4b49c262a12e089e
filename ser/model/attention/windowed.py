"""Weighted averages over a window of frames, by sliding sums.

Suffixes of tensors: B = batch, T = frame, F = feature.

Shapes: values are `(batch, frame, feature)`, scores `(batch, frame, feature or 1)`; scope = s is odd,
half = h = (s - 1) / 2, and the window of frame t is t - h .. t + h, cut at the utterance's edges.

The softmax over a window of scores is exp(e) over a sliding sum of exp(e); as scores come out of a
tanh, exp stays between 1/e and e and needs no maximum subtracted.
"""

from typing import Any

import torch
from torch import Tensor

from ser.config import AttentionNorm
from ser.model.blstm import frame_mask

_CACHED_NUMBERS = 2**18
"""Numbers in 1 MiB; a few arrays of that size are in use at a time."""


def _sum_by_doubling(values: Tensor, scope: int) -> Tensor:
    """Sum of `scope` neighbouring frames by adding ever longer sums: about 2 log2(scope) additions."""
    half = (scope - 1) // 2
    frames = values.shape[1]
    run = torch.nn.functional.pad(values, (0, 0, half, half))
    # Scope is odd, so the run of length 1 always belongs to the sum.
    total, taken, width = run[:, :frames].clone(), 1, 1
    while taken < scope:
        run = run[:, :-width] + run[:, width:]
        width *= 2
        if scope & width:
            total += run[:, taken : taken + frames]
            taken += width
    return total


class _SlidingSum(torch.autograd.Function):
    """Centred sliding sum; its matrix is symmetric, so the gradient is the same sliding sum."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, scope: int) -> Tensor:
        ctx.scope = scope
        return _sum_by_doubling(values, scope)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _sum_by_doubling(gradients[0], ctx.scope), None


def sliding_sum(values: Tensor, scope: int) -> Tensor:
    """Return the sum over each frame's window; frames beyond the batch count as zero.

    Args:
        values: Shape `(batch, frame, feature)`.
        scope: Frames of the window, odd.

    Returns:
        Sums, shape `(batch, frame, feature)`.

    Examples:
        >>> sliding_sum(torch.tensor([[[1.0], [2.0], [4.0]]]), 3).flatten().tolist()
        [3.0, 7.0, 6.0]
    """
    return _SlidingSum.apply(values, scope)  # type: ignore[no-any-return, no-untyped-call]


def window_average(scores: Tensor, C_BTF: Tensor, lengths: Tensor, scope: int, norm: AttentionNorm) -> Tensor:
    """Annotate C with windowed attention (paper, eq. 4-5).

    Args:
        scores: e, in -1..1, shape `(batch, frame, feature)`, or `(batch, frame, 1)` for one score per frame.
        C_BTF: BLSTM outputs, zero in padded frames, shape `(batch, frame, feature)`.
        lengths: Valid frames, shape `(batch,)`.
        scope: Frames of the window, odd.
        norm: `window`: the weights that frame t uses sum to 1. `literal`: each weight is normalised
            within its own frame's window.

    Returns:
        U, shape `(batch, frame, feature)`.
    """
    group = _utterances_at_once(C_BTF)
    if group >= len(C_BTF):
        return _average(scores, C_BTF, lengths, scope, norm)
    parts = zip(torch.split(scores, group), torch.split(C_BTF, group), torch.split(lengths, group), strict=True)
    return torch.cat([_average(*part, scope, norm) for part in parts])


def relative_entropies(scores: Tensor, lengths: Tensor, scope: int, norm: AttentionNorm) -> Tensor:
    """Return the entropy of the weights that each frame uses, relative to that of equal weights.

    With a window of n valid frames and weights p that are scaled to sum to 1: -sum p log p / log n. At 1 the
    attention is a plain moving average.

    Args:
        scores: e, in -1..1, shape `(batch, frame, feature or 1)`.
        lengths: Valid frames, shape `(batch,)`.
        scope: Frames of the window, odd.
        norm: As for `window_average`.

    Returns:
        Mean over features, 0..1, shape `(batch, frame)`; 1 for a window of one frame, 0 in padded frames.
    """
    valid = frame_mask(lengths, scores.shape[1])[:, :, None]
    logarithms = scores
    if norm == "literal":
        logarithms = scores - sliding_sum(scores.exp() * valid, scope).masked_fill(~valid, 1.0).log()
    weights = logarithms.exp() * valid
    total = sliding_sum(weights, scope).masked_fill(~valid, 1.0)
    entropies = total.log() - sliding_sum(weights * logarithms, scope) / total
    window_frames = sliding_sum(valid.to(scores.dtype), scope)
    relative = torch.where(window_frames > 1, entropies / window_frames.clamp(min=2).log(), 1.0)
    return (relative * valid).mean(dim=-1)


def _utterances_at_once(C_BTF: Tensor) -> int:
    """Utterances whose values stay in a core's cache while they are passed over: twice as fast, and equal bits.

    A GPU has no such cache, and each call costs it time.
    """
    if C_BTF.device.type != "cpu":
        return len(C_BTF)
    return max(1, _CACHED_NUMBERS // (C_BTF.shape[1] * C_BTF.shape[2]))


def _average(scores: Tensor, C_BTF: Tensor, lengths: Tensor, scope: int, norm: AttentionNorm) -> Tensor:
    valid = frame_mask(lengths, C_BTF.shape[1])[:, :, None]
    weights = scores.exp() * valid
    # A padded frame far from speech has an empty window: dividing by 1 there keeps gradients finite.
    window_weight = sliding_sum(weights, scope).masked_fill(~valid, 1.0)
    if norm == "literal":
        return sliding_sum(weights / window_weight * C_BTF, scope)
    return sliding_sum(weights * C_BTF, scope) / window_weight
