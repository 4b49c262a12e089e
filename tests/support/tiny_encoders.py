"""Tiny random speech encoders of every family, written as checkpoints."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

LAYERS, HIDDEN = 3, 24

_WAVEFORM = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "intermediate_size": 32,
    "conv_dim": (16, 16, 16),
    "conv_kernel": (10, 8, 4),
    "conv_stride": (5, 8, 8),
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 4,
    "vocab_size": 8,
}
_STABLE = {"do_stable_layer_norm": True, "feat_extract_norm": "layer"}
_WHISPER = {
    "d_model": HIDDEN,
    "encoder_layers": LAYERS,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 32,
    "decoder_layers": 1,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 32,
    "vocab_size": 32,
    "pad_token_id": 1,
    "bos_token_id": 1,
    "eos_token_id": 1,
    "decoder_start_token_id": 1,
}
_BERT = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "intermediate_size": 32,
    "feature_projection_input_dim": 160,
}

# Family: names of the model's, the configuration's and the extractor's class, and the configuration.
_FAMILIES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "whisper": ("WhisperModel", "WhisperConfig", "WhisperFeatureExtractor", _WHISPER),
    "wav2vec2": ("Wav2Vec2Model", "Wav2Vec2Config", "Wav2Vec2FeatureExtractor", _WAVEFORM),
    "wav2vec2-stable": ("Wav2Vec2Model", "Wav2Vec2Config", "Wav2Vec2FeatureExtractor", _WAVEFORM | _STABLE),
    "hubert": ("HubertModel", "HubertConfig", "Wav2Vec2FeatureExtractor", _WAVEFORM),
    "wavlm": ("WavLMModel", "WavLMConfig", "Wav2Vec2FeatureExtractor", _WAVEFORM),
    "wavlm-stable": ("WavLMModel", "WavLMConfig", "Wav2Vec2FeatureExtractor", _WAVEFORM | _STABLE),
    "data2vec-audio": ("Data2VecAudioModel", "Data2VecAudioConfig", "Wav2Vec2FeatureExtractor", _WAVEFORM),
    "unispeech-sat": ("UniSpeechSatModel", "UniSpeechSatConfig", "Wav2Vec2FeatureExtractor", _WAVEFORM),
    "wav2vec2-bert": ("Wav2Vec2BertModel", "Wav2Vec2BertConfig", "SeamlessM4TFeatureExtractor", _BERT),
}
FAMILIES = tuple(_FAMILIES)


def write_encoder(folder: Path, family: str, seed: int = 1) -> Path:
    """Writes a checkpoint; another seed is another model. A test that asks for one is skipped without transformers."""
    transformers = pytest.importorskip("transformers")

    model_class, config_class, extractor_class, settings = _FAMILIES[family]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = getattr(transformers, model_class)(getattr(transformers, config_class)(**settings))
        # Larger than a fresh model's, so that every layer moves the states.
        for parameter in model.parameters():
            if parameter.dim() > 1 and parameter.requires_grad:
                parameter.data.mul_(2)
    model.save_pretrained(folder)
    getattr(transformers, extractor_class)().save_pretrained(folder)
    return folder


def reference_states(folder: Path, samples: Any) -> list[torch.Tensor]:
    """All hidden states of one utterance by transformers itself, in float32, each `(frame, feature)`."""
    import transformers

    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)
    model: Any = transformers.AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
    inputs = extractor(samples, sampling_rate=16_000, return_tensors="pt")
    encoder: Callable[..., Any] = model.encoder if model.config.model_type == "whisper" else model
    with torch.no_grad():
        states = encoder(**inputs, output_hidden_states=True).hidden_states
    return [state[0] for state in states]
