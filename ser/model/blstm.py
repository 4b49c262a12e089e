"""Bidirectional LSTM layers whose result does not depend on padding, without packing.

A padded bidirectional `nn.LSTM` starts its backward direction in the padding. Here each direction
is an LSTM of its own, and the backward one reads every utterance reversed within its own length,
so that padding comes after the last valid frame in both and cannot be seen by it.

Suffixes of tensors: B = batch, T = frame, F = feature.

Shapes: C is `(batch, frame, 2 * cells)`. Between input and C frames are rows `(row, feature)` in the
order of `ser.model.packing`: an LSTM computes them as they lie, where it would copy `(batch, frame)`.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ser.errors import TrainingError
from ser.model.dropout import UtteranceDropout
from ser.model.packing import PackedLayout, Segment, pack_batch

States = tuple[Tensor, Tensor]
"""Hidden and cell states of an LSTM, each `(1, batch, cells)`."""

Cells = Callable[[Tensor, States | None], tuple[Tensor, States]]
"""LSTM from frames `(frame, batch, input)` and first states to outputs and last states."""


class _Reorder(torch.autograd.Function):
    """Take rows by an order whose inverse is known, so that the gradient is a reordering, too."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
        ctx.save_for_backward(inverse)
        return rows.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (inverse,) = ctx.saved_tensors
        return gradients[0].index_select(0, inverse), None, None


def _reorder(rows: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
    return _Reorder.apply(rows, order, inverse)  # type: ignore[no-any-return, no-untyped-call]


class BidirectionalLayer(nn.Module):
    """One BLSTM layer: two one-directional LSTMs over the same input.

    Args:
        inputs: Size of an input frame.
        cells: LSTM cells per direction.
    """

    def __init__(self, inputs: int, cells: int) -> None:
        super().__init__()
        self.forward_cells = nn.LSTM(inputs, cells)
        self.backward_cells = nn.LSTM(inputs, cells)

    def forward(self, rows: Tensor, layout: PackedLayout, cells_type: torch.dtype | None = None) -> Tensor:
        """Run both directions.

        Args:
            rows: Input frames, shape `(row, input)`.
            layout: Where they lie.
            cells_type: Type that the cells compute in; None for the weights' own, or autocast's.

        Returns:
            Forward half, then backward half, shape `(row, 2 * cells)`; padding holds values without meaning.
        """
        rows = rows if cells_type is None else rows.to(cells_type)
        ahead = _run_lstm(_cells_in(self.forward_cells, cells_type), rows, layout.segments)
        turned = _reorder(rows, layout.reversed_index, layout.reversed_index)
        behind = _run_lstm(_cells_in(self.backward_cells, cells_type), turned, layout.segments)
        return torch.cat([ahead, _reorder(behind, layout.reversed_index, layout.reversed_index)], dim=-1)


def _cells_in(cells: nn.LSTM, cells_type: torch.dtype | None) -> Cells:
    """Return an LSTM that computes in a type: with weights rounded to it, whose gradients reach the float32 weights.

    The rounded weights are one tensor, in the order in which cuDNN takes them without a copy of its own.
    """
    if cells_type is None:
        return cells
    weights = list(cells.parameters())
    joined = torch.cat([weight.reshape(-1) for weight in weights]).to(cells_type)
    parts = torch.split(joined, [weight.numel() for weight in weights])
    rounded = [part.view_as(weight) for part, weight in zip(parts, weights, strict=True)]

    def compute(block: Tensor, states: States | None) -> tuple[Tensor, States]:
        if states is None:
            states = (block.new_zeros(1, block.shape[1], cells.hidden_size),) * 2
        # The weights have biases; one layer; no dropout; training; one direction; time comes first.
        output, hidden, cell = torch.lstm(block, states, rounded, True, 1, 0.0, cells.training, False, False)
        if output.dtype is not cells_type:
            raise TrainingError(f"torch {torch.__version__} computed LSTM cells in {output.dtype}, not in {cells_type}")
        return output, (hidden, cell)

    return compute


def _run_lstm(cells: Cells, rows: Tensor, segments: tuple[Segment, ...]) -> Tensor:
    """Return an LSTM over rows, run after run, each from the states in which its utterances left the run before."""
    outputs: list[Tensor] = []
    states: States | None = None
    blocks = torch.split(rows, [frames * utterances for frames, utterances in segments])
    for (frames, utterances), block in zip(segments, blocks, strict=True):
        if states is not None:
            states = (states[0][:, :utterances], states[1][:, :utterances])
        output, states = cells(block.view(frames, utterances, -1), states)
        outputs.append(output.reshape(frames * utterances, -1))
    return torch.cat(outputs) if len(outputs) > 1 else outputs[0]


class RecurrentLayers(nn.Module):
    """Stack of BLSTM layers (paper, section 3.3: two layers of 128 + 128 cells).

    Args:
        inputs: Size of an input frame.
        cells: LSTM cells per layer and direction.
        layers: Number of layers.
        dropout: What drops features between two layers, or None.
    """

    def __init__(self, inputs: int, cells: int, layers: int, dropout: UtteranceDropout | None = None) -> None:
        super().__init__()
        self.dropout = dropout
        sizes = [inputs] + [2 * cells] * (layers - 1)
        self.layers = nn.ModuleList(BidirectionalLayer(size, cells) for size in sizes)

    def forward(self, frames: Tensor, lengths: Tensor, cells_type: torch.dtype | None = None) -> Tensor:
        """Turn input frames into BLSTM outputs C.

        Args:
            frames: Zero-padded frames, shape `(batch, frame, input)`.
            lengths: Valid frames, shape `(batch,)`.
            cells_type: Type that the cells compute in; None for the weights' own, or autocast's.

        Returns:
            C, shape `(batch, frame, 2 * cells)`, in the precision of `frames` whatever the cells computed
            in, zero in padded frames.
        """
        layout = pack_batch(lengths, frames.shape[1])
        rows = frames.reshape(-1, frames.shape[2]).index_select(0, layout.padded_index)
        for number, layer in enumerate(self.layers):
            if number > 0 and self.dropout is not None:
                rows = self.dropout.forward_packed(rows, layout.utterances, len(lengths))
            rows = layer(rows, layout, cells_type)
        # Padding that no segment has takes any row; both ways the mask makes zeros of it.
        C_BTF = _reorder(rows, layout.rows, layout.padded_index).view(*frames.shape[:2], -1)
        return C_BTF.to(frames.dtype) * frame_mask(lengths, frames.shape[1])[:, :, None]


def frame_mask(lengths: Tensor, frames: int) -> Tensor:
    """Return which frames of a padded batch are speech: bool, shape `(batch, frame)`."""
    return torch.arange(frames, device=lengths.device) < lengths[:, None]
