"""A trained fold as a file: no digit is lost, and a damaged one is named."""

import json
import math
import struct
from pathlib import Path

import pytest
import torch

from ser.errors import SerError
from ser.model.network import SpeechEmotionNetwork
from ser.training.checkpoint import add_digests, deserialize_fold, parse_result, read_result, serialize_fold
from ser.training.trainer import TrainedFold
from tests.support.toy_corpus import small, train


@pytest.fixture(scope="module")
def trained() -> TrainedFold:
    # A third, and a number with 17 digits, have no short decimal form.
    return train(small(attention="quantum", learning_rate=1 / 300, ema_decay=0.1 + 0.2))


def test_no_digit_is_lost(trained: TrainedFold) -> None:
    back = deserialize_fold(serialize_fold(trained))
    assert back.result == trained.result
    assert any(score != round(score, 12) for row in back.result.test.scores for score in row)
    assert back.weights.keys() == trained.weights.keys()
    for name, weight in trained.weights.items():
        assert back.weights[name].dtype == weight.dtype
        assert torch.equal(back.weights[name], weight)


def test_the_weights_fit_the_network_that_the_result_describes(trained: TrainedFold) -> None:
    back = deserialize_fold(serialize_fold(trained))
    network = SpeechEmotionNetwork(back.result.configuration, len(back.result.corpus.emotions))
    network.load_state_dict(back.weights)
    assert all(torch.equal(weight, trained.weights[name]) for name, weight in network.state_dict().items())


def test_equal_folds_make_equal_bytes(trained: TrainedFold) -> None:
    assert serialize_fold(trained) == serialize_fold(deserialize_fold(serialize_fold(trained)))


def test_the_result_is_read_without_the_weights(trained: TrainedFold, tmp_path: Path) -> None:
    content = serialize_fold(trained)
    (length,) = struct.unpack("<Q", content[:8])
    assert parse_result(content[: 8 + length]) == trained.result
    path = tmp_path / "fold.safetensors"
    path.write_bytes(content)
    assert read_result(path) == trained.result


def header_of(metadata: object) -> bytes:
    header = json.dumps({"__metadata__": metadata} if metadata else {}).encode()
    return struct.pack("<Q", len(header)) + header


DAMAGED = {
    "empty": b"",
    "a few bytes": b"\x01\x02",
    "text": b"this is a letter, and no file of weights at all",
    "an endless header": b"\xff" * 40,
    "a header of gigabytes": struct.pack("<Q", 2**40) + b"{}",
    "no json": struct.pack("<Q", 4) + b"{{{{",
    "json too deep": struct.pack("<Q", 200_000) + b"[" * 200_000,
    "a list": struct.pack("<Q", 2) + b"[]",
    "no metadata": header_of(None),
    "other metadata": header_of({"format": "pt"}),
    "a result that is none": header_of({"result": '{"identity": 1}'}),
    "a result that is no json": header_of({"result": "oops"}),
    "a result that is a list": header_of({"result": "[]"}),
    "a configuration that is a list": header_of({"result": '{"configuration": []}'}),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_file_is_named_in_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "fold.safetensors"
    path.write_bytes(DAMAGED[kind])
    with pytest.raises(SerError) as caught:
        read_result(path)
    assert str(caught.value).startswith(f"{path}: expected a trained fold (safetensors with a result): ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_bytes_are_refused_in_one_line(kind: str) -> None:
    with pytest.raises(SerError, match=r"^expected a trained fold \(safetensors with a result\): .") as caught:
        parse_result(DAMAGED[kind])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_file_cut_short_is_named(share: float, trained: TrainedFold, tmp_path: Path) -> None:
    content = serialize_fold(trained)
    path = tmp_path / "fold.safetensors"
    path.write_bytes(content[: math.floor(share * len(content))])
    with pytest.raises(SerError, match=r"fold\.safetensors: expected a trained fold"):
        read_result(path)


def test_a_result_with_a_field_of_another_version_is_named(trained: TrainedFold, tmp_path: Path) -> None:
    path = tmp_path / "fold.safetensors"
    content = json.loads(trained.result.model_dump_json()) | {"mood": "good"}
    path.write_bytes(header_of({"result": json.dumps(content)}))
    with pytest.raises(SerError, match="mood: Extra inputs are not permitted"):
        read_result(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SerError, match=r"gone\.safetensors: expected a trained fold"):
        read_result(tmp_path / "gone.safetensors")


def test_changed_weights_are_neither_used_nor_given_new_digests(trained: TrainedFold) -> None:
    content = bytearray(serialize_fold(trained))
    content[-5] ^= 1
    for use in (deserialize_fold, add_digests):
        with pytest.raises(SerError, match="its weights are not those that were written"):
            use(bytes(content))
