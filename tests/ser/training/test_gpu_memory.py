"""Lack of GPU memory within a fold: it computes less at once, where it has the GPU for itself."""

from typing import Any

import pytest
import torch
from torch import Tensor

from ser.config import FoldConfiguration
from ser.model.network import SpeechEmotionNetwork
from ser.training import data
from ser.training.batching import GPU_COST, MicroBatchCost
from ser.training.trainer import TrainedFold, train_fold
from tests.support.stand_in_gpu import GPU, stand_in_gpu
from tests.support.toy_corpus import fold_of, same_weights, small, toy_corpus, toy_store

# Utterances have 7 to 20 frames; eight of them make a batch.
CONFIGURATION = small(batch_size=8, epochs=2)
FULL = "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"


class _SmallGpu:
    """Network on a GPU with room for so many padded frames."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.frames: list[int] = []
        encode = SpeechEmotionNetwork.encode

        def limited(network: SpeechEmotionNetwork, frames: Tensor, lengths: Tensor) -> Tensor:
            padded = frames.shape[0] * frames.shape[1]
            if padded > room:
                raise RuntimeError(FULL)
            self.frames.append(padded)
            return encode(network, frames, lengths)

        monkeypatch.setattr(SpeechEmotionNetwork, "encode", limited)


def trained(configuration: FoldConfiguration = CONFIGURATION, **others: Any) -> TrainedFold:
    corpus = toy_corpus()
    return train_fold(corpus, toy_store(corpus), configuration, fold_of(corpus), GPU, **others)


def test_a_lone_fold_shrinks_its_micro_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    with stand_in_gpu(monkeypatch):
        expected = trained()
        gpu = _SmallGpu(monkeypatch, room=50)
        found = trained(shrinks=True)
    assert max(gpu.frames) <= 50
    assert found.result.test.predicted == expected.result.test.predicted
    for name, weight in expected.weights.items():
        # Sums of gradients are added up in another order.
        torch.testing.assert_close(found.weights[name], weight, rtol=1e-4, atol=1e-5)


def test_a_fold_beside_others_does_not_shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    with stand_in_gpu(monkeypatch):
        _SmallGpu(monkeypatch, room=50)
        with pytest.raises(RuntimeError, match=FULL):
            trained()


def test_a_gpu_too_small_for_one_utterance_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with stand_in_gpu(monkeypatch):
        _SmallGpu(monkeypatch, room=10)
        with pytest.raises(RuntimeError, match=FULL):
            trained(shrinks=True)


def test_only_a_lack_of_memory_shrinks_micro_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    def illegal(*arguments: object) -> Tensor:
        attempts.append(arguments)
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(SpeechEmotionNetwork, "encode", illegal)
    with stand_in_gpu(monkeypatch), pytest.raises(RuntimeError, match="an illegal memory access"):
        trained(shrinks=True)
    assert len(attempts) == 1


def test_the_gradient_of_a_part_that_failed_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first part of a batch is computed, and the second lacks memory: the batch begins anew."""
    encode, calls = SpeechEmotionNetwork.encode, list[int]()

    def second_fails(network: SpeechEmotionNetwork, frames: Tensor, lengths: Tensor) -> Tensor:
        calls.append(len(lengths))
        if len(calls) == 2:
            raise torch.OutOfMemoryError(FULL)
        return encode(network, frames, lengths)

    one_each = MicroBatchCost(GPU_COST.padding, GPU_COST.step_rows, GPU_COST.call_frames, 41)
    with stand_in_gpu(monkeypatch):
        monkeypatch.setattr(data, "GPU_COST", MicroBatchCost(1, 100_000, 0, 20))
        expected = trained()
        monkeypatch.setattr(data, "GPU_COST", one_each)
        monkeypatch.setattr(SpeechEmotionNetwork, "encode", second_fails)
        found = trained(shrinks=True)
    assert same_weights(found, expected)
