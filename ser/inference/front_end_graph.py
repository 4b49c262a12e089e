"""Front ends as graphs of tensor operations that ONNX has: samples `(sample,)` to frames `(frame, width)`.

Frames are cut by index, and the Fourier transform is a product with its matrix.
"""

import torch
from torch import Tensor, nn
from typing_extensions import override

from ser.feature_settings import LogMelSettings
from ser.features.frontends.base import FrontEnd
from ser.features.frontends.pretrained.checkpoint import WHISPER_SHIFT_SAMPLES
from ser.features.frontends.pretrained.encoders import WHISPER_WINDOW_SAMPLES, RecordingEncoder, WhisperEncoder
from ser.features.frontends.pretrained.front_end import PretrainedFrontEnd
from ser.features.logmel import analysis_window, frame_shift_samples, mel_filters

_WHISPER_FLOOR, _WHISPER_RANGE = 1e-10, 8.0
"""Least energy of Whisper's log-mels, and their range below the greatest, in powers of ten."""

_LEAST_VARIANCE = 1e-7
"""Added to the variance by which `transformers` divides samples."""


def front_end_graph(front_end: FrontEnd) -> nn.Module | None:
    """Make the graph of a front end.

    Returns:
        The graph, or None for a front end that computes its frames outside of PyTorch.
    """
    (settings,) = front_end.settings
    if isinstance(settings, LogMelSettings):
        return LogMelGraph(settings)
    if isinstance(front_end, PretrainedFrontEnd):
        encoder = front_end.encoder
        if isinstance(encoder, WhisperEncoder):
            return WhisperGraph(encoder)
        if isinstance(encoder, RecordingEncoder) and encoder.hears_samples:
            return WaveformGraph(encoder)
    return None


class _BandEnergies(nn.Module):
    """Energies in bands of windows of a signal, shape `(frame, band)`, float64.

    In float64: of the bins of a loud frame, float32 would leave little of the quiet ones.

    Args:
        window: The analysis window, shape `(sample,)`.
        filters: Weights of the bins in each band, shape `(bin, band)`.
        shift: Samples from one frame to the next.
    """

    positions: Tensor
    real: Tensor
    imaginary: Tensor
    filters: Tensor

    def __init__(self, window: Tensor, filters: Tensor, shift: int) -> None:
        super().__init__()
        size, self._shift = len(window), shift
        turns = torch.outer(torch.arange(size, dtype=torch.float64), torch.arange(size // 2 + 1, dtype=torch.float64))
        angles = turns.remainder(size) * (2 * torch.pi / size)
        self.register_buffer("positions", torch.arange(size))
        self.register_buffer("real", window[:, None] * angles.cos())
        self.register_buffer("imaginary", window[:, None] * angles.sin())
        self.register_buffer("filters", filters)

    @override
    def forward(self, padded: Tensor) -> Tensor:
        starts = torch.arange(0, padded.shape[0] - len(self.positions) + 1, self._shift, device=padded.device)
        frames = padded[starts[:, None] + self.positions]
        return ((frames @ self.real).square() + (frames @ self.imaginary).square()) @ self.filters


class LogMelGraph(nn.Module):
    """Log-mels; see `ser.features.logmel.log_mel`."""

    def __init__(self, settings: LogMelSettings) -> None:
        super().__init__()
        self._half, self._floor = settings.fft_size // 2, settings.log_floor
        window, filters = analysis_window(settings, torch.float64), mel_filters(settings, torch.float64)
        self.energies = _BandEnergies(window, filters.T.contiguous(), frame_shift_samples(settings))

    @override
    def forward(self, samples: Tensor) -> Tensor:
        energies = self.energies(nn.functional.pad(samples.double(), (self._half, self._half)))
        return energies.clamp_min(self._floor).log().float()  # type: ignore[no-any-return]


class WaveformGraph(nn.Module):
    """Encoder that hears samples, cut behind its last layer."""

    def __init__(self, encoder: RecordingEncoder) -> None:
        super().__init__()
        # The weights are the graph's own.
        self.model = encoder.model
        self._encoder = encoder
        (self._layer,) = encoder.layers

    @override
    def forward(self, samples: Tensor) -> Tensor:
        if self._encoder.extractor.do_normalize:
            samples = (samples - samples.mean()) / torch.sqrt(samples.var(unbiased=False) + _LEAST_VARIANCE)
        return _as_stored(self._encoder.states(samples[None])[self._layer][0])


class WhisperGraph(nn.Module):
    """Whisper's encoder with its log-mels, for 30 s at most."""

    def __init__(self, encoder: WhisperEncoder) -> None:
        super().__init__()
        self.model = encoder.model.encoder
        self._encoder = encoder
        (self._layer,) = encoder.layers
        extractor = encoder.extractor
        self._half = extractor.n_fft // 2
        filters = torch.from_numpy(extractor.mel_filters).double()
        self.energies = _BandEnergies(
            torch.hann_window(extractor.n_fft, dtype=torch.float64), filters, extractor.hop_length
        )

    @override
    def forward(self, samples: Tensor) -> Tensor:
        count = (samples.shape[0] + WHISPER_SHIFT_SAMPLES - 1) // WHISPER_SHIFT_SAMPLES
        # The last frame, around the end of the samples, is left out by Whisper.
        energies = self.energies(self._pad(samples.double(), count * WHISPER_SHIFT_SAMPLES))[:-1]
        powers = energies.clamp_min(_WHISPER_FLOOR).log10()
        log_mels = (torch.maximum(powers, powers.max() - _WHISPER_RANGE) + 4) / 4
        states = self._encoder.states(log_mels.float().T[None])
        return _as_stored(states[self._layer][0, :count])

    def _pad(self, samples: Tensor, length: int) -> Tensor:
        """Fill samples up with silence, and mirror half a window at both ends, as `torch.stft` does."""
        if self._encoder.padded:
            length = WHISPER_WINDOW_SAMPLES
        positions = torch.arange(-self._half, length + self._half, device=samples.device).abs()
        positions = (length - 1) - ((length - 1) - positions).abs()
        silence = torch.zeros((), dtype=samples.dtype, device=samples.device)
        last = samples.shape[0] - 1
        return torch.where(positions <= last, samples[positions.clamp(max=last)], silence)


def _as_stored(states: Tensor) -> Tensor:
    """Round states as stores and models keep them, in float16."""
    return states.half().float()
