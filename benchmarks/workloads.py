"""Workloads of both sides: EmoDB, and random frames with the lengths of IEMOCAP's utterances."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reference import Example
from ser.config import FoldConfiguration
from ser.corpora.corpus import Corpus, Utterance
from ser.feature_settings import LogMelSettings
from ser.features.store import LENGTHS, METADATA, FeatureStore, StoreMetadata, frames_file
from ser.files import file_lock
from ser.folds import speaker_folds
from ser.identity import fold_identity
from ser.results import Fold
from ser.training.data import FoldData, prepare_fold_data
from studies.execution.base import FoldTask

UTTERANCES, MEAN_S, SHORTEST_S, LONGEST_S = 2943, 4.25, 0.58, 29.1
"""IEMOCAP's improvised set: its utterances, and their durations in seconds."""

# Standard deviation of the logarithm of a duration, and words per second, roughly those of conversational speech.
_SPREAD, _WORDS_PER_SECOND = 0.65, 2.8
_EMOTIONS = ("anger", "happiness", "neutral", "sadness")
_SPEAKERS = tuple(f"{session}{letter}" for session in range(1, 6) for letter in "FM")


@dataclass(frozen=True)
class Workload:
    """Corpus with its store and its folds.

    Attributes:
        corpus: The corpus.
        store: Its log-mels, 10 ms per frame.
        folds: Its leave-one-speaker-out folds; epochs are measured on the first.
    """

    corpus: Corpus
    store: FeatureStore
    folds: tuple[Fold, ...]

    def data(self, configuration: FoldConfiguration) -> FoldData:
        """Prepare the first fold's data for a configuration."""
        return prepare_fold_data(self.corpus, self.store, configuration, self.folds[0])

    def tasks(self, configuration: FoldConfiguration, device_type: str) -> list[FoldTask]:
        """List all folds of a trial as tasks of an executor."""
        return [
            FoldTask(
                fold_identity(configuration, self.corpus.digest, fold, device_type),
                configuration,
                fold,
                self.store.path,
            )
            for fold in self.folds
        ]


@dataclass(frozen=True)
class Source:
    """Origin of a workload; passed to other processes, which map the same store.

    Attributes:
        folder: Folder of stores.
        emodb: The folder of EmoDB, or None for IEMOCAP's shape.
        share: Share of the utterances of IEMOCAP's shape, 0..1.
    """

    folder: Path
    emodb: Path | None = None
    share: float = 1.0

    @property
    def name(self) -> str:
        """Return its name in the tables."""
        if self.emodb is not None:
            return "EmoDB"
        return "IEMOCAP's shape" if self.share == 1 else f"{self.share:.1%} of IEMOCAP's shape"

    def open(self) -> Workload:
        """Open the workload; its store is written if it is missing."""
        if self.emodb is not None:
            # Decoders of audio, which a bare machine with a GPU may lack.
            from ser.corpora.loading import load_corpus
            from ser.features.builder import build_store_if_missing

            corpus = load_corpus("emodb", self.emodb)
            path = build_store_if_missing(corpus, LogMelSettings(), self.folder)
        else:
            corpus, lengths = iemocap_shape(self.share)
            path = self.folder / f"shape-{self.share}"
            # Both sides of a ratio open it at once.
            with file_lock(path.with_name(f"{path.name}.lock")):
                _ensure_noise(path, corpus, lengths)
        return Workload(corpus, FeatureStore.open(path), speaker_folds(corpus, "partner"))


def configuration_of(attention: str, frame_ms: int, **changes: Any) -> FoldConfiguration:
    """Return the recommended model over words in fp32 at 10, 20 or 30 ms per frame, with changed settings."""
    settings: dict[str, Any] = {
        "attention": attention,
        "stack": frame_ms // 10,
        "scope": 9,
        "component_score": "dense",
        "attention_norm": "window",
        "quantum_boundary": "frames",
        "quantum_states": "unit",
        "labels": "words",
        "loss_scale": "utterance",
        "decision": "posterior",
    }
    return FoldConfiguration.parse(**settings | changes)


def iemocap_shape(share: float) -> tuple[Corpus, "np.ndarray[Any, np.dtype[np.int64]]"]:
    """Draw a corpus without audio, with as many and as long utterances as IEMOCAP, and each one's number of frames.

    Durations are log-normal with IEMOCAP's mean, minimum and maximum; emotions are random. Speed does not depend on
    content.
    """
    generator = np.random.default_rng(1)
    logarithms = generator.normal(np.log(MEAN_S) - _SPREAD**2 / 2, _SPREAD, UTTERANCES)
    durations_s = np.exp(logarithms).clip(SHORTEST_S, LONGEST_S)
    emotions = generator.integers(0, len(_EMOTIONS), UTTERANCES)
    sample = np.sort(generator.permutation(UTTERANCES)[: round(share * UTTERANCES)])
    utterances = tuple(
        Utterance(
            id=f"utterance{number:04}",
            path=Path("noise"),
            speaker=_SPEAKERS[number % len(_SPEAKERS)],
            session=_SPEAKERS[number % len(_SPEAKERS)][0],
            emotion=_EMOTIONS[emotions[number]],
            words=max(1, round(_WORDS_PER_SECOND * durations_s[number])),
        )
        for number in sample
    )
    partners = {speaker: speaker[0] + ("M" if speaker[1] == "F" else "F") for speaker in _SPEAKERS}
    corpus = Corpus(
        name="iemocap_shape",
        root=Path("noise"),
        emotions=_EMOTIONS,
        utterances=utterances,
        durations_s=tuple(durations_s[sample].tolist()),
        samples_sha256=tuple(utterance.id for utterance in utterances),
        partners=partners,
        language="en",
        digest=f"noise-{share}",
        synthetic=True,
    )
    return corpus, np.round(durations_s[sample] * 100).astype(np.int64)


def _ensure_noise(path: Path, corpus: Corpus, lengths: "np.ndarray[Any, np.dtype[np.int64]]") -> None:
    """Write a store of noise if it is missing."""
    if path.exists():
        return
    settings, generator = LogMelSettings(), np.random.default_rng(2)
    partial = path.with_name(f"{path.name}.partial")
    partial.mkdir()
    with (partial / frames_file(settings)).open("wb") as file:
        for length in lengths:
            file.write(generator.standard_normal((int(length), settings.mel_bands), np.float32).tobytes())
    np.save(partial / LENGTHS, lengths)
    metadata = StoreMetadata.describe(partial, corpus, settings, lengths, build_s=None)
    (partial / METADATA).write_text(metadata.model_dump_json(), encoding="utf-8")
    partial.replace(path)


def examples(data: FoldData) -> list[Example]:
    """Return the training utterances as the reference takes them: one tensor per utterance, in memory."""
    utterances = []
    for index in data.training:
        frames, _ = data.features.batch([int(index)])
        utterances.append((frames[0].clone(), int(data.emotions[index]), int(data.counts[index])))
    return utterances
