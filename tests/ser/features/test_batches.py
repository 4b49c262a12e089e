"""Batches against a naive frame-by-frame construction."""

from typing import get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ser.config import Normalisation
from ser.features.batches import DeviceFeatures, MappedFeatures
from ser.features.normalization import AffineNormalization, fit_normalization
from tests.support.toy_corpus import make_store, random_frames

LENGTHS = (1, 2, 3, 4, 5, 6, 7, 31)
SPEAKERS = ("a", "b") * 4


def naive(raw: NDArray[np.float32], affine: AffineNormalization, index: int, stack: int) -> NDArray[np.float64]:
    frames = [(frame - affine.shift[index].astype(float)) * affine.scale[index] for frame in raw]
    if affine.clip:
        frames = [np.clip(frame, 0, 1) for frame in frames]
    while len(frames) % stack:
        frames.append(frames[-1])
    return np.stack([np.concatenate(frames[start : start + stack]) for start in range(0, len(frames), stack)])


@pytest.mark.parametrize("stack", [1, 2, 3])
@pytest.mark.parametrize("name", ["zscore_speaker", "minmax_training"])
def test_a_batch_is_normalised_stacked_and_padded_with_zeros(stack: int, name: str) -> None:
    raw = random_frames(LENGTHS)
    store = make_store(raw)
    affine = fit_normalization(store, SPEAKERS, name, ("a",))  # type: ignore[arg-type]
    view = MappedFeatures(store, affine, stack)
    indices = [7, 0, 3, 4, 1, 6]
    features, lengths = view.batch(indices)
    assert features.dtype == torch.float32
    assert lengths.dtype == torch.int64
    assert features.shape == (len(indices), int(lengths.max()), 5 * stack)
    for row, index in enumerate(indices):
        expected = naive(raw[index], affine, index, stack)
        assert int(lengths[row]) == len(expected) == view.lengths[index]
        np.testing.assert_allclose(features[row, : len(expected)].numpy(), expected, atol=1e-5)
        assert torch.all(features[row, len(expected) :] == 0)


@pytest.mark.parametrize("stack", [1, 2, 3])
def test_an_utterance_is_the_same_alone_and_with_mates(stack: int) -> None:
    store = make_store(random_frames(LENGTHS))
    view = MappedFeatures(store, fit_normalization(store, SPEAKERS, "zscore_speaker", ()), stack)
    together, lengths = view.batch(np.arange(8))
    for index in range(8):
        alone, length = view.batch([index])
        assert torch.equal(alone[0], together[index, : int(length[0])])
        assert int(length[0]) == int(lengths[index])


@pytest.mark.parametrize(
    ("stack", "expected"), [(1, LENGTHS), (2, (1, 1, 2, 2, 3, 3, 4, 16)), (3, (1, 1, 1, 2, 2, 2, 3, 11))]
)
def test_stacking_rounds_lengths_up(stack: int, expected: tuple[int, ...]) -> None:
    store = make_store(random_frames(LENGTHS))
    view = MappedFeatures(store, fit_normalization(store, SPEAKERS, "zscore_speaker", ()), stack)
    assert tuple(view.lengths.tolist()) == expected


def test_a_batch_is_a_copy_that_leaves_the_store_alone() -> None:
    store = make_store(random_frames(LENGTHS))
    before = store.frames(7).copy()
    features, _ = MappedFeatures(store, fit_normalization(store, SPEAKERS, "minmax_utterance", ()), 1).batch([7])
    features.zero_()
    np.testing.assert_array_equal(store.frames(7), before)


@pytest.mark.parametrize("stack", [1, 2, 3])
@pytest.mark.parametrize("name", get_args(Normalisation))
def test_batches_on_a_device_equal_those_of_the_store(stack: int, name: Normalisation) -> None:
    store = make_store(random_frames(LENGTHS))
    view = MappedFeatures(store, fit_normalization(store, SPEAKERS, name, ("a",)), stack)
    resident = DeviceFeatures(view, torch.device("cpu"))
    np.testing.assert_array_equal(resident.lengths, view.lengths)
    for indices in ([7, 0, 3, 4, 1, 6], [0], [3, 3], np.arange(8)):
        for found, expected in zip(resident.batch(indices), view.batch(indices), strict=True):
            assert found.dtype == expected.dtype
            assert torch.equal(found, expected)
