"""Whole network: frames in, log-probabilities out (paper, figure 1).

Suffixes of tensors: B = batch, T = frame, F = feature.

Shapes: input frames `(batch, frame, width * stack)`; with criteria `ctc` and `joint` the outputs are
`(batch, frame, 1 + class)` with blank = 0, with `cross_entropy` `(batch, class)`.
"""

import torch
from torch import Tensor, nn

from ser.config import FoldConfiguration
from ser.model.attention import make_attention
from ser.model.blstm import RecurrentLayers, frame_mask
from ser.model.dropout import UtteranceDropout

BLANK = 0
"""Class of CTC's blank; emotion k of the corpus (from 0) is class k + 1."""


class SpeechEmotionNetwork(nn.Module):
    """A projection of wide frames or none, BLSTM layers, an attention, and a linear layer."""

    def __init__(self, configuration: FoldConfiguration, emotions: int) -> None:
        super().__init__()
        inputs = configuration.features.width * configuration.stack
        self.sequence = configuration.criterion != "cross_entropy"
        self.bf16 = configuration.precision == "bf16"
        self.dropout = _dropout(configuration.dropout)
        share = configuration.output_dropout
        self.output_dropout = self.dropout if share is None else _dropout(share, stream=2)
        self.projection = None if configuration.projection is None else nn.Linear(inputs, configuration.projection)
        inputs = configuration.projection or inputs
        self.recurrent = RecurrentLayers(inputs, configuration.cells, configuration.layers, self.dropout)
        self.attention = make_attention(configuration)
        self.output = nn.Linear(2 * configuration.cells, emotions + 1 if self.sequence else emotions)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Log-probabilities of the classes.

        Args:
            frames: Zero-padded input frames, shape `(batch, frame, width * stack)`.
            lengths: Valid frames, shape `(batch,)`.

        Returns:
            With `ctc` and `joint`: a frame's log-probabilities, shape `(batch, frame, 1 + class)`, float32; padded
            frames hold values without meaning. With `cross_entropy`: `(batch, class)`.
        """
        return self.classify(self.encode(frames, lengths), lengths)

    def encode(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """BLSTM outputs C, shape `(batch, frame, 2 * cells)`, float32, zero in padded frames."""
        if self.projection is not None:
            frames = self.projection(frames)
            frames = frames if self.dropout is None else self.dropout(frames)
        on_gpu = frames.device.type == "cuda"
        # Torch's autocast computes the cells of a GPU in float16, whatever type it is asked for, and without scaling
        # of the loss most of their gradients vanish: there the cells themselves compute in bf16.
        with torch.autocast(frames.device.type, torch.bfloat16, enabled=self.bf16 and not on_gpu):
            cells_type = torch.bfloat16 if self.bf16 and on_gpu else None
            return self.recurrent(frames, lengths, cells_type)  # type: ignore[no-any-return]

    def classify(self, C_BTF: Tensor, lengths: Tensor) -> Tensor:
        """Log-probabilities from BLSTM outputs; shapes as for `forward`."""
        return self.classify_annotated(self.attention(C_BTF, lengths), lengths)

    def classify_annotated(self, U_BTF: Tensor, lengths: Tensor) -> Tensor:
        """Log-probabilities from annotated outputs U, or from C to leave the attention out; shapes as for `forward`."""
        if self.output_dropout is not None:
            U_BTF = self.output_dropout(U_BTF)
        if not self.sequence:
            valid = frame_mask(lengths, U_BTF.shape[1])[:, :, None]
            U_BF = (U_BTF * valid).sum(dim=1) / lengths[:, None]
            return self.output(U_BF).log_softmax(dim=-1)  # type: ignore[no-any-return]
        return self.output(U_BTF).log_softmax(dim=-1)  # type: ignore[no-any-return]


def _dropout(share: float | None, stream: int = 1) -> UtteranceDropout | None:
    return UtteranceDropout(share, stream) if share else None
