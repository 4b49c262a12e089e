"""Normalisations against plain numpy over joined frames."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ser.config import Normalisation
from ser.errors import FoldError
from ser.features.normalization import fit_by_utterances, fit_normalization
from ser.features.store import FeatureStore
from tests.support.toy_corpus import make_store, random_frames

SPEAKERS = ("a", "a", "b", "b", "c", "c")
LENGTHS = (7, 30, 12, 5, 9, 21)
TRAINING = ("a", "c")


def normalised(
    store: FeatureStore, name: Normalisation, speakers: tuple[str, ...] = SPEAKERS
) -> list[NDArray[np.float32]]:
    affine = fit_normalization(store, speakers, name, TRAINING)
    assert affine.shift.dtype == affine.scale.dtype == np.float32
    assert affine.shift.shape == affine.scale.shape == (len(store.lengths), store.settings.mel_bands)
    values = [(store.frames(i) - affine.shift[i]) * affine.scale[i] for i in range(len(store.lengths))]
    return [np.clip(frames, 0, 1) for frames in values] if affine.clip else values


def frames_of(frames: list[NDArray[np.float32]], *speakers: str) -> NDArray[np.float64]:
    return np.concatenate([f for f, s in zip(frames, SPEAKERS, strict=True) if s in speakers]).astype(np.float64)


def test_minmax_utterance_takes_each_utterance_to_zero_and_one() -> None:
    raw = random_frames(LENGTHS)
    for frames, result in zip(raw, normalised(make_store(raw), "minmax_utterance"), strict=True):
        expected = (frames - frames.min()) / (frames.max() - frames.min())
        np.testing.assert_allclose(result, expected, atol=1e-6)
        assert result.min() == 0
        assert result.max() == pytest.approx(1, abs=1e-6)
        assert result.max() <= 1


def test_minmax_training_clips_to_the_range_of_training_frames() -> None:
    raw = random_frames(LENGTHS)
    raw[2] = raw[2] * 3
    training = frames_of(raw, *TRAINING)
    results = normalised(make_store(raw), "minmax_training")
    for frames, result in zip(raw, results, strict=True):
        expected = np.clip((frames - training.min()) / (training.max() - training.min()), 0, 1)
        np.testing.assert_allclose(result, expected, atol=1e-6)
    assert frames_of(results, *TRAINING).min() == 0
    assert (results[2] == 0).any()


def test_zscore_training_is_by_band_over_the_training_speakers() -> None:
    raw = random_frames(LENGTHS)
    training = frames_of(raw, *TRAINING)
    results = normalised(make_store(raw), "zscore_training")
    for frames, result in zip(raw, results, strict=True):
        np.testing.assert_allclose(result, (frames - training.mean(0)) / training.std(0), atol=1e-5)
    np.testing.assert_allclose(frames_of(results, *TRAINING).mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(frames_of(results, *TRAINING).std(0), 1, atol=1e-6)


def test_zscore_speaker_is_by_band_over_each_speakers_own_frames() -> None:
    raw = [frames + 2 * index for index, frames in enumerate(random_frames(LENGTHS))]
    results = normalised(make_store(raw), "zscore_speaker")
    for speaker in "abc":
        own = frames_of(raw, speaker)
        np.testing.assert_allclose(frames_of(results, speaker), (own - own.mean(0)) / own.std(0), atol=1e-5)


@pytest.mark.parametrize("name", ["minmax_training", "zscore_training"])
def test_other_speech_does_not_reach_training_statistics(name: Normalisation) -> None:
    raw = random_frames(LENGTHS)
    changed = [frames * 5 - 3 if speaker == "b" else frames for frames, speaker in zip(raw, SPEAKERS, strict=True)]
    before, after = (fit_normalization(make_store(each), SPEAKERS, name, TRAINING) for each in (raw, changed))
    np.testing.assert_array_equal(before.shift, after.shift)
    np.testing.assert_array_equal(before.scale, after.scale)


def test_zscore_speaker_does_not_depend_on_who_trains() -> None:
    store = make_store(random_frames(LENGTHS))
    one, other = (fit_normalization(store, SPEAKERS, "zscore_speaker", training) for training in (("a",), ("b", "c")))
    np.testing.assert_array_equal(one.shift, other.shift)
    np.testing.assert_array_equal(one.scale, other.scale)


@pytest.mark.parametrize("name", ["minmax_utterance", "minmax_training", "zscore_training", "zscore_speaker"])
@pytest.mark.parametrize("level", [-23.025851, -7.123, 0.1])
def test_a_constant_is_taken_to_zero_not_blown_up(name: Normalisation, level: float) -> None:
    raw = [np.full((length, 3), level, dtype=np.float32) for length in LENGTHS]
    for result in normalised(make_store(raw), name):
        np.testing.assert_allclose(result, 0, atol=1e-5)


def test_large_offsets_cost_no_precision() -> None:
    raw = [frames * np.float32(0.01) - 20 for frames in random_frames(LENGTHS)]
    training = frames_of(raw, *TRAINING)
    affine = fit_normalization(make_store(raw), SPEAKERS, "zscore_training", TRAINING)
    np.testing.assert_allclose(affine.scale[0], 1 / training.std(0), rtol=1e-6)


@pytest.mark.parametrize("name", ["minmax_training", "zscore_training"])
def test_training_statistics_need_training_speakers(name: Normalisation) -> None:
    with pytest.raises(FoldError, match=f"normalisation {name} needs training speakers"):
        fit_normalization(make_store(random_frames(LENGTHS)), SPEAKERS, name, ("nobody",))


def test_each_utterance_has_the_statistics_of_its_choice() -> None:
    frames = random_frames([4, 7, 9])
    store = make_store(frames)
    affine = fit_by_utterances(store, [np.array([0]), np.array([1, 2]), np.array([0, 1, 2])])
    for index, chosen in enumerate(([0], [1, 2], [0, 1, 2])):
        pooled = np.concatenate([frames[position] for position in chosen]).astype(np.float64)
        np.testing.assert_allclose(affine.shift[index], pooled.mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(affine.scale[index], 1 / pooled.std(axis=0), rtol=1e-6)
    assert not affine.clip
