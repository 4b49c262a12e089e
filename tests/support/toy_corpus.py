"""Small corpora, with or without audio, their stores and configurations, and folds trained on them.

The toy corpus is easy to learn: each emotion raises one mel band, each speaker all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from ser.config import FoldConfiguration
from ser.corpora.audio import digest_samples, read_audio
from ser.corpora.corpus import Corpus, Utterance
from ser.feature_settings import LogMelSettings
from ser.features.store import LENGTHS, METADATA, FeatureStore, StoreMetadata, frames_file
from ser.folds import speaker_folds
from ser.results import Fold, FoldResult
from ser.training.trainer import TrainedFold, train_fold

MEL = 5

READINGS: dict[str, dict[str, str]] = {
    "none": {"attention": "none"},
    "local-window": {"attention": "local", "attention_norm": "window"},
    "local-literal": {"attention": "local", "attention_norm": "literal"},
    "component-window-window": {"attention": "component", "component_score": "window", "attention_norm": "window"},
    "component-window-literal": {"attention": "component", "component_score": "window", "attention_norm": "literal"},
    "component-dense-window": {"attention": "component", "component_score": "dense", "attention_norm": "window"},
    "component-dense-literal": {"attention": "component", "component_score": "dense", "attention_norm": "literal"},
    "quantum-frames": {"attention": "quantum", "quantum_boundary": "frames"},
    "quantum-states": {"attention": "quantum", "quantum_boundary": "states"},
    "quantum-frames-unit": {"attention": "quantum", "quantum_boundary": "frames", "quantum_states": "unit"},
    "quantum-states-unit": {"attention": "quantum", "quantum_boundary": "states", "quantum_states": "unit"},
}
"""Every attention in every reading of it, by name."""

_DEFAULTS: dict[str, Any] = {
    "attention": "none",
    "scope": 3,
    "component_score": "dense",
    "attention_norm": "window",
    "quantum_boundary": "frames",
    "labels": "words",
    "loss_scale": "utterance",
    "decision": "posterior",
    "stack": 1,
    "cells": 4,
    "epochs": 3,
    "batch_size": 4,
    "learning_rate": 0.01,
    "features": LogMelSettings(mel_bands=MEL),
}


def small(**changes: Any) -> FoldConfiguration:
    """A configuration that trains in an instant; what the changes leave without effect becomes null."""
    return FoldConfiguration.parse(**(_DEFAULTS | changes))


PARTNERS = {"f1": "m1", "m1": "f1", "f2": "m2", "m2": "f2"}


def make_corpus(
    speakers: Sequence[str] = ("f1", "f2", "m1", "m2"),
    partners: dict[str, str] | None = None,
    emotions: tuple[str, ...] = ("anger", "sadness"),
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
    settings = LogMelSettings(mel_bands=utterances[0].shape[1])
    return FeatureStore(Path("memory"), "0" * 32, settings, lengths, starts, np.concatenate(utterances))


def write_store(folder: Path, utterances: Sequence[NDArray[np.float32]]) -> None:
    """Store given frames, `(frame, number)` each, of no corpus in particular."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = LogMelSettings(mel_bands=utterances[0].shape[1])
    lengths = np.asarray([len(frames) for frames in utterances], dtype=np.int64)
    np.concatenate(utterances).tofile(folder / frames_file(settings))
    np.save(folder / LENGTHS, lengths)
    metadata = StoreMetadata.describe(folder, make_corpus(), settings, lengths, None)
    (folder / METADATA).write_text(metadata.model_dump_json())


def random_frames(lengths: Sequence[int], mel: int = 5, seed: int = 3) -> list[NDArray[np.float32]]:
    """Log-mels that look like speech's: around -5, each band with a level and a deviation of its own."""
    generator = np.random.default_rng(seed)
    level, deviation = generator.uniform(-12, 0, mel), generator.uniform(0.5, 3, mel)
    return [(level + deviation * generator.standard_normal((length, mel))).astype(np.float32) for length in lengths]


EMOTIONS = ("anger", "joy", "sadness")
CPU = torch.device("cpu")

Change = Callable[[int, NDArray[np.float32]], NDArray[np.float32]]
"""Changes the log-mels of an utterance, given its position."""


def toy_corpus(each: int = 3) -> Corpus:
    """Four speakers with `each` utterances an emotion, of 2 words and 3 voiced phonemes."""
    corpus = make_corpus(emotions=EMOTIONS, each=each)
    return replace(corpus, utterances=tuple(replace(u, words=2, voiced_phonemes=3) for u in corpus.utterances))


def toy_store(corpus: Corpus, change: Change | None = None, longest: int = 20) -> FeatureStore:
    """Log-mels of the corpus, 7 to `longest` frames an utterance."""
    generator = np.random.default_rng(5)
    frames = []
    for index, utterance in enumerate(corpus.utterances):
        length = int(generator.integers(7, longest + 1))
        noise = generator.standard_normal((length, MEL)) - 5 + corpus.speakers.index(utterance.speaker)
        noise[:, EMOTIONS.index(utterance.emotion)] += 3
        raw = noise.astype(np.float32)
        frames.append(raw if change is None else change(index, raw))
    return make_store(frames)


def relabelled(corpus: Corpus, speaker: str) -> Corpus:
    """The corpus with the emotions of one speaker permuted."""
    following = dict(zip(EMOTIONS, EMOTIONS[1:] + EMOTIONS[:1], strict=True))
    return replace(
        corpus,
        utterances=tuple(
            replace(u, emotion=following[u.emotion]) if u.speaker == speaker else u for u in corpus.utterances
        ),
    )


def fold_of(corpus: Corpus, index: int = 0) -> Fold:
    """A fold; the first tests f1, validates with m1 and trains on f2 and m2."""
    return speaker_folds(corpus, "partner")[index]


def train(configuration: FoldConfiguration, corpus: Corpus | None = None, **others: Any) -> TrainedFold:
    """Trains a fold of the toy corpus, or of another one, on the CPU."""
    corpus = toy_corpus() if corpus is None else corpus
    inputs: dict[str, Any] = {"store": toy_store(corpus), "fold": fold_of(corpus)} | others
    return train_fold(corpus, configuration=configuration, device=CPU, **inputs)


def without_times(result: FoldResult) -> dict[str, Any]:
    """All of a result but the times."""
    content = result.model_dump(exclude={"started_ms", "ended_ms"})
    for record in content["curve"]:
        del record["ended_ms"]
    return content


def assert_identical(one: TrainedFold, other: TrainedFold) -> None:
    """Bit for bit, times apart."""
    assert without_times(one.result) == without_times(other.result)
    assert one.weights.keys() == other.weights.keys()
    assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


def same_weights(one: TrainedFold, other: TrainedFold) -> bool:
    """Whether the weights are the same, bit for bit."""
    return all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)
