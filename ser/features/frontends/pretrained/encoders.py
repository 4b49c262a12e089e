"""Encoders that give the states of chosen layers, computed no further than the last of them.

Suffixes of tensors: B = batch (one utterance), T = frame, F = feature.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import override

from ser.errors import ConfigurationError
from ser.features.frontends.pretrained.checkpoint import (
    CONFIG,
    PREPROCESSOR,
    SAMPLE_RATE_HZ,
    WAV2VEC2_BERT,
    WHISPER,
    WHISPER_SHIFT_SAMPLES,
    Checkpoint,
    require_transformers,
)

WHISPER_WINDOW_SAMPLES = 30 * SAMPLE_RATE_HZ
"""Longest stretch that Whisper hears at once, in samples."""

_FBANK_WINDOW_SAMPLES, _FBANK_SHIFT_SAMPLES, _FBANK_STRIDE = 400, 160, 2
"""Filter banks of wav2vec2-BERT, two of which are one of its frames."""

# Used in training only, or after the last layer.
_UNUSED_WEIGHTS = ("decoder.", "masked_spec_embed", "adapter.", "intermediate_ffn.")


class Encoder(ABC):
    """Encoder of a checkpoint, cut behind the last layer that is asked for.

    Args:
        checkpoint: The checkpoint.
        layers: Layers whose states are asked for; 0 for the input of the first.
    """

    def __init__(self, checkpoint: Checkpoint, layers: Sequence[int]) -> None:
        self.layers = tuple(layers)
        self.model, self.extractor = _load(checkpoint, layers)

    @abstractmethod
    def encode(self, samples: NDArray[np.float32]) -> dict[int, Tensor]:
        """Compute the states of one utterance.

        Args:
            samples: Samples at 16 kHz, shape `(sample,)`.

        Returns:
            States of each layer, shape `(frame, feature)`, float32.
        """


def _load(checkpoint: Checkpoint, layers: Sequence[int]) -> tuple[nn.Module, Any]:
    """Load the model and its feature extractor.

    Raises:
        ConfigurationError: A weight is missing, or has another shape than the configuration says.
    """
    require_transformers()
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoFeatureExtractor, AutoModel
    from transformers.utils import logging

    # What it would warn about is checked here.
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        local: Any = {"local_files_only": True, "trust_remote_code": False}
        config = AutoConfig.from_pretrained(checkpoint.folder, **local)
        # Of a folder, transformers would prefer a processor_config.json, which the checkpoint's digest does not cover.
        extractor = AutoFeatureExtractor.from_pretrained(checkpoint.folder / PREPROCESSOR, config=config, **local)
        model, report = AutoModel.from_pretrained(
            checkpoint.folder,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            # Refused below, with a name.
            ignore_mismatched_sizes=True,
            **local,
        )
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigurationError(f"{checkpoint.folder}: cannot be loaded: {reason}") from error
    mismatched = sorted(str(name) for name, *_ in report["mismatched_keys"])
    if mismatched:
        raise ConfigurationError(
            f"{checkpoint.folder}: {len(mismatched)} weights have another shape than {CONFIG} says, such as "
            f"{mismatched[0]}"
        )
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(_UNUSED_WEIGHTS))
    if missing:
        raise ConfigurationError(f"{checkpoint.folder}: {len(missing)} weights are missing, such as {missing[0]}")
    encoder = model.encoder
    encoder.layers = encoder.layers[: max(1, *layers)]
    return model.eval(), extractor


class RecordingEncoder(Encoder):
    """Encoder whose own forward pass runs, while the states between its layers are recorded.

    Attributes:
        hears_samples: Whether its model takes samples, not spectra.
    """

    def __init__(self, checkpoint: Checkpoint, layers: Sequence[int]) -> None:
        super().__init__(checkpoint, layers)
        self.hears_samples = checkpoint.model_type != WAV2VEC2_BERT
        # What comes behind the last layer is not asked for.
        self.model.adapter = self.model.intermediate_ffn = None  # type: ignore[assignment]
        # Several threads run the model at once.
        self._local = threading.local()
        encoder: Any = self.model.encoder
        stack = encoder.layers
        for number, layer in enumerate(stack):
            layer.register_forward_pre_hook(self._recorder_of_input(number), with_kwargs=True)
        stack[-1].register_forward_hook(self._recorder_of_output(len(stack)))

    @override
    @torch.inference_mode()
    def encode(self, samples: NDArray[np.float32]) -> dict[int, Tensor]:
        inputs = self.extractor(samples, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
        frames = None
        if "input_features" in inputs:
            # An odd filter bank at the end is filled up, and its frame masked.
            frames = int(inputs["attention_mask"].sum())
            states = self.states(inputs["input_features"], attention_mask=inputs["attention_mask"])
        else:
            states = self.states(inputs["input_values"])
        return {layer: states[layer][0, :frames] for layer in self.layers}

    def states(self, inputs: Tensor, **options: Tensor) -> dict[int, Tensor]:
        """Run the model on what its feature extractor makes; states of each layer, shape `(1, frame, feature)`."""
        self._local.states = {}
        self.model(inputs, **options)
        return {layer: self._local.states[layer] for layer in self.layers}

    def _recorder_of_input(self, number: int) -> Any:
        def record(_: nn.Module, arguments: Any, keywords: Any) -> None:
            if number in self.layers:
                self._local.states[number] = arguments[0] if arguments else keywords["hidden_states"]

        return record

    def _recorder_of_output(self, number: int) -> Any:
        def record(_: nn.Module, arguments: Any, output: Any) -> None:
            self._local.states[number] = output[0] if isinstance(output, tuple) else output

        return record


class WhisperEncoder(Encoder):
    """Whisper's encoder, for the frames of the utterance alone or for 30 s, as its own forward pass wants them.

    Args:
        checkpoint: The checkpoint.
        layers: Layers whose states are asked for.
        padded: Whether an utterance is filled up to 30 s with silence.
    """

    def __init__(self, checkpoint: Checkpoint, layers: Sequence[int], padded: bool) -> None:
        super().__init__(checkpoint, layers)
        self._whisper: Any = self.model.encoder
        self._last = checkpoint.layers
        self.padded = padded

    @override
    @torch.inference_mode()
    def encode(self, samples: NDArray[np.float32]) -> dict[int, Tensor]:
        starts = range(0, len(samples), WHISPER_WINDOW_SAMPLES)
        windows = [self._encode_window(samples[start : start + WHISPER_WINDOW_SAMPLES]) for start in starts]
        return {layer: torch.cat([states[layer] for states in windows]) for layer in self.layers}

    def _encode_window(self, samples: NDArray[np.float32]) -> dict[int, Tensor]:
        """Compute the states of 30 s at most; they are of the utterance alone, whatever follows it."""
        frames = -(-len(samples) // WHISPER_SHIFT_SAMPLES)
        padding = {"padding": "max_length"} if self.padded else {"padding": "longest"}
        multiple = None if self.padded else WHISPER_SHIFT_SAMPLES
        inputs = self.extractor(
            samples, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt", pad_to_multiple_of=multiple, **padding
        )
        states = self.states(inputs["input_features"])
        return {layer: states[layer][0, :frames] for layer in self.layers}

    def states(self, log_mels_BFT: Tensor) -> dict[int, Tensor]:
        """Run the model on log-mels of 30 s at most, shape `(1, mel, frame)`; states `(1, frame, feature)`."""
        encoder, gelu = self._whisper, nn.functional.gelu
        H_BFT = gelu(encoder.conv2(gelu(encoder.conv1(log_mels_BFT))))
        H_BTF = H_BFT.transpose(1, 2) + encoder.embed_positions.weight[: H_BFT.shape[2]]
        states = {0: H_BTF}
        for number, layer in enumerate(encoder.layers[: max(self.layers)], 1):
            H_BTF = layer(H_BTF, None)
            states[number] = H_BTF
        if self._last in self.layers:
            states[self._last] = encoder.layer_norm(H_BTF)
        return states


def make_encoder(checkpoint: Checkpoint, layers: Sequence[int], whisper_padding: str | None) -> Encoder:
    """Load the encoder of a checkpoint.

    Args:
        checkpoint: The checkpoint.
        layers: Layers whose states are asked for.
        whisper_padding: `none` or `30s` for Whisper, else None.

    Raises:
        ConfigurationError: The checkpoint cannot be loaded.
    """
    if checkpoint.model_type == WHISPER:
        return WhisperEncoder(checkpoint, layers, padded=whisper_padding == "30s")
    return RecordingEncoder(checkpoint, layers)


def frame_count(checkpoint: Checkpoint, samples: int) -> int:
    """Return the number of frames that a checkpoint's encoder makes of that many samples."""
    if checkpoint.model_type == WHISPER:
        return -(-samples // WHISPER_SHIFT_SAMPLES)
    if checkpoint.model_type == WAV2VEC2_BERT:
        return (1 + (samples - _FBANK_WINDOW_SAMPLES) // _FBANK_SHIFT_SAMPLES) // _FBANK_STRIDE
    frames = samples
    for kernel, stride in checkpoint.convolutions:
        frames = (frames - kernel) // stride + 1
    return frames
