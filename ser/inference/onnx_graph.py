"""Model as one graph of tensor operations without a batch: from samples or frames to the probabilities of emotions.

It computes what `EmotionModel` computes for a single recording of which nothing is known, in operations that ONNX has;
the LSTMs see one utterance.
"""

import torch
from torch import Tensor, nn
from typing_extensions import override

from ser.config import FoldConfiguration
from ser.features.normalization import MIN_SPREAD, AffineNormalization
from ser.inference.front_end_graph import front_end_graph
from ser.inference.model import EmotionModel
from ser.model.blstm import BidirectionalLayer
from ser.model.decoding import decode
from ser.model.network import SpeechEmotionNetwork


class _NetworkGraph(nn.Module):
    """One network with its normalisation: frames `(frame, width)` to the scores of emotions `(class,)`."""

    shift: Tensor
    scale: Tensor

    def __init__(
        self, network: SpeechEmotionNetwork, normalisation: AffineNormalization, configuration: FoldConfiguration
    ) -> None:
        super().__init__()
        self.network = network
        self._configuration, self._clip = configuration, normalisation.clip
        self._by_utterance = configuration.normalisation == "minmax_utterance"
        self.register_buffer("shift", torch.from_numpy(normalisation.shift))
        self.register_buffer("scale", torch.from_numpy(normalisation.scale))

    @override
    def forward(self, frames: Tensor) -> Tensor:
        stacked = self._stack(self._normalise(frames))
        lengths = torch.ones(1, dtype=torch.int64) * stacked.shape[1]
        network = self.network
        hidden = stacked if network.projection is None else network.projection(stacked)
        for layer in network.recurrent.layers:
            hidden = _run_layer(layer, hidden)
        log_probabilities = network.classify(hidden, lengths)
        return decode(log_probabilities, lengths, torch.ones_like(lengths), self._configuration.decision).scores[0]

    def _normalise(self, frames: Tensor) -> Tensor:
        if self._by_utterance:
            least, spread = frames.min(), frames.max() - frames.min()
            normalised = (frames - least) / torch.where(spread < MIN_SPREAD, 1.0, spread)
        else:
            normalised = (frames - self.shift) * self.scale
        return normalised.clamp(0, 1) if self._clip else normalised

    def _stack(self, frames: Tensor) -> Tensor:
        """Join frames, the last one repeated until its group is full: shape `(1, frame, width * stack)`."""
        stack, count = self._configuration.stack, frames.shape[0]
        groups = (count + stack - 1) // stack
        positions = torch.arange(groups * stack, device=frames.device).clamp(max=count - 1)
        return frames[positions].reshape(1, groups, stack * frames.shape[1])


def _run_layer(layer: nn.Module, hidden: Tensor) -> Tensor:
    """Run a BLSTM layer over one utterance, shape `(1, frame, feature)`."""
    assert isinstance(layer, BidirectionalLayer)
    rows = hidden.transpose(0, 1)
    ahead, _ = layer.forward_cells(rows)
    behind, _ = layer.backward_cells(rows.flip(0))
    return torch.cat([ahead, behind.flip(0)], dim=-1).transpose(0, 1)


class ModelGraph(nn.Module):
    """Whole model: an ensemble of networks over shared frames.

    Attributes:
        input_name: `samples`, or `frames` where the graph does not contain the front end.
    """

    def __init__(self, model: EmotionModel) -> None:
        super().__init__()
        front_end = front_end_graph(model.front_end)
        self.input_name = "frames" if front_end is None else "samples"
        self.front_end = front_end or nn.Identity()
        self.members = nn.ModuleList(_NetworkGraph(*entry, model.description.configuration) for entry in model.networks)
        self.eval()

    @override
    def forward(self, signal: Tensor) -> Tensor:
        """Compute the probabilities of the emotions, shape `(class,)`.

        Args:
            signal: Samples `(sample,)` at the front end's rate, or frames `(frame, width)`.
        """
        frames = self.front_end(signal)
        mean = torch.stack([member(frames).double() for member in self.members]).mean(dim=0)
        return (mean / mean.sum()).float()
