"""Frames of recordings are finite numbers of the stored type, or there is a reason why there are none."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from typing_extensions import override

from ser.corpora.corpus import Utterance
from ser.errors import AudioError, FeatureStoreError
from ser.feature_settings import LogMelSettings, PretrainedSettings
from ser.features.frontends.base import FrontEnd
from ser.features.frontends.log_mel import LogMelFrontEnd
from ser.inference.frames import Recording, compute_recordings

ENCODER = PretrainedSettings(name="loud", checkpoint="0", layer=1, hidden_size=2, frame_shift_s=0.02)


class LoudEncoder(FrontEnd):
    """Front end whose one frame holds the first sample times 100,000."""

    @override
    def frame_count(self, samples: int) -> int:
        return 1

    @override
    def compute(self, utterance: Utterance, samples: NDArray[np.float32]) -> tuple[NDArray[np.floating], ...]:
        return (np.full((1, 2), samples[0] * np.float32(1e5)),)


def samples_that_start_with(value: float) -> NDArray[np.float32]:
    samples = np.full(1_600, 0.1, np.float32)
    samples[0] = value
    return samples


def test_number_beyond_the_stored_type_is_an_error_not_infinity() -> None:
    recordings = [Recording(name, samples_that_start_with(value)) for name, value in (("quiet", 0.5), ("loud", 0.7))]
    quiet, loud = compute_recordings(LoudEncoder([ENCODER]), recordings)
    assert isinstance(quiet, np.ndarray)
    assert quiet.dtype == np.float16
    assert quiet.tolist() == [[np.float16(5e4)] * 2]
    assert isinstance(loud, FeatureStoreError)
    assert str(loud) == ("loud: has frames of loud@1 that are not finite or beyond the range of float16")


class LargeFrontEnd(LoudEncoder):
    """Front end that needs more memory than any machine has for recordings of more than a second."""

    @override
    def compute(self, utterance: Utterance, samples: NDArray[np.float32]) -> tuple[NDArray[np.floating], ...]:
        torch.empty(2**60 if len(samples) > 16_000 else 1)
        return super().compute(utterance, samples)


def test_recording_that_memory_has_no_room_for_ends_no_other() -> None:
    recordings = [Recording("long", np.zeros(40_000, np.float32)), Recording("short", np.zeros(400, np.float32))]
    long, short = compute_recordings(LargeFrontEnd([ENCODER]), recordings)
    assert str(long) == "long: lasts 2 s, too long for loud in the memory of this machine; divide it"
    assert isinstance(short, np.ndarray)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (samples_that_start_with(np.nan), "holds samples that are NaN or infinite"),
        (samples_that_start_with(-np.inf), "holds samples that are NaN or infinite"),
        (samples_that_start_with(20_000), "samples reach 20000; expected -1..1"),
        (np.empty(0, np.float32), "holds no samples"),
        (np.zeros((1_600, 2), np.float32), "has samples of shape (1600, 2); expected (sample,), one channel"),
        (np.zeros(399, np.float32), "lasts 24.9 ms; expected at least 25 ms"),
        (np.zeros(1_600, np.int16), "has samples of type int16; expected floats, -1..1"),
    ],
)
def test_samples_that_a_file_may_not_hold_are_refused(samples: NDArray[np.float32], reason: str) -> None:
    (error,) = compute_recordings(LogMelFrontEnd([LogMelSettings()]), [Recording("talk", samples)])
    assert isinstance(error, AudioError)
    assert str(error) == f"{Path('talk')}: {reason}"


def test_double_precision_makes_the_same_frames() -> None:
    samples = np.random.default_rng(0).uniform(-0.1, 0.1, 1_600)
    recordings = [Recording("talk", samples), Recording("talk", samples.astype(np.float32))]  # type: ignore[arg-type]
    double, single = compute_recordings(LogMelFrontEnd([LogMelSettings()]), recordings)
    assert isinstance(single, np.ndarray)
    np.testing.assert_array_equal(double, single)
