"""Small corpora and stores of made-up sound, shared by the tests of this room."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ser.config import FeatureSettings
from ser.corpora.audio import digest_samples, read_audio
from ser.corpora.corpus import Corpus, Utterance
from ser.features.store import FeatureStore

EMOTIONS = ("anger", "sadness")
PARTNERS = {"f1": "m1", "m1": "f1", "f2": "m2", "m2": "f2"}


def make_corpus(
    speakers: Sequence[str] = ("f1", "f2", "m1", "m2"),
    partners: dict[str, str] | None = None,
    emotions: tuple[str, ...] = EMOTIONS,
    each: int = 2,
) -> Corpus:
    """A corpus without audio: `each` utterances of every speaker and emotion."""
    utterances = tuple(
        Utterance(id=f"{speaker}-{emotion}-{take}", path=Path("none.wav"), speaker=speaker, emotion=emotion)
        for speaker in sorted(speakers)
        for emotion in emotions
        for take in range(each)
    )
    return Corpus(
        name="made-up",
        root=Path(),
        emotions=emotions,
        utterances=utterances,
        durations_s=(1.0,) * len(utterances),
        samples_sha256=tuple(utterance.id for utterance in utterances),
        partners=PARTNERS if partners is None else partners,
        language="en",
        digest="0" * 32,
    )


def write_corpus(folder: Path, each: int = 2, rate_hz: int = 16_000) -> Corpus:
    """A corpus with audio: anger is noise, sadness a low tone in a little noise; speakers differ in level."""
    generator = np.random.default_rng(7)
    plain = make_corpus(each=each)
    utterances, durations = [], []
    for index, utterance in enumerate(plain.utterances):
        samples = int(generator.integers(rate_hz // 4, rate_hz // 2))
        sound = 0.3 * generator.standard_normal(samples)
        if utterance.emotion == "sadness":
            sound = 0.1 * sound + 0.3 * np.sin(2 * np.pi * 150 * np.arange(samples) / rate_hz)
        path = folder / f"{index:03d}.wav"
        soundfile.write(path, (0.2 + 0.1 * (index % 3)) * sound, rate_hz, subtype="PCM_16")
        utterances.append(Utterance(utterance.id, path, utterance.speaker, utterance.emotion))
        durations.append(samples / rate_hz)
    return Corpus(
        name=plain.name,
        root=folder,
        emotions=plain.emotions,
        utterances=tuple(utterances),
        durations_s=tuple(durations),
        samples_sha256=tuple(digest_samples(read_audio(utterance.path)) for utterance in utterances),
        partners=plain.partners,
        language=plain.language,
        digest="1" * 32,
    )


def make_store(utterances: Sequence[NDArray[np.float32]]) -> FeatureStore:
    """A store in memory of given log-mels, `(frame, mel)` each."""
    lengths = np.asarray([len(frames) for frames in utterances], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    settings = FeatureSettings(mel_bands=utterances[0].shape[1])
    return FeatureStore(Path("memory"), "0" * 32, settings, lengths, starts, np.concatenate(utterances))


def random_frames(lengths: Sequence[int], mel: int = 5, seed: int = 3) -> list[NDArray[np.float32]]:
    """Log-mels that look like speech's: around -5, each band with a level and a deviation of its own."""
    generator = np.random.default_rng(seed)
    level, deviation = generator.uniform(-12, 0, mel), generator.uniform(0.5, 3, mel)
    return [(level + deviation * generator.standard_normal((length, mel))).astype(np.float32) for length in lengths]
