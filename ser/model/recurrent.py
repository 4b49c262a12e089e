"""Bidirectional LSTM layers whose result does not depend on padding, without packing.

Shapes: B utterances in a batch, T frames, I inputs, H cells a direction; C is `(batch, frame, 2 * cells)`.

A padded bidirectional `nn.LSTM` starts its backward direction in the padding. Here each direction
is an LSTM of its own, and the backward one reads every utterance reversed within its own length,
so that padding comes after the last valid frame in both and cannot be seen by it.
"""

from typing import Any

import torch
from torch import Tensor, nn


class _Reorder(torch.autograd.Function):
    """Reorders frames by a permutation that is its own inverse, so that the gradient is the same reordering."""

    @staticmethod
    def forward(ctx: Any, frames: Tensor, order: Tensor) -> Tensor:
        ctx.save_for_backward(order)
        return _take_rows(frames, order)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (order,) = ctx.saved_tensors
        return _take_rows(gradients[0], order), None


def _reorder(frames: Tensor, order: Tensor) -> Tensor:
    return _Reorder.apply(frames, order)  # type: ignore[no-any-return, no-untyped-call]


def _take_rows(frames: Tensor, order: Tensor) -> Tensor:
    return frames.reshape(-1, frames.shape[-1]).index_select(0, order).view(frames.shape)


def reversal_order(lengths: Tensor, frames: int) -> Tensor:
    """The row order that reverses every utterance within its own length and leaves padding in place.

    Args:
        lengths: Valid frames of each utterance, shape `(batch,)`.
        frames: Frames of the padded batch.

    Returns:
        Indices into the rows of a `(batch * frame, feature)` view, shape `(batch * frame,)`.

    Examples:
        >>> reversal_order(torch.tensor([3, 2]), 3).tolist()
        [2, 1, 0, 4, 3, 5]
    """
    position = torch.arange(frames, device=lengths.device)
    length = lengths[:, None]
    reversed_position = torch.where(position < length, length - 1 - position, position)
    start = torch.arange(len(lengths), device=lengths.device)[:, None] * frames
    return (start + reversed_position).reshape(-1)


class BidirectionalLayer(nn.Module):
    """One BLSTM layer: two one-directional LSTMs over the same input.

    Args:
        inputs: Size of an input frame.
        cells: LSTM cells per direction.
    """

    def __init__(self, inputs: int, cells: int) -> None:
        super().__init__()
        self.forward_cells = nn.LSTM(inputs, cells, batch_first=True)
        self.backward_cells = nn.LSTM(inputs, cells, batch_first=True)

    def forward(self, frames: Tensor, order: Tensor) -> Tensor:
        """Runs both directions.

        Args:
            frames: Padded frames, shape `(batch, frame, input)`.
            order: Rows as `reversal_order` gives them.

        Returns:
            Forward half, then backward half, shape `(batch, frame, 2 * cells)`; padded frames hold
            values without meaning.
        """
        ahead, _ = self.forward_cells(frames)
        behind, _ = self.backward_cells(_reorder(frames, order))
        return torch.cat([ahead, _reorder(behind, order)], dim=-1)


class RecurrentLayers(nn.Module):
    """The stack of BLSTM layers (paper, section 3.3: two layers of 128 + 128 cells).

    Args:
        inputs: Size of an input frame.
        cells: LSTM cells per layer and direction.
        layers: Number of layers.
        dropout: What drops features between two layers, or None.
    """

    def __init__(self, inputs: int, cells: int, layers: int, dropout: nn.Module | None = None) -> None:
        super().__init__()
        self.dropout = dropout
        sizes = [inputs] + [2 * cells] * (layers - 1)
        self.layers = nn.ModuleList(BidirectionalLayer(size, cells) for size in sizes)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Turns input frames into BLSTM outputs C.

        Args:
            frames: Zero-padded frames, shape `(batch, frame, input)`.
            lengths: Valid frames, shape `(batch,)`.

        Returns:
            C, shape `(batch, frame, 2 * cells)`, in the precision of `frames` whatever the cells computed
            in, zero in padded frames.
        """
        order = reversal_order(lengths, frames.shape[1])
        outputs = frames
        for number, layer in enumerate(self.layers):
            if number > 0 and self.dropout is not None:
                outputs = self.dropout(outputs)
            outputs = layer(outputs, order)
        return outputs.to(frames.dtype) * valid_frames(lengths, frames.shape[1])[:, :, None]


def valid_frames(lengths: Tensor, frames: int) -> Tensor:
    """Which frames of a padded batch are speech: bool, shape `(batch, frame)`."""
    return torch.arange(frames, device=lengths.device) < lengths[:, None]
