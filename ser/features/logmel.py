"""Log-mel energies of speech (paper, section 3.2), equal to librosa's to float precision.

Shapes: `sample` samples at `sample_rate_hz`, `frame` analysis windows, `bin` Fourier bins,
`mel` mel bands.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from ser.errors import ConfigurationError
from ser.feature_settings import SpectralSettings

# Frames that are transformed at once: about 50 MB, however long a recording is.
_FRAMES_AT_ONCE = 8192


def log_mel(samples: Tensor, settings: SpectralSettings) -> Tensor:
    """Log-mel energies of one utterance.

    Frames are centred on multiples of the frame shift; the signal is continued with zeros at both
    ends. The window is a Hann window in the middle of `fft_size` points, the spectrum is the power
    spectrum, and the logarithm is natural.

    Args:
        samples: Mono speech, shape `(sample,)`, float32 or float64, nominally in -1..1.
        settings: Window, frame shift, bands and floor.

    Returns:
        Log energies in the dtype of the samples, shape `(frame, mel)`, with
        `frame = 1 + sample // shift` for an even `fft_size`; none below `log(log_floor)`.

    Raises:
        ConfigurationError: The window is longer than `fft_size`, or the shift shorter than a sample.

    Examples:
        >>> from ser.feature_settings import LogMelSettings
        >>> log_mel(torch.zeros(16_000), LogMelSettings()).shape
        torch.Size([101, 40])
    """
    shift = frame_shift_samples(settings)
    window = analysis_window(settings, samples.dtype)
    filters = mel_filters(settings, samples.dtype)
    half = settings.fft_size // 2
    frames = pad(samples, (half, half)).unfold(0, settings.fft_size, shift)
    blocks = []
    for block in torch.split(frames, _FRAMES_AT_ONCE):
        parts = torch.view_as_real(torch.fft.rfft(block * window))
        # Squared where they lie: strided copies of real and imaginary parts would take as long as the transform.
        parts.square_()
        energies = (parts[..., 0] + parts[..., 1]) @ filters.T
        blocks.append(energies.clamp_min_(settings.log_floor).log_())
    return torch.cat(blocks) if len(blocks) > 1 else blocks[0]


def frame_count(samples: int, settings: SpectralSettings) -> int:
    """Return frames of an utterance with that many samples."""
    half = settings.fft_size // 2
    return 1 + (samples + 2 * half - settings.fft_size) // frame_shift_samples(settings)


def frame_shift_samples(settings: SpectralSettings) -> int:
    """Return the frame shift in samples.

    Raises:
        ConfigurationError: It is shorter than a sample.
    """
    shift = round(settings.frame_shift_s * settings.sample_rate_hz)
    if shift < 1:
        raise ConfigurationError(
            f"frame_shift_s {settings.frame_shift_s} is shorter than a sample at {settings.sample_rate_hz} Hz"
        )
    return shift


@lru_cache(maxsize=16)
def mel_filters(settings: SpectralSettings, dtype: torch.dtype) -> Tensor:
    """Return librosa's mel filters (Slaney's scale and areas), shape `(mel, bin)`; shared, so not to be changed."""
    # Only here: a study that finds its store would wait a second for the import.
    import librosa.filters

    filters = librosa.filters.mel(
        sr=settings.sample_rate_hz,
        n_fft=settings.fft_size,
        n_mels=settings.mel_bands,
        dtype=np.float64 if dtype == torch.float64 else np.float32,
    )
    return torch.from_numpy(filters)


@lru_cache(maxsize=16)
def analysis_window(settings: SpectralSettings, dtype: torch.dtype) -> Tensor:
    """Return the Hann window, padded with zeros on both sides to shape `(fft_size,)`."""
    length = round(settings.window_s * settings.sample_rate_hz)
    if not 1 <= length <= settings.fft_size:
        raise ConfigurationError(
            f"window_s {settings.window_s} is {length} samples at {settings.sample_rate_hz} Hz; "
            f"expected 1 to fft_size {settings.fft_size}"
        )
    left = (settings.fft_size - length) // 2
    window = torch.hann_window(length, periodic=True, dtype=torch.float64)
    return pad(window, (left, settings.fft_size - length - left)).to(dtype)
