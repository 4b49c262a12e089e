"""No attention: U = C, the paper's baseline."""

from torch import Tensor

from ser.model.attention.base import Attention


class NoAttention(Attention):
    """Hands the BLSTM outputs on as they are."""

    def forward(self, C: Tensor, lengths: Tensor) -> Tensor:
        """Returns C itself; see the base class."""
        return C
