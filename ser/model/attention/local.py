"""Local attention: one score a frame, softmax over a window of frames.

e_t = tanh(w . C_t + b); alpha = softmax of e over the window; U_t = sum_i alpha_(t,i) C_(t+i). The
paper names it without defining it; this is the scalar form of its component attention.
"""

from torch import Tensor, nn
from typing_extensions import override

from ser.config import AttentionNorm
from ser.model.attention.base import Attention
from ser.model.attention.windowed import window_average


class LocalAttention(Attention):
    """One weight a frame.

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
    def forward(self, C: Tensor, lengths: Tensor) -> Tensor:
        return window_average(self.score(C).tanh(), C, lengths, self.scope, self.norm)
