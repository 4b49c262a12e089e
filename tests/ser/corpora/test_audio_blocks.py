"""A recording read in blocks has the samples of one read at once, and is refused for the same reasons."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser.corpora.audio import read_audio
from ser.corpora.audio_blocks import check_duration, read_blocks
from ser.errors import AudioError
from tests.support.corpora import write_wav


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
def test_blocks_join_to_what_one_read_gives(tmp_path: Path, rate_hz: int) -> None:
    path = write_wav(tmp_path / "a.wav", 2.3, rate_hz=rate_hz)
    blocks = list(read_blocks(path, 16_000, 0.5))
    assert [len(block) for block in blocks[:-1]] == [8_000] * 4
    np.testing.assert_allclose(np.concatenate(blocks), read_audio(path), atol=1e-6)


def test_channels_of_blocks_are_averaged(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.tile([0.5, 0.1], (4_000, 1)), 16_000, subtype="FLOAT")
    np.testing.assert_allclose(np.concatenate(list(read_blocks(tmp_path / "a.wav", 16_000, 0.1))), 0.3, atol=1e-6)


@pytest.mark.parametrize(
    ("samples", "message"),
    [([], "holds no samples"), ([0.1, np.nan], "NaN or infinite"), ([900.0], "expected -1..1")],
)
def test_blocks_of_wrong_samples_are_refused(tmp_path: Path, samples: list[float], message: str) -> None:
    soundfile.write(tmp_path / "a.wav", np.array(samples), 16_000, subtype="FLOAT")
    with pytest.raises(AudioError, match=message):
        list(read_blocks(tmp_path / "a.wav", 16_000, 1.0))


def test_what_is_no_audio_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("text")
    with pytest.raises(AudioError, match=r"a\.wav: cannot be decoded as audio"):
        list(read_blocks(tmp_path / "a.wav", 16_000, 1.0))
    with pytest.raises(AudioError, match=r"b\.wav: no such file"):
        check_duration(tmp_path / "b.wav")


def test_claimed_hours_are_refused_before_reading(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="lasts 61 s according to its header; expected 60 s at most"):
        check_duration(write_wav(tmp_path / "long.wav", 61, rate_hz=1_000), 60)
    assert check_duration(write_wav(tmp_path / "short.wav", 0.5), 60) == 0.5
