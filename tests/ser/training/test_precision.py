"""What a precision means on a device; GPUs are stood in for, as their settings exist without one."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from ser.config import Precision
from ser.devices import to_device
from ser.errors import ConfigurationError, TrainingError
from ser.features.batches import DeviceFeatures
from ser.model.network import SpeechEmotionNetwork
from ser.training.data import prepare_fold_data
from ser.training.fold_training import FoldTraining
from ser.training.precision import precision_context
from ser.training.trainer import train_fold
from tests.support.stand_in_gpu import CPU, GPU, stand_in_gpu
from tests.support.toy_corpus import fold_of, small, toy_corpus, toy_store, train


def roundings() -> tuple[str, str, str]:
    backends: Any = torch.backends
    return tuple(each.fp32_precision for each in (backends.cudnn.rnn, backends.cudnn.conv, backends.cuda.matmul))  # type: ignore[return-value]


@pytest.fixture
def torchs_own() -> Iterator[tuple[str, str, str]]:
    before = roundings()
    assert before[0] == "tf32", "torch rounds LSTMs on GPUs unless told otherwise"
    yield before
    assert roundings() == before


@pytest.mark.parametrize(("precision", "expected"), [("fp32", "ieee"), ("bf16", "ieee"), ("tf32", "tf32")])
def test_only_tf32_rounds_what_goes_into_products(
    precision: Precision, expected: str, torchs_own: tuple[str, str, str]
) -> None:
    with precision_context(precision, GPU):
        assert roundings() == (expected,) * 3
    with pytest.raises(ZeroDivisionError), precision_context(precision, GPU):
        raise ZeroDivisionError


def test_nothing_is_set_for_a_processor(torchs_own: tuple[str, str, str]) -> None:
    with precision_context("fp32", CPU):
        assert roundings() == torchs_own


def test_tf32_is_refused_on_a_processor() -> None:
    with pytest.raises(ConfigurationError, match=r"^precision 'tf32' needs a GPU; this study runs on cpu$"):
        train(small(precision="tf32"))


def test_a_copy_on_a_processor_is_the_tensor_itself() -> None:
    tensor = torch.arange(3)
    assert to_device(tensor, CPU) is tensor


def test_features_stay_on_the_map_on_a_processor() -> None:
    corpus = toy_corpus()
    data = prepare_fold_data(corpus, toy_store(corpus), small(), fold_of(corpus))
    assert data.to(CPU) is data


@pytest.mark.parametrize("criterion", ["ctc", "cross_entropy"])
def test_training_on_resident_features_is_the_same_to_the_bit(criterion: str) -> None:
    corpus, configuration = toy_corpus(), small(criterion=criterion, loss_scale="label")
    data = prepare_fold_data(corpus, toy_store(corpus), configuration, fold_of(corpus))
    resident = replace(data, features=DeviceFeatures(data.features, CPU))  # type: ignore[arg-type]
    trainings = [FoldTraining(each, configuration, 1, CPU) for each in (data, resident)]
    curves = [[each.train_epoch(epoch) for epoch in (1, 2)] for each in trainings]
    assert curves[0] == curves[1]
    scores = [each.score(each.average.weights(), data.validation) for each in trainings]
    assert scores[0] == scores[1]


@pytest.mark.parametrize(
    ("precision", "expected"), [("fp32", torch.float32), ("tf32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_cells_of_a_gpu_compute_in_the_type_of_the_precision(
    precision: Precision, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = toy_corpus()
    with stand_in_gpu(monkeypatch) as cell_types:
        trained = train_fold(corpus, toy_store(corpus), small(precision=precision), fold_of(corpus), GPU)
    assert set(cell_types) == {expected}
    assert {weight.dtype for weight in trained.weights.values()} == {torch.float32}
    assert trained.result.environment["device_type"] == "cuda"


def gradient_of(precision: Precision, scale: float) -> torch.Tensor:
    """Gradient of the lower layer's recurrent weights, for a loss as small as `scale`."""
    torch.manual_seed(1)
    network = SpeechEmotionNetwork(small(precision=precision, labels="utterance"), emotions=3)
    frames = torch.randn(2, 30, 5)
    (network(frames, torch.tensor([30, 20])).square().sum() * scale).backward()
    gradient = network.recurrent.layers[0].forward_cells.weight_hh_l0.grad
    assert isinstance(gradient, torch.Tensor)
    return gradient / scale


def test_small_gradients_of_a_gpu_do_not_vanish_in_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    with stand_in_gpu(monkeypatch):
        exact, rounded = gradient_of("fp32", 1e-9), gradient_of("bf16", 1e-9)
    assert float((rounded - exact).norm()) < 0.1 * float(exact.norm())


def test_cells_in_another_type_than_asked_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    lstm = torch.lstm

    def in_half(*arguments: Any) -> tuple[torch.Tensor, ...]:
        output, *states = lstm(*arguments)
        return output.half(), *states

    monkeypatch.setattr(torch, "lstm", in_half)
    with (
        stand_in_gpu(monkeypatch),
        pytest.raises(TrainingError, match=r"computed LSTM cells in torch.float16, not in torch.bfloat16"),
    ):
        gradient_of("bf16", 1.0)
