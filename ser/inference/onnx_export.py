"""Export of a model as ONNX, checked against the model itself before anything is written."""

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ser.errors import ConfigurationError, ModelError, SerError
from ser.files import atomic_write
from ser.inference.frames import Recording, compute_recordings
from ser.inference.model import EmotionModel
from ser.inference.onnx_graph import ModelGraph
from ser.model.network import SpeechEmotionNetwork

TOLERANCE, COARSE_TOLERANCE = 1e-5, 1e-4
"""Largest difference of a probability from the model's.

The coarse one is for encoders, whose states may be rounded otherwise to float16, and for `minmax_utterance`, which
divides by the least energy of an utterance: rounding decides it on some processors.
"""

_MAX_BYTES = 2**31 - 2**20
"""Weights that fit into one ONNX file."""

_LENGTHS_S = (0.1, 0.17, 0.28, 0.46, 0.77, 1.3, 2.2, 3.6, 6.0, 10.0)
"""Durations of the signals that are compared, in seconds."""

_OPSET = 18
_SCORES = "probabilities"


def export_onnx(model: EmotionModel, path: Path, progress: Callable[[int, int], None]) -> tuple[str, float]:
    """Export a model for recordings of which nothing is known, and compare it with the model on ten lengths.

    Its input are samples where the front end is log-mels or an encoder, else the front end's frames. It computes in
    float32, as does the model that it is compared with.

    Args:
        model: The model.
        path: File to write; it must not exist.
        progress: Called with the number of lengths that were compared, and of all.

    Returns:
        Name of the input, `samples` or `frames`, and the largest difference of a probability.

    Raises:
        ConfigurationError: The packages that this needs are not installed.
        ModelError: The file exists, its folder does not, or the exported model decides otherwise than the model;
            nothing is written.
    """
    onnx, runtime = _require_packages()
    if path.exists():
        raise ModelError(f"{path}: exists already; give another file by --onnx, or remove it first")
    if not path.absolute().parent.is_dir():
        raise ModelError(f"{path.parent}: there is no such folder")
    reference = _in_float32(model)
    graph = ModelGraph(reference)
    content = _with_facts(onnx, _export(graph, reference, path), reference)
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    largest = 0.0
    for count, (signal, expected) in enumerate(_compared(graph, reference), 1):
        (scores,) = session.run([_SCORES], {graph.input_name: signal})
        # `max` would let NaN pass.
        largest = float(np.maximum(largest, np.abs(scores - expected).max()))
        progress(count, len(_LENGTHS_S))
    configuration = model.description.configuration
    coarse = configuration.features.kind == "pretrained" or configuration.normalisation == "minmax_utterance"
    tolerance = COARSE_TOLERANCE if coarse else TOLERANCE
    if not largest <= tolerance:
        raise ModelError(
            f"{path}: not written: its probabilities differ from the model's by {largest:.1e}; expected at most "
            f"{tolerance:.0e}"
        )
    atomic_write(path, content, durable=True)
    return graph.input_name, largest


def _require_packages() -> tuple[Any, Any]:
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise ConfigurationError(
            f"the export needs the package {error.name}; install it with: pip install 'ser-studies[onnx]'"
        ) from None
    return onnx, onnxruntime


def _in_float32(model: EmotionModel) -> EmotionModel:
    """Return the model with arithmetic in float32."""
    configuration = model.description.configuration.model_copy(update={"precision": "fp32"})
    networks = []
    for network, normalisation in model.networks:
        copy = SpeechEmotionNetwork(configuration, len(model.emotions))
        copy.load_state_dict(network.state_dict())
        networks.append((copy, normalisation))
    description = model.description.model_copy(update={"configuration": configuration})
    return EmotionModel(description, networks, model.front_end)


def _export(graph: ModelGraph, model: EmotionModel, path: Path) -> bytes:
    size = sum(parameter.nbytes for parameter in graph.parameters())
    if size > _MAX_BYTES:
        raise ModelError(f"{path}: not written: the model has {size / 1e9:.1f} GB of weights; an ONNX file holds 2 GB")
    example, _ = next(_compared(graph, model))
    with TemporaryDirectory(prefix="ser-") as folder, warnings.catch_warnings(), torch.no_grad():
        # Traced, not compiled by torch.export: that needs one more package, and writes LSTMs step by step.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            (torch.from_numpy(example),),
            Path(folder) / "model.onnx",
            dynamo=False,
            input_names=[graph.input_name],
            output_names=[_SCORES],
            dynamic_axes={graph.input_name: {0: "length"}},
            opset_version=_OPSET,
        )
        return (Path(folder) / "model.onnx").read_bytes()


def _with_facts(onnx: Any, content: bytes, model: EmotionModel) -> bytes:
    """Write what a user of the file must know into its metadata."""
    exported = onnx.load_from_string(content)
    description = model.description
    facts = {
        "name": description.name,
        "emotions": json.dumps(model.emotions),
        "front_end": description.configuration.features.label,
        "sample_rate_hz": str(description.configuration.features.sample_rate_hz),
        "corpus": description.corpus.name,
        "weights_sha256": description.weights_sha256,
    }
    onnx.helper.set_model_props(exported, facts)
    serialized: bytes = exported.SerializeToString()
    return serialized


def _compared(graph: ModelGraph, model: EmotionModel) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float64]]]:
    """Yield inputs of different lengths, the longest first, and the probabilities that the model computes of them."""
    rate_hz = model.front_end.sample_rate_hz
    for number, length_s in enumerate(reversed(_LENGTHS_S)):
        samples = _signal(int(length_s * rate_hz), rate_hz, number)
        recording = Recording(f"{length_s} s of noise", samples)
        (prediction,) = model.predict([recording])
        (frames,) = compute_recordings(model.front_end, [recording])
        if isinstance(frames, SerError):
            raise frames
        signal = samples if graph.input_name == "samples" else frames.astype(np.float32)
        yield signal, np.array(list(prediction.probabilities.values()))


def _signal(samples: int, rate_hz: int, seed: int) -> NDArray[np.float32]:
    """Return a buzz in noise whose loudness and pitch move."""
    generator, time_s = np.random.default_rng(seed), np.arange(samples) / rate_hz
    buzz = np.sign(np.sin(2 * np.pi * (120 * time_s + 20 * np.sin(2 * time_s + seed))))
    loudness = 0.02 + 0.2 * np.sin(3 * time_s + seed) ** 2
    signal: NDArray[np.float32] = (loudness * (buzz + generator.standard_normal(samples))).astype(np.float32)
    return signal
