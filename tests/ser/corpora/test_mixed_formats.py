"""A corpus in stereo, at 48 kHz and in four formats is the corpus that it is in mono at 16 kHz."""

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfilt

from ser.corpora.audio import read_audio
from ser.corpora.corpus import Corpus
from ser.corpora.loading import load_corpus
from ser.feature_settings import LogMelSettings
from ser.features.builder import build_store_if_missing
from ser.features.store import FeatureStore
from tests.support.corpora import write_manifest

RATE_HZ = 48_000
# Largest difference of a sample, least correlation of samples, largest mean difference of log-mels (natural
# logarithms, where speech spans about ten). Vorbis at its usual quality changes what it takes for inaudible.
TOLERANCES = {
    "wav": (1e-3, 0.9999, 0.01),
    "flac": (1e-3, 0.9999, 0.01),
    "mp3": (0.02, 0.9995, 0.05),
    "ogg": (0.05, 0.995, 0.25),
}
NAMES = [f"{format_}-{take}" for format_ in TOLERANCES for take in range(2)]


def voice(seed: int) -> NDArray[np.float64]:
    """A second of a gliding, swelling voice in a little noise, below 7 kHz."""
    generator = np.random.default_rng(seed)
    time_s = np.arange(RATE_HZ) / RATE_HZ
    pitch_hz = 120 + 40 * np.sin(2 * np.pi * (1.5 + seed % 3) * time_s)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    swell = 0.15 + 0.85 * np.abs(np.sin(2 * np.pi * 2.5 * time_s))
    tones = sum(np.cos(harmonic * phase) / harmonic for harmonic in range(1, 40))
    sound = 0.1 * swell * tones + 0.003 * generator.standard_normal(RATE_HZ)
    return np.asarray(sosfilt(butter(8, 7_000, fs=RATE_HZ, output="sos"), sound))


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, Corpus]:
    """The corpus in mixed formats, and its mono version converted by another library."""
    root = tmp_path_factory.mktemp("formats")
    for seed, name in enumerate(NAMES):
        left, other = voice(seed), voice(100 + seed)
        stereo = np.column_stack([left, 0.6 * left + 0.2 * other])
        for folder, sound, rate_hz, suffix in (
            ("mixed", stereo, RATE_HZ, name[:-2]),
            ("mono", resample_poly(stereo.mean(axis=1), 1, 3), 16_000, "wav"),
        ):
            (root / folder).mkdir(exist_ok=True)
            soundfile.write(root / folder / f"{name}.{suffix}", sound, rate_hz)
    opened = []
    for folder in ("mixed", "mono"):
        paths = sorted(path.name for path in (root / folder).iterdir())
        rows = [{"path": path, "speaker": f"s{index % 2}", "emotion": "joy"} for index, path in enumerate(paths)]
        opened.append(load_corpus("manifest", write_manifest(root / folder, rows)))
    return opened[0], opened[1]


def test_all_formats_load(corpora: tuple[Corpus, Corpus]) -> None:
    mixed, mono = corpora
    assert {u.id for u in mixed.utterances} == {u.id for u in mono.utterances} == set(NAMES)
    assert {u.path.suffix for u in mixed.utterances} == {".wav", ".flac", ".ogg", ".mp3"}
    assert mixed.durations_s == mono.durations_s == (1.0,) * len(NAMES)
    assert mixed.skipped == ()


@pytest.mark.parametrize("name", NAMES)
def test_samples_and_log_mels_are_those_of_the_mono_version(
    corpora: tuple[Corpus, Corpus], name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    largest, correlation, log_mel_difference = TOLERANCES[name[:-2]]
    samples, frames = [], []
    for corpus in corpora:
        index = next(index for index, utterance in enumerate(corpus.utterances) if utterance.id == name)
        samples.append(read_audio(corpus.utterances[index].path))
        store = build_store_if_missing(corpus, LogMelSettings(), tmp_path_factory.getbasetemp() / "stores")
        frames.append(FeatureStore.open(store).frames(index))
    assert np.abs(samples[0] - samples[1]).max() < largest
    assert np.corrcoef(*samples)[0, 1] > correlation
    assert np.abs(frames[0] - frames[1]).mean() < log_mel_difference
