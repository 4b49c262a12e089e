"""Quantum attention (paper, eq. 6-8): weights from a weak value between two boundary states.

Suffixes of tensors: B = batch, T = frame, F = feature.

e_t = (post . m_t)(m_t . pre) / (post . pre), alpha_t = tanh(e_t), U_t = alpha_t C_t. No parameter.
With `frames`, m_t = C_t in R^F, pre is the first and post the last valid frame. With `states`, f_t
and b_t in R^(F/2) are the halves of C_t, pre = f_T, post = b_1 and m_t = (f_t + b_t) / 2.

The three are states as they are (`raw`) or divided by their lengths (`unit`), as states of quantum theory have
length 1. With `raw`, e_t is of the size of |C|^2, so that nearly all weights are 1 and U is nearly C.
"""

import torch
from torch import Tensor
from typing_extensions import override

from ser.config import QuantumBoundary, QuantumStates
from ser.model.attention.base import Attention
from ser.model.blstm import frame_mask

SATURATION = 0.99
"""A weight beyond this in size is counted as saturated."""

_LEAST_COSINE = 1e-3
"""Bound of the denominator, as a share of the product of the boundary states' lengths."""

_TINY = 1e-8
"""Bound of what is divided by, where a state is nearly 0."""


class QuantumAttention(Attention):
    """One weight per frame, in -1..1, without a parameter.

    Args:
        boundary: What stands for the pre- and the post-state.
        states: Whether the states of eq. 6 are divided by their lengths.
    """

    def __init__(self, boundary: QuantumBoundary, states: QuantumStates) -> None:
        super().__init__()
        self.boundary: QuantumBoundary = boundary
        self.states: QuantumStates = states

    @override
    def forward(self, C_BTF: Tensor, lengths: Tensor) -> Tensor:
        return self.weights(C_BTF, lengths)[:, :, None] * C_BTF

    def weights(self, C_BTF: Tensor, lengths: Tensor) -> Tensor:
        """Return the weights alpha (eq. 6-7), in -1..1, shape `(batch, frame)`."""
        pre, post, measured = self._states(C_BTF, lengths)
        if self.states == "unit":
            pre, post, measured = unit_states(pre), unit_states(post), unit_states(measured)
        weak_value = torch.einsum("btf,bf->bt", measured, post) * torch.einsum("btf,bf->bt", measured, pre)
        return (weak_value / bounded_denominator(pre, post, self.states)[:, None]).tanh()

    @override
    def statistics(self, C_BTF: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        alpha = self.weights(C_BTF, lengths)
        valid = frame_mask(lengths, C_BTF.shape[1])
        return {
            "negative_weight_share": ((alpha < 0) & valid).sum(),
            "saturated_weight_share": ((alpha.abs() > SATURATION) & valid).sum(),
        }

    def _states(self, C_BTF: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pre-state and post-state `(batch, feature)`, and what is measured `(batch, frame, feature)`."""
        last = C_BTF[torch.arange(len(C_BTF), device=C_BTF.device), lengths - 1]
        first = C_BTF[:, 0]
        if self.boundary == "frames":
            return first, last, C_BTF
        half = C_BTF.shape[-1] // 2
        return last[:, :half], first[:, half:], (C_BTF[:, :, :half] + C_BTF[:, :, half:]) / 2


def unit_states(states: Tensor) -> Tensor:
    """Divide states by their lengths, which are bounded below by 1e-8.

    Args:
        states: Shape `(..., feature)`, float32 or wider.
    """
    lengths: Tensor = torch.linalg.vector_norm(states, dim=-1, keepdim=True)
    return states / lengths.clamp(min=_TINY)


def bounded_denominator(pre: Tensor, post: Tensor, states: QuantumStates) -> Tensor:
    """Return the denominator d = post . pre of eq. 6, bounded away from 0 with its sign.

    Args:
        pre: Shape `(batch, feature)`, float32 or wider.
        post: Shape `(batch, feature)`.
        states: Whether the two have been divided by their lengths.

    Returns:
        sgn(d) max(|d|, 1e-3 |pre| |post|, 1e-8) with sgn(0) = +1, and for `unit` sgn(d) max(|d|, 1e-3), shape
        `(batch,)`.
    """
    product = (pre * post).sum(dim=-1)
    if states == "unit":
        least = torch.full_like(product, _LEAST_COSINE)
    else:
        least = (_LEAST_COSINE * pre.norm(dim=-1) * post.norm(dim=-1)).clamp(min=_TINY)
    sign = torch.where(product < 0, -1.0, 1.0)
    return sign * torch.maximum(product.abs(), least)
