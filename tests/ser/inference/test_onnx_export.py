"""An exported model decides as the model does, at any length; one that does not is not written."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ser.errors import ModelError
from ser.feature_settings import LogMelProsodySettings
from ser.features.frontends.base import FrontEndChoice
from ser.features.frontends.choices import parse_front_ends
from ser.features.logmel import log_mel
from ser.inference import load_model
from ser.inference.frames import Recording, compute_recordings
from ser.inference.front_end_graph import LogMelGraph
from ser.inference.onnx_export import COARSE_TOLERANCE, TOLERANCE, export_onnx
from ser.inference.onnx_graph import ModelGraph
from tests.support.tiny_encoders import write_encoder
from tests.support.toy_models import LOG_MEL, MEMBER, write_model

onnxruntime = pytest.importorskip("onnxruntime")

LENGTHS = (400, 1_601, 2_400, 4_000, 7_919, 12_345, 16_000, 24_001, 48_000, 80_000)
"""Samples; the lengths of the check in the command are others."""

VARIANTS: dict[str, dict[str, Any]] = {
    "none": {},
    "quantum": {"attention": "quantum", "quantum_states": "unit", "quantum_boundary": "states"},
    "component": {"attention": "component"},
    "local": {"attention": "local", "normalisation": "minmax_training"},
    "stacked": {"stack": 3, "normalisation": "minmax_utterance", "layers": 2},
    "best path": {"decision": "best_path", "normalisation": "zscore_speaker"},
    "cross entropy": {"criterion": "cross_entropy", "projection": 3, "dropout": 0.5},
    "bf16": {"precision": "bf16"},
}


def steps(done: int, total: int) -> None:
    assert 1 <= done <= total == 10


@pytest.mark.parametrize("name", VARIANTS)
def test_exported_model_decides_as_the_model_at_ten_lengths(tmp_path: Path, name: str) -> None:
    write_model(tmp_path / "model", settings=VARIANTS[name], members=(MEMBER, MEMBER))
    model = load_model(tmp_path / "model")
    begin, largest = export_onnx(model, tmp_path / "model.onnx", steps)
    exported = COARSE_TOLERANCE if name == "stacked" else TOLERANCE
    assert (begin, largest <= exported) == ("samples", True)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert json.loads(session.get_modelmeta().custom_metadata_map["emotions"]) == ["anger", "sadness"]
    # bf16 has three digits.
    tolerance = 0.05 if name == "bf16" else exported
    for length in LENGTHS:
        samples = (np.random.default_rng(length).standard_normal(length) / 10).astype(np.float32)
        (scores,) = session.run(None, {"samples": samples})
        (prediction,) = model.predict([Recording("noise", samples)])
        np.testing.assert_allclose(scores, list(prediction.probabilities.values()), rtol=0, atol=tolerance)


def test_log_mels_of_the_graph_are_those_of_the_front_end() -> None:
    samples = torch.from_numpy(np.random.default_rng(1).standard_normal(5_000)).float() / 10
    settings = LOG_MEL.settings.model_copy(update={"mel_bands": 40})
    torch.testing.assert_close(LogMelGraph(settings)(samples), log_mel(samples, settings), rtol=0, atol=1e-4)


def test_model_of_another_front_end_begins_at_its_frames(tmp_path: Path) -> None:
    write_model(tmp_path / "model", FrontEndChoice(settings=LogMelProsodySettings()))
    model = load_model(tmp_path / "model")
    begin, _ = export_onnx(model, tmp_path / "model.onnx", steps)
    assert begin == "frames"
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    recording = Recording("noise", (np.random.default_rng(2).standard_normal(9_000) / 10).astype(np.float32))
    (frames,) = compute_recordings(model.front_end, [recording])
    (scores,) = session.run(None, {"frames": frames})
    (prediction,) = model.predict([recording])
    np.testing.assert_allclose(scores, list(prediction.probabilities.values()), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("family", "option"),
    [("whisper", "@2"), ("whisper", "@3,whisper_padding=30s"), ("wav2vec2", "@2"), ("wavlm-stable", "@3")],
)
def test_model_with_an_encoder_hears_samples(tmp_path: Path, family: str, option: str) -> None:
    (choice,) = parse_front_ends([f"pretrained:{write_encoder(tmp_path / family, family)}{option}"])
    write_model(tmp_path / "model", choice, members=(MEMBER, MEMBER))
    model = load_model(tmp_path / "model")
    begin, largest = export_onnx(model, tmp_path / "model.onnx", steps)
    assert (begin, largest <= COARSE_TOLERANCE) == ("samples", True)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for length in LENGTHS:
        samples = (np.random.default_rng(length).standard_normal(length) / 10).astype(np.float32)
        (scores,) = session.run(None, {"samples": samples})
        (prediction,) = model.predict([Recording("noise", samples)])
        np.testing.assert_allclose(scores, list(prediction.probabilities.values()), rtol=0, atol=COARSE_TOLERANCE)


def test_model_too_large_for_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path / "model")
    monkeypatch.setattr("ser.inference.onnx_export._MAX_BYTES", 100)
    with pytest.raises(ModelError, match=r"model\.onnx: not written: the model has 0\.0 GB of weights"):
        export_onnx(load_model(tmp_path / "model"), tmp_path / "model.onnx", steps)


@pytest.mark.parametrize(("offset", "difference"), [(2e-5, r"2\."), (float("nan"), "nan")])
def test_export_that_decides_otherwise_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offset: float, difference: str
) -> None:
    write_model(tmp_path / "model")
    forward = ModelGraph.forward
    monkeypatch.setattr(ModelGraph, "forward", lambda self, signal: forward(self, signal) + offset)
    message = rf"model\.onnx: not written: its probabilities differ from the model's by {difference}"
    with pytest.raises(ModelError, match=message):
        export_onnx(load_model(tmp_path / "model"), tmp_path / "model.onnx", steps)
    assert not (tmp_path / "model.onnx").exists()


def test_a_file_in_the_way_or_a_missing_folder_is_named(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    (tmp_path / "model.onnx").write_text("mine")
    with pytest.raises(ModelError, match="there is no such folder"):
        export_onnx(load_model(tmp_path / "model"), tmp_path / "none" / "model.onnx", steps)
    with pytest.raises(ModelError, match=r"model\.onnx: exists already"):
        export_onnx(load_model(tmp_path / "model"), tmp_path / "model.onnx", steps)
    assert (tmp_path / "model.onnx").read_text() == "mine"
