"""Model as one graph of tensor operations without a batch: from samples or frames to the probabilities of emotions.

It computes what `EmotionModel` computes for a single recording of which nothing is known, in operations that ONNX has:
frames are taken by index, the Fourier transform is a product with its matrix, and the LSTMs see one utterance.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from typing_extensions import override

from ser.config import FoldConfiguration
from ser.feature_settings import LogMelSettings
from ser.features.logmel import analysis_window, frame_shift_samples, mel_filters
from ser.features.normalization import MIN_SPREAD, AffineNormalization
from ser.model.blstm import BidirectionalLayer
from ser.model.decoding import decode, decode_utterance_level
from ser.model.network import SpeechEmotionNetwork


class LogMelGraph(nn.Module):
    """Log-mels of samples `(sample,)`, shape `(frame, mel)`; see `ser.features.logmel.log_mel`.

    Args:
        settings: Their settings.
    """

    positions: Tensor
    real: Tensor
    imaginary: Tensor
    filters: Tensor

    def __init__(self, settings: LogMelSettings) -> None:
        super().__init__()
        size = settings.fft_size
        self._half, self._shift, self._floor = size // 2, frame_shift_samples(settings), settings.log_floor
        # In float64: of the bins of a loud frame, float32 would leave little of the quiet ones.
        turns = torch.outer(torch.arange(size, dtype=torch.float64), torch.arange(size // 2 + 1, dtype=torch.float64))
        angles = turns.remainder(size) * (2 * torch.pi / size)
        window = analysis_window(settings, torch.float64)[:, None]
        self.register_buffer("positions", torch.arange(size))
        self.register_buffer("real", window * angles.cos())
        self.register_buffer("imaginary", window * angles.sin())
        self.register_buffer("filters", mel_filters(settings, torch.float64).T.contiguous())

    @override
    def forward(self, samples: Tensor) -> Tensor:
        padded = nn.functional.pad(samples.double(), (self._half, self._half))
        starts = torch.arange(0, samples.shape[0] + 1, self._shift, device=samples.device)
        frames = padded[starts[:, None] + self.positions]
        energies = ((frames @ self.real).square() + (frames @ self.imaginary).square()) @ self.filters
        return energies.clamp_min(self._floor).log().float()


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
        decision = self._configuration.decision
        if decision is None:
            return decode_utterance_level(log_probabilities).scores[0]
        return decode(log_probabilities, lengths, torch.ones_like(lengths), decision).scores[0]

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

    Args:
        networks: Its networks, each with the normalisation by its training speakers.
        configuration: Their configuration.
    """

    def __init__(
        self, networks: Sequence[tuple[SpeechEmotionNetwork, AffineNormalization]], configuration: FoldConfiguration
    ) -> None:
        super().__init__()
        settings = configuration.features
        self.front_end = LogMelGraph(settings) if isinstance(settings, LogMelSettings) else nn.Identity()
        self.members = nn.ModuleList(_NetworkGraph(*entry, configuration) for entry in networks)
        self.eval()

    @override
    def forward(self, signal: Tensor) -> Tensor:
        """Compute the probabilities of the emotions, shape `(class,)`.

        Args:
            signal: Samples `(sample,)` where the front end is log-mels, else frames `(frame, width)`.
        """
        frames = self.front_end(signal)
        mean = torch.stack([member(frames).double() for member in self.members]).mean(dim=0)
        return (mean / mean.sum()).float()
