"""Local attention: one score per frame, softmax over a window of frames.

Suffixes of tensors: B = batch, T = frame, F = feature.

e_t = tanh(w . C_t + b); alpha = softmax of e over the window; U_t = sum_i alpha_(t,i) C_(t+i). The
paper names it without defining it; this is the scalar form of its component attention.
"""

from torch import Tensor, nn
from typing_extensions import override

from ser.config import AttentionNorm
from ser.model.attention.base import Attention
from ser.model.attention.windowed import relative_entropies, window_average


class LocalAttention(Attention):
    """One weight per frame.

    Args:
        features: Size F of a BLSTM output.
        scope: Frames of the window, odd.
        norm: How weights are normalised, see `window_average`.
    """

    def __init__(self, features: int, scope: int, norm: AttentionNorm) -> None:
        super().__init__()
        self.scope = scope
        self.norm: AttentionNorm = norm
        self.score = nn.Linear(features, 1)

    @override
    def forward(self, C_BTF: Tensor, lengths: Tensor) -> Tensor:
        return window_average(self.score(C_BTF).tanh(), C_BTF, lengths, self.scope, self.norm)

    @override
    def final_statistics(self, C_BTF: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        entropies = relative_entropies(self.score(C_BTF).tanh(), lengths, self.scope, self.norm)
        return {"relative_weight_entropy": entropies.sum()}
