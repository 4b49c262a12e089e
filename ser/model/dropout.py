"""Dropout that is the same for all frames of an utterance (Gal and Ghahramani 2016, section 4).

One mask per frame would erase a recurrent layer's memory; one mask per utterance does not. It also does
not depend on how far a batch is padded.
"""

import torch
from torch import Tensor, nn

from ser.devices import to_device


class UtteranceDropout(nn.Module):
    """In training, zeroes a share of an utterance's features and scales the others up to keep the mean.

    Masks come from a generator of its own, on the CPU, seeded by what `torch.manual_seed` was called
    with when it was made: the same network trained again draws the same masks. They are drawn for one
    micro-batch after the other, so that a GPU, whose micro-batches are larger, gives them to other utterances than a
    CPU does.

    Args:
        share: Expected share of features that are dropped, 0..1, both excluded.
        stream: Number that differs between the dropouts of a network, from 1, so that their masks do.
    """

    def __init__(self, share: float, stream: int = 1) -> None:
        super().__init__()
        self.share = share
        # Not the seed itself: the first weights are drawn from its stream.
        self._generator = torch.Generator().manual_seed(torch.initial_seed() + stream)

    def forward(self, values: Tensor) -> Tensor:
        """Drop features; in evaluation the values come back as they are.

        Args:
            values: Shape `(batch, frame, feature)`.

        Returns:
            Values of the same shape.
        """
        return values * self._masks(values.shape[0], values)[:, None] if self.training else values

    def forward_packed(self, rows: Tensor, utterances: Tensor, batch: int) -> Tensor:
        """Drop features of frames that lie as rows.

        Args:
            rows: Shape `(row, feature)`.
            utterances: The utterance of each row, 0 to `batch - 1`, shape `(row,)`.
            batch: Number of utterances.

        Returns:
            What `forward` makes of the same frames, row by row.
        """
        return rows * self._masks(batch, rows)[utterances] if self.training else rows

    def _masks(self, batch: int, values: Tensor) -> Tensor:
        """Factors of an utterance's features, shape `(batch, feature)`, for values whose last axis are features."""
        retained = torch.rand(batch, values.shape[-1], generator=self._generator) >= self.share
        return to_device((retained / (1 - self.share)).to(values.dtype), values.device)
