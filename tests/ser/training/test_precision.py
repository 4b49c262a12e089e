"""What a precision means on a device; cards are stood in for, as their settings exist without one."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from ser.config import Precision
from ser.devices import to_device
from ser.errors import ConfigurationError
from ser.features.batches import DeviceFeatures
from ser.training import trainer
from ser.training.data import prepare_fold_data
from ser.training.precision import precision_context
from tests.support.toy_corpus import fold_of, small, toy_corpus, toy_store, train

GPU, CPU = torch.device("cuda:0"), torch.device("cpu")


def roundings() -> tuple[str, str, str]:
    backends: Any = torch.backends
    return tuple(each.fp32_precision for each in (backends.cudnn.rnn, backends.cudnn.conv, backends.cuda.matmul))  # type: ignore[return-value]


@pytest.fixture
def torchs_own() -> Iterator[tuple[str, str, str]]:
    before = roundings()
    assert before[0] == "tf32", "torch rounds LSTMs on cards unless told otherwise"
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
    trainings = [trainer.FoldTraining(each, configuration, 1, CPU) for each in (data, resident)]
    curves = [[each.train_epoch(epoch) for epoch in (1, 2)] for each in trainings]
    assert curves[0] == curves[1]
    scores = [each.score(each.average.weights(), data.validation) for each in trainings]
    assert scores[0] == scores[1]
