"""Quantum attention (paper, eq. 6-8): weights from a weak value between two boundary states.

Suffixes of tensors: B = batch, T = frame, F = feature.

e_t = (post . m_t)(m_t . pre) / (post . pre), alpha_t = tanh(e_t), U_t = alpha_t C_t. No parameter.
With `frames`, m_t = C_t in R^F, pre is the first and post the last valid frame. With `states`, f_t
and b_t in R^(F/2) are the halves of C_t, pre = f_T, post = b_1 and m_t = (f_t + b_t) / 2.
"""

import torch
from torch import Tensor
from typing_extensions import override

from ser.config import QuantumBoundary
from ser.model.attention.base import Attention
from ser.model.blstm import frame_mask

SATURATION = 0.99
"""A weight beyond this in size is counted as saturated."""


class QuantumAttention(Attention):
    """One weight per frame, in -1..1, without a parameter.

    Args:
        boundary: What stands for the pre- and the post-state.
    """

    def __init__(self, boundary: QuantumBoundary) -> None:
        super().__init__()
        self.boundary: QuantumBoundary = boundary

    @override
    def forward(self, C_BTF: Tensor, lengths: Tensor) -> Tensor:
        return self.weights(C_BTF, lengths)[:, :, None] * C_BTF

    def weights(self, C_BTF: Tensor, lengths: Tensor) -> Tensor:
        """Return the weights alpha (eq. 6-7), in -1..1, shape `(batch, frame)`."""
        pre, post, measured = self._states(C_BTF, lengths)
        weak_value = torch.einsum("btf,bf->bt", measured, post) * torch.einsum("btf,bf->bt", measured, pre)
        return (weak_value / bounded_denominator(pre, post)[:, None]).tanh()

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


def bounded_denominator(pre: Tensor, post: Tensor) -> Tensor:
    """Return the denominator post . pre of eq. 6, bounded away from 0 with its sign.

    Args:
        pre: Shape `(batch, feature)`, float32 or wider.
        post: Shape `(batch, feature)`.

    Returns:
        sgn(d) max(|d|, 1e-3 |pre| |post|, 1e-8) with sgn(0) = +1, shape `(batch,)`.
    """
    product = (pre * post).sum(dim=-1)
    least = (1e-3 * pre.norm(dim=-1) * post.norm(dim=-1)).clamp(min=1e-8)
    sign = torch.where(product < 0, -1.0, 1.0)
    return sign * torch.maximum(product.abs(), least)
