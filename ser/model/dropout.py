"""Dropout that is the same for all frames of an utterance (Gal and Ghahramani 2016, section 4).

A mask a frame would erase a recurrent layer's memory; one mask an utterance does not. It also does
not depend on how far a batch is padded.
"""

import torch
from torch import Tensor, nn

from ser.arithmetic import moved


class UtteranceDropout(nn.Module):
    """In training, zeroes a share of an utterance's features and scales the others up to keep the mean.

    Masks come from a generator of its own, on the CPU, seeded by what `torch.manual_seed` was called
    with when it was made: the same network trained again draws the same masks, on every device.

    Args:
        share: Expected share of features that are dropped, 0..1, both excluded.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        # Not the seed itself: the first weights are drawn from its stream.
        self._generator = torch.Generator().manual_seed(torch.initial_seed() + 1)

    def forward(self, values: Tensor) -> Tensor:
        """Drops features; in evaluation the values come back as they are.

        Args:
            values: Shape `(batch, frame, feature)`.

        Returns:
            Values of the same shape.
        """
        if not self.training:
            return values
        kept = torch.rand(values.shape[0], 1, values.shape[2], generator=self._generator) >= self.share
        return values * moved((kept / (1 - self.share)).to(values.dtype), values.device)
