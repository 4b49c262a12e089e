"""A model finds its encoder in its folder, where it was, or where it is told; a missing one is named with a remedy."""

import json
from pathlib import Path
from shutil import copytree, rmtree

import numpy as np
import pytest

from ser.errors import ModelError
from ser.features.frontends.choices import parse_front_ends
from ser.features.frontends.pretrained.checkpoint import checkpoint_files, read_checkpoint
from ser.inference import load_model
from ser.inference.frames import Recording
from ser.inference.model_folder import ENCODER
from tests.support.tiny_encoders import write_encoder
from tests.support.toy_models import write_model

SAMPLES = np.random.default_rng(1).standard_normal(8_000).astype(np.float32) / 10


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with an encoder, a model that names it, and one that has a copy of it."""
    root = tmp_path_factory.mktemp("places")
    encoder = write_encoder(root / "wavlm", "wavlm")
    (encoder / "LICENSE").write_text("as you like")
    (choice,) = parse_front_ends([f"pretrained:{encoder}@1"])
    files = checkpoint_files(read_checkpoint(str(encoder)))
    write_model(root / "plain", choice)
    write_model(root / "bundled", choice, encoder=files)
    return root


def shares(folder: Path, encoder: Path | None = None) -> dict[str, float]:
    (prediction,) = load_model(folder, encoder).predict([Recording("noise", SAMPLES)])
    return prediction.probabilities


@pytest.fixture
def elsewhere(places: Path, tmp_path: Path) -> Path:
    """The same folders on a machine on which the encoder is not where it was."""
    copy = copytree(places, tmp_path / "places")
    for name in ("plain", "bundled"):
        text = (copy / name / "model.json").read_text(encoding="utf-8")
        (copy / name / "model.json").write_text(text.replace(str(places / "wavlm"), "/nowhere/wavlm"))
    return copy


def test_bundled_encoder_decides_as_the_original(places: Path, elsewhere: Path) -> None:
    expected = shares(places / "plain")
    rmtree(elsewhere / "wavlm")
    assert shares(elsewhere / "bundled") == expected
    assert {path.name for path in (elsewhere / "bundled" / ENCODER).iterdir()} == {
        "LICENSE",
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    }


def test_missing_encoder_is_named_with_how_to_get_it(places: Path, elsewhere: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_model(elsewhere / "plain")
    line = str(caught.value)
    assert line.startswith(f"{elsewhere / 'plain'}: its front end wavlm@1 cannot be used here: ")
    assert "pretrained:/nowhere/wavlm: no such folder" in line
    assert line.endswith("by --encoder FOLDER, or make the model anew with --bundle")
    assert shares(elsewhere / "plain", elsewhere / "wavlm") == shares(places / "plain")


def test_tampered_bundle_is_refused_in_one_line(elsewhere: Path) -> None:
    encoder = elsewhere / "bundled" / ENCODER
    weights = bytearray((encoder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (encoder / "model.safetensors").write_bytes(weights)
    with pytest.raises(ModelError, match=r"expected the checkpoint with digest [0-9a-f]+, found [0-9a-f]+"):
        load_model(elsewhere / "bundled")
    config = json.loads((encoder / "config.json").read_text(encoding="utf-8"))
    (encoder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "evil.Model"}}))
    (encoder / "evil.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ModelError, match="brings code of its own"):
        load_model(elsewhere / "bundled")
    rmtree(encoder)
    with pytest.raises(ModelError, match="encoder: no such folder"):
        load_model(elsewhere / "bundled")
