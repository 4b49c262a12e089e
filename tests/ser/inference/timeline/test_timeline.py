"""A timeline hears exactly the samples of its windows, whatever block they lie in."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from ser.corpora.audio import read_audio
from ser.errors import AudioError, UtteranceError
from ser.inference.frames import Recording
from ser.inference.model import Prediction
from ser.inference.timeline.segments import WindowSettings
from ser.inference.timeline.speech import BLOCK_S, FRAME_SAMPLES, SpeechDetector, Stretch
from ser.inference.timeline.timeline import make_timeline
from tests.support.corpora import write_wav

SETTINGS = WindowSettings(3, 1)


class FixedStretches(SpeechDetector):
    """Finds the stretches that it was given, and reads all blocks as the detector does."""

    def __init__(self, *stretches: Stretch) -> None:
        self.stretches = list(stretches)

    def find_stretches(self, blocks: Iterable[NDArray[np.float32]]) -> list[Stretch]:
        assert sum(map(len, blocks))
        return self.stretches


def samples_of(recordings: Sequence[Recording]) -> list[NDArray[np.float32]]:
    return [recording.audio for recording in recordings if not isinstance(recording.audio, Path)]


def test_blocks_hold_whole_frames_of_the_detector() -> None:
    assert round(BLOCK_S * 16_000) % FRAME_SAMPLES == 0


@pytest.mark.parametrize("rate_hz", [16_000, 8_000])
def test_windows_have_the_samples_at_their_time(tmp_path: Path, rate_hz: int) -> None:
    path = write_wav(tmp_path / "a.wav", 200, rate_hz=1_000)
    samples = read_audio(path, rate_hz)
    heard: list[NDArray[np.float32]] = []

    def predict(recordings: Sequence[Recording]) -> list[Prediction]:
        heard.extend(samples_of(recordings))
        return [Prediction(recording, "anger", {"anger": 0.9, "joy": 0.1}) for recording in recordings]

    shares: list[float] = []
    detector = FixedStretches(Stretch(2, 3), Stretch(57, 63.5), Stretch(190.25, 200))
    timeline = make_timeline(path, predict, detector, SETTINGS, shares.append, rate_hz)
    starts = [2, 57, 58, 59, 60, 60.5, *(190.25 + step for step in range(7)), 197]
    ends = [3, *(start + 3 for start in starts[1:])]
    assert len(heard) == len(starts)
    for window, start, end in zip(heard, starts, ends, strict=True):
        np.testing.assert_allclose(window, samples[round(rate_hz * start) : round(rate_hz * end)], atol=1e-6)
    assert [(segment.start_s, segment.end_s) for segment in timeline.segments] == [(2, 3), (57, 63.5), (190.25, 200)]
    assert (timeline.duration_s, len(timeline.peaks)) == (200, 1600)
    assert max(timeline.peaks) == pytest.approx(np.abs(samples).max(), abs=1e-3)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_window_that_cannot_be_heard_names_the_recording(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav")
    failure = UtteranceError(Path("speech at 0.00 s"), "speech at 0.00 s", "lasts 1 s, too short")
    with pytest.raises(AudioError, match=r"a\.wav: has speech at 0\.00 s that lasts 1 s, too short$"):
        make_timeline(
            path,
            lambda recordings: [Prediction(recording, None, {}, failure) for recording in recordings],
            FixedStretches(Stretch(0, 1)),
            SETTINGS,
            lambda share: None,
        )


def test_silence_has_no_segments(tmp_path: Path) -> None:
    pytest.importorskip("silero_vad")
    soundfile.write(tmp_path / "a.wav", np.zeros(32_000), 16_000)
    timeline = make_timeline(tmp_path / "a.wav", lambda recordings: [], SpeechDetector(), SETTINGS, lambda share: None)
    assert timeline.segments == ()


@pytest.mark.skipif("SER_EMODB_ROOT" not in os.environ, reason="needs EmoDB in SER_EMODB_ROOT")
def test_speech_is_found_between_pauses_and_across_blocks() -> None:
    pytest.importorskip("silero_vad")
    path = sorted(Path(os.environ["SER_EMODB_ROOT"]).rglob("03a01*.wav"))[0]
    speech = read_audio(path)
    pause = np.zeros(FRAME_SAMPLES * 62, np.float32)
    samples = np.concatenate([pause, speech, pause, speech, pause])
    detector = SpeechDetector()
    stretches = detector.find_stretches([samples])
    first = len(pause) / 16_000
    second = first + (len(speech) + len(pause)) / 16_000
    assert [stretch.start_s for stretch in stretches] == pytest.approx([first, second], abs=0.2)
    block = 10 * FRAME_SAMPLES * 5
    in_blocks = detector.find_stretches(samples[start : start + block] for start in range(0, len(samples), block))
    assert [stretch.start_s for stretch in in_blocks] == pytest.approx([s.start_s for s in stretches], abs=0.1)
