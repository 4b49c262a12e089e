"""No attention: U = C, the paper's baseline."""

from torch import Tensor
from typing_extensions import override

from ser.model.attention.base import Attention


class NoAttention(Attention):
    """BLSTM outputs as they are."""

    @override
    def forward(self, C_BTF: Tensor, lengths: Tensor) -> Tensor:
        return C_BTF
