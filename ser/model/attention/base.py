"""Base class of attentions: BLSTM outputs C in, annotated outputs U out.

Suffixes of tensors: B = batch, T = frame, F = feature.

Shapes: C and U are `(batch, frame, feature)`, feature = F = 2 * cells; `valid` is `(batch, frame)`;
`lengths` is `(batch,)`. C is zero wherever `valid` is False.
"""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Attention(nn.Module, ABC):
    """Annotate BLSTM outputs with attention (paper, section 2.4)."""

    @abstractmethod
    def forward(self, C_BTF: Tensor, lengths: Tensor) -> Tensor:
        """Compute U.

        Args:
            C_BTF: BLSTM outputs, shape `(batch, frame, feature)`, zero in padded frames.
            lengths: Valid frames of each utterance, shape `(batch,)`.

        Returns:
            U, shape `(batch, frame, feature)`; padded frames hold values without meaning.
        """

    def statistics(self, C_BTF: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Return what is worth following over epochs about the weights, as sums over valid frames, by metric name.

        Returns:
            Metric name to a scalar sum; empty where there is nothing to say. The caller divides by
            the number of valid frames.
        """
        return {}

    def final_statistics(self, C_BTF: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Return what is worth knowing about the weights of a trained network.

        Returns:
            As for `statistics`, which are the default.
        """
        return self.statistics(C_BTF, lengths)
