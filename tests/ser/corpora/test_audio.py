import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from ser.corpora.audio import AudioIssue, read_audio, read_audio_with_issues
from ser.errors import AudioError, ConfigurationError
from tests.support.corpora import write_wav


def tone(rate_hz: int, seconds: float = 1.0, frequency_hz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(round(rate_hz * seconds)) / rate_hz)


def test_16_bit_samples_are_scaled_to_minus_1_to_1(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    written = np.random.default_rng(1).integers(-32768, 32768, 1600).astype(np.int16)
    soundfile.write(path, written, 16_000)
    samples = read_audio(path)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, written.astype(np.float32) / 32768)


def test_channels_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    left, right = tone(16_000), tone(16_000, frequency_hz=900.0)
    soundfile.write(path, np.column_stack([left, right]), 16_000, subtype="FLOAT")
    np.testing.assert_allclose(read_audio(path), (left + right) / 2, atol=1e-6)


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000])
def test_another_rate_keeps_the_tone_and_the_duration(tmp_path: Path, rate_hz: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(rate_hz), rate_hz, subtype="FLOAT")
    samples = read_audio(path)
    assert len(samples) == 16_000
    np.testing.assert_allclose(samples[1000:-1000], tone(16_000)[1000:-1000], atol=1e-3)


def test_conversion_agrees_with_scipy_on_speech_like_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    sound = np.cumsum(np.random.default_rng(2).standard_normal(48_000))
    sound = 0.5 * (sound - sound.mean()) / np.abs(sound - sound.mean()).max()
    soundfile.write(path, sound, 48_000, subtype="FLOAT")
    np.testing.assert_allclose(read_audio(path)[500:-500], resample_poly(sound, 1, 3)[500:-500], atol=5e-3)


def test_flac_is_read_too(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", tone(16_000), 16_000)
    assert len(read_audio(tmp_path / "a.flac")) == 16_000


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"gone\.wav: no such file"):
        read_audio(tmp_path / "gone.wav")


def test_text_named_wav_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_text("this is no sound\n" * 20)
    with pytest.raises(AudioError, match=r"text\.wav: cannot be decoded as audio") as caught:
        read_audio(path)
    assert "\n" not in str(caught.value)


def test_samples_without_a_header_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(32_000))
    with pytest.raises(AudioError, match=r"a\.raw: cannot be decoded as audio"):
        read_audio(tmp_path / "a.raw")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    with pytest.raises(AudioError, match=r"empty\.wav: cannot be decoded"):
        read_audio(tmp_path / "empty.wav")


@pytest.mark.parametrize("kept", [0.94, 0.5, 0.1])
def test_a_truncated_wav_is_refused(tmp_path: Path, kept: float) -> None:
    path = write_wav(tmp_path / "cut.wav", seconds=1.0)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    assert 0 < len(soundfile.read(path)[0]) < 16_000
    with pytest.raises(AudioError, match=r"cut\.wav: is cut short: \d+ of 32000 bytes"):
        read_audio(path)


def test_chunks_before_and_after_the_samples_are_no_truncation(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", seconds=0.5)
    whole = path.read_bytes()
    odd_chunk = b"note" + struct.pack("<I", 3) + b"abc\0"
    path.write_bytes(whole[:12] + odd_chunk + whole[12:] + odd_chunk)
    assert len(read_audio(path)) == 8_000


def test_a_streamed_wav_of_unknown_length_is_read(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", seconds=0.5)
    whole = bytearray(path.read_bytes())
    place = whole.index(b"data") + 4
    whole[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(whole))
    assert len(read_audio(path)) == 8_000


def test_a_wav_without_samples_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 16_000)
    with pytest.raises(AudioError, match=r"none\.wav: holds no samples"):
        read_audio(tmp_path / "none.wav")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path: Path, bad: float) -> None:
    sound = tone(16_000)
    sound[77] = bad
    soundfile.write(tmp_path / "bad.wav", sound, 16_000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"bad\.wav: holds samples that are NaN or infinite"):
        read_audio(tmp_path / "bad.wav")


def test_float_samples_on_the_scale_of_integers_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "loud.wav", 30_000 * tone(16_000), 16_000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"loud\.wav: samples reach 15000; expected -1\.\.1"):
        read_audio(tmp_path / "loud.wav")


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_less_than_one_analysis_window_is_refused(tmp_path: Path, rate_hz: int) -> None:
    window = round(0.025 * rate_hz)
    soundfile.write(tmp_path / "short.wav", tone(rate_hz)[: window - 1], rate_hz)
    with pytest.raises(AudioError, match=r"short\.wav: lasts 24\.9 ms; expected at least 25 ms"):
        read_audio(tmp_path / "short.wav")
    soundfile.write(tmp_path / "enough.wav", tone(rate_hz)[:window], rate_hz)
    assert len(read_audio(tmp_path / "enough.wav")) == 400


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_a_segment_is_that_part_of_the_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    sound = 0.2 * np.random.default_rng(3).standard_normal(48_000)
    soundfile.write(path, sound, 16_000)
    whole = read_audio(path)
    for start_s, end_s in ((None, 1.0), (0.5, 1.25), (2.0, None), (0.0, None)):
        begin, end = round(16_000 * (start_s or 0)), round(16_000 * (end_s or len(whole) / 16_000))
        # A lossy decoder that jumps into the file needs some samples to settle; libsndfile gives it those.
        np.testing.assert_allclose(read_audio(path, 16_000, start_s, end_s), whole[begin:end], atol=1e-4)


def test_a_segment_is_cut_at_the_rate_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.column_stack([tone(48_000), tone(48_000)]), 48_000, subtype="FLOAT")
    samples = read_audio(path, 16_000, 0.25, 0.75)
    assert len(samples) == 8_000
    np.testing.assert_allclose(samples[500:-500], tone(16_000)[4_500:11_500], atol=1e-3)


@pytest.mark.parametrize(
    ("start_s", "end_s"),
    [(0.5, 1.02), (1.0, None), (1.5, 2.0), (0.5, 0.5), (0.6, 0.5), (-0.1, 0.5), (float("nan"), 0.5)],
)
def test_a_segment_that_the_file_does_not_hold_is_refused(tmp_path: Path, start_s: float, end_s: float | None) -> None:
    path = write_wav(tmp_path / "a.wav", seconds=1.0)
    with pytest.raises(AudioError, match=r"a\.wav: has no segment from .* to .* s: it lasts 1\.000 s"):
        read_audio(path, 16_000, start_s, end_s)


def test_a_segment_may_end_a_rounding_error_after_its_file(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", seconds=1.0)
    assert len(read_audio(path, 16_000, 0.5, 1.009)) == 8_000


def test_a_segment_shorter_than_an_analysis_window_is_refused(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", seconds=1.0)
    with pytest.raises(AudioError, match=r"lasts 20\.0 ms; expected at least 25 ms"):
        read_audio(path, 16_000, 0.5, 0.52)


@pytest.mark.parametrize("extra", [2, 16, 0x7FFFFFFF - 32_000, 0x7FFFF000 - 32_000, 0xFFFFFFFE - 32_000, 1000])
def test_a_wav_with_a_wrong_size_in_its_header_is_read(tmp_path: Path, extra: int) -> None:
    path = write_wav(tmp_path / "a.wav", seconds=1.0)
    samples = read_audio(path)
    content = bytearray(path.read_bytes())
    index = content.index(b"data") + 4
    content[index : index + 4] = struct.pack("<I", 32_000 + extra)
    path.write_bytes(bytes(content))
    again, issues = read_audio_with_issues(path)
    np.testing.assert_array_equal(again, samples)
    assert issues == (AudioIssue.WRONG_SIZE,)


def claim_flac_frames(path: Path, frames: int) -> Path:
    """Writes a short FLAC file whose header claims another length."""
    soundfile.write(path, tone(16_000), 16_000)
    content = bytearray(path.read_bytes())
    header = int.from_bytes(content[18:26], "big") >> 36 << 36 | frames
    content[18:26] = header.to_bytes(8, "big")
    path.write_bytes(bytes(content))
    return path


def test_audio_that_claims_years_is_refused_before_reading(tmp_path: Path) -> None:
    bomb = claim_flac_frames(tmp_path / "bomb.flac", 2**36 - 1)
    with pytest.raises(
        AudioError, match=r"utterance of 4\.295e\+06 s according to its header; expected 1800 s at most"
    ):
        read_audio(bomb)
    assert len(read_audio(bomb, end_s=0.5)) == 8_000


def test_hours_of_silence_are_refused_unless_the_limit_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros(8_000 * 3600, dtype=np.int16), 8_000)
    with pytest.raises(AudioError, match=r"utterance of 3600 s .* \(SER_MAX_AUDIO_S sets another limit\)"):
        read_audio(path)
    monkeypatch.setenv("SER_MAX_AUDIO_S", "4000")
    assert len(read_audio(path)) == 16_000 * 3600
    monkeypatch.setenv("SER_MAX_AUDIO_S", "an hour")
    with pytest.raises(ConfigurationError, match="SER_MAX_AUDIO_S='an hour': expected seconds"):
        read_audio(path)


@pytest.mark.parametrize(("rate_hz", "limit_s"), [(16_000, 1), (48_000, 1), (96_000, 0.5), (192_000, 0.25)])
def test_audio_of_high_rate_may_last_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate_hz: int, limit_s: float
) -> None:
    monkeypatch.setenv("SER_MAX_AUDIO_S", "1")
    soundfile.write(tmp_path / "a.wav", tone(rate_hz, limit_s), rate_hz)
    assert len(read_audio(tmp_path / "a.wav")) == 16_000 * limit_s
    soundfile.write(tmp_path / "b.wav", tone(rate_hz, limit_s + 0.001), rate_hz)
    with pytest.raises(AudioError, match=f"expected {limit_s:g} s at most at {rate_hz} Hz"):
        read_audio(tmp_path / "b.wav")


@pytest.mark.parametrize(
    ("rate_hz", "channels", "message"), [(1, 1, "sample rate of 1 Hz"), (16_000, 65, "65 channels")]
)
def test_odd_rates_and_channels_are_refused(tmp_path: Path, rate_hz: int, channels: int, message: str) -> None:
    soundfile.write(tmp_path / "odd.wav", np.zeros((600, channels)), rate_hz)
    with pytest.raises(AudioError, match=message):
        read_audio(tmp_path / "odd.wav")


def test_want_of_memory_is_an_error_of_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise MemoryError

    monkeypatch.setattr(soundfile.SoundFile, "read", refuse)
    with pytest.raises(AudioError, match=r"a\.wav: needs more memory than there is"):
        read_audio(write_wav(tmp_path / "a.wav"))


def test_blocks_give_the_same_samples_as_one_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.column_stack([tone(44_100), tone(44_100, frequency_hz=600.0)]), 44_100)
    samples = read_audio(path)
    monkeypatch.setattr("ser.corpora.audio.BLOCK_SAMPLES", 1000)
    np.testing.assert_array_equal(read_audio(path), samples)


@pytest.mark.parametrize(
    ("sound", "issues"),
    [
        (tone(16_000), ()),
        (np.column_stack([tone(16_000), 0 * tone(16_000)]), ()),
        (np.zeros(16_000), (AudioIssue.SILENT,)),
        (np.column_stack([tone(16_000), -tone(16_000)]), (AudioIssue.ANTIPHASE,)),
        (0.2 + 0.5 * tone(16_000), (AudioIssue.OFFSET,)),
        ((4 * tone(16_000)).clip(-1, 1), (AudioIssue.CLIPPED,)),
    ],
)
def test_doubtful_audio_is_read_with_its_issues(
    tmp_path: Path, sound: np.ndarray, issues: tuple[AudioIssue, ...]
) -> None:
    soundfile.write(tmp_path / "a.wav", sound, 16_000, subtype="FLOAT")
    assert read_audio_with_issues(tmp_path / "a.wav")[1] == issues


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "is a Git LFS pointer"),
        (b"\0\0\0\x20ftypM4A " + bytes(64), "is MPEG-4 audio"),
    ],
)
def test_files_that_are_no_audio_get_a_hint(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioError, match=message):
        read_audio(tmp_path / "a.wav")
