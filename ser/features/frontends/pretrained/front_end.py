"""Front end of a pretrained speech encoder: states of one layer or several, of each utterance alone."""

import threading
from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ser.corpora.corpus import Utterance
from ser.errors import ConfigurationError, UtteranceError
from ser.feature_settings import PretrainedSettings
from ser.features.frontends.base import FrontEnd
from ser.features.frontends.pretrained.checkpoint import (
    SAMPLE_RATE_HZ,
    WHISPER,
    Checkpoint,
    file_states,
    read_checkpoint,
)
from ser.features.frontends.pretrained.encoders import Encoder, frame_count, make_encoder
from ser.features.memory import return_free_memory

_LONG_SAMPLES = 8 * SAMPLE_RATE_HZ
"""Above this length utterances are encoded one at a time: the states of 30 s take half a gigabyte on their way."""

_RETURN_SAMPLES = 4 * SAMPLE_RATE_HZ
"""Above this length what an utterance took is returned to the system at once, which costs a twentieth of the time."""


class PretrainedFrontEnd(FrontEnd):
    """Frozen speech encoder.

    Args:
        settings: Settings that differ in the layer alone.
        checkpoint: Their checkpoint.
    """

    def __init__(self, settings: Sequence[PretrainedSettings], checkpoint: Checkpoint) -> None:
        super().__init__(settings)
        self._layers = [setting.layer for setting in settings]
        self._padding = settings[0].whisper_padding
        self._checkpoint = checkpoint
        self._file_states = file_states(checkpoint.folder)
        self._encoder: Encoder | None = None
        self._long_utterance = threading.Lock()

    @classmethod
    def open(cls, settings: Sequence[PretrainedSettings], location: str) -> "PretrainedFrontEnd":
        """Open the checkpoint at a location, and check that it is the one of the settings.

        Raises:
            ConfigurationError: It is another one, or cannot be used.
        """
        front_end = cls(settings, read_checkpoint(location))
        digest = front_end._checkpoint.digest()
        if digest != settings[0].checkpoint:
            raise ConfigurationError(
                f"{location}: expected the checkpoint with digest {settings[0].checkpoint}, found {digest}"
            )
        return front_end

    @override
    def frame_count(self, samples: int) -> int:
        return max(0, frame_count(self._checkpoint, samples))

    @override
    def load(self) -> None:
        if self._encoder is None:
            self._encoder = make_encoder(self._checkpoint, self._layers, self._padding)

    @property
    def encoder(self) -> Encoder:
        """The loaded encoder."""
        if self._encoder is None:
            raise RuntimeError("load() comes first")
        return self._encoder

    @override
    def check_unchanged(self) -> None:
        for path, state in file_states(self._checkpoint.folder).items():
            if self._file_states.get(path) != state:
                raise ConfigurationError(
                    f"{path}: changed while frames of {self._checkpoint.name} were computed; run the command again"
                )

    @override
    def compute(self, utterance: Utterance, samples: NDArray[np.float32]) -> tuple[NDArray[np.floating], ...]:
        if self.frame_count(len(samples)) < 1:
            duration_ms = 1000 * len(samples) / SAMPLE_RATE_HZ
            raise UtteranceError(
                utterance.path,
                utterance.id,
                f"lasts {duration_ms:.0f} ms, too short for a frame of {self._checkpoint.name}",
            )
        with self._long_utterance if len(samples) > _LONG_SAMPLES else nullcontext():
            states = self.encoder.encode(samples)
        if len(samples) > _RETURN_SAMPLES:
            return_free_memory()
        return tuple(states[layer].numpy() for layer in self._layers)


def pretrained_settings(
    location: str, layers: Sequence[int], whisper_padding: str | None, download: bool
) -> list[PretrainedSettings]:
    """Make the settings of layers of a checkpoint.

    Args:
        location: Its folder, or the id of a repository.
        layers: Layers, 0 for the input of the first.
        whisper_padding: `none` or `30s`, or None for the default: `none` for Whisper.
        download: Whether a repository that is not in the user's cache may be downloaded.

    Raises:
        ConfigurationError: The checkpoint cannot be used, or has no such layer.
    """
    checkpoint = read_checkpoint(location, download)
    for layer in layers:
        if layer > checkpoint.layers:
            raise ConfigurationError(
                f"pretrained:{location}@{layer}: {checkpoint.name} has layers 0 to {checkpoint.layers}"
            )
    if whisper_padding is not None and checkpoint.model_type != WHISPER:
        raise ConfigurationError(f"pretrained:{location}: whisper_padding has no effect on a {checkpoint.model_type}")
    digest = checkpoint.digest()
    return [
        PretrainedSettings(
            name=checkpoint.name,
            checkpoint=digest,
            layer=layer,
            hidden_size=checkpoint.hidden_size,
            frame_shift_s=checkpoint.shift_samples / SAMPLE_RATE_HZ,
            whisper_padding=(whisper_padding or "none") if checkpoint.model_type == WHISPER else None,
        )
        for layer in layers
    ]
