"""Trains a few small folds on made-up sound and stores what came out.

Run `python -m tests.ser.golden.make_golden` after a change that is meant to move results, together
with raising `ser.identity.RESULTS_VERSION`; the golden test says when.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from ser.config import FoldConfiguration
from ser.corpora.audio import digest_samples, read_audio
from ser.corpora.corpus import Corpus, Utterance
from ser.feature_settings import LogMelSettings
from ser.features.builder import build_store_if_missing
from ser.features.store import FeatureStore
from ser.folds import speaker_folds
from ser.identity import RESULTS_VERSION
from ser.training.trainer import train_fold

PATH = Path(__file__).with_name("golden.json")

_RATE_HZ = 16_000
_EMOTIONS = ("anger", "sadness")
_PARTNERS = {"f1": "m1", "m1": "f1", "f2": "m2", "m2": "f2"}
_COMMON: dict[str, Any] = {
    "labels": "words",
    "loss_scale": "utterance",
    "decision": "posterior",
    "scope": 5,
    "component_score": "dense",
    "attention_norm": "window",
    "quantum_boundary": "frames",
    "cells": 8,
    "epochs": 2,
    "batch_size": 4,
    "learning_rate": 0.01,
    "gradient_clip": 1.0,
    "ema_decay": 0.3,
    "precision": "fp32",
}

# Between them they pass through every attention and most readings; few steps, so that what processors
# round differently has no time to grow.
VARIANTS: dict[str, dict[str, Any]] = {
    "none": {
        "attention": "none",
        "normalisation": "minmax_utterance",
        "stack": 1,
        "rmsprop": "tf1",
        "gradient_clip": None,
        "ema_decay": None,
        "selection": "best_validation",
    },
    "local": {"attention": "local", "labels": "phonemes", "loss_scale": "label", "stack": 2},
    "component-window-literal": {
        "attention": "component",
        "component_score": "window",
        "attention_norm": "literal",
        "normalisation": "zscore_training",
        "balance": "weights",
        "rmsprop": "tf1",
        "decision": "likelihood",
    },
    "component-dense": {"attention": "component", "labels": "phonemes_x2", "stack": 1},
    "quantum-frames": {"attention": "quantum", "stack": 2, "rmsprop": "tf1"},
    "quantum-states": {"attention": "quantum", "quantum_boundary": "states", "labels": "utterance", "rmsprop": "tf1"},
    "none-cross_entropy": {
        "attention": "none",
        "criterion": "cross_entropy",
        "normalisation": "minmax_training",
        "balance": "upsample",
    },
}


def golden_results() -> dict[str, Any]:
    """Trains all the variants and gathers their numbers."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = _corpus(Path(folder))
        store = FeatureStore.open(build_store_if_missing(corpus, LogMelSettings(), Path(folder)))
        results = {name: _numbers(corpus, store, changes) for name, changes in VARIANTS.items()}
    return {"results_version": RESULTS_VERSION, "torch": str(torch.__version__), "results": results}


def _numbers(corpus: Corpus, store: FeatureStore, changes: dict[str, Any]) -> dict[str, Any]:
    configuration = FoldConfiguration.parse(**(_COMMON | changes))
    fold = speaker_folds(corpus, configuration.validation)[0]
    result = train_fold(corpus, store, configuration, fold, torch.device("cpu")).result
    return {
        "curve": [{name: _short(value) for name, value in record.values.items()} for record in result.curve],
        "test_loss": _short(result.test.loss or 0.0),
        "test_scores": [[_short(score) for score in row] for row in result.test.scores],
        "selected_epoch": result.selected_epoch,
        "capped": result.targets.capped,
    }


def _short(value: float) -> float:
    return float(f"{value:.8g}")


def _corpus(folder: Path) -> Corpus:
    """Four speakers; anger is noise, sadness a low tone in a little noise; f2 says less in anger."""
    # The legacy generator: its stream is promised never to change.
    generator = np.random.RandomState(7)
    utterances, durations = [], []
    for speaker in sorted(_PARTNERS):
        for emotion in _EMOTIONS:
            for take in range(2 if (speaker, emotion) == ("f2", "anger") else 4):
                samples = int(generator.randint(_RATE_HZ // 4, _RATE_HZ // 2))
                sound = 0.3 * generator.standard_normal(samples)
                if emotion == "sadness":
                    sound = 0.1 * sound + 0.3 * np.sin(2 * np.pi * 150 * np.arange(samples) / _RATE_HZ)
                name = f"{speaker}-{emotion}-{take}"
                path = folder / f"{name}.wav"
                soundfile.write(path, (0.1 + 0.05 * take) * sound, _RATE_HZ, subtype="PCM_16")
                utterances.append(Utterance(name, path, speaker, emotion, words=1 + take, voiced_phonemes=4 + take))
                durations.append(samples / _RATE_HZ)
    return Corpus(
        name="golden",
        root=folder,
        emotions=_EMOTIONS,
        utterances=tuple(utterances),
        samples_sha256=tuple(digest_samples(read_audio(utterance.path)) for utterance in utterances),
        durations_s=tuple(durations),
        partners=_PARTNERS,
        language="en",
        digest="9" * 32,
    )


if __name__ == "__main__":
    # So that --help explains, and any other argument is refused, before the file is written.
    argparse.ArgumentParser(description=__doc__).parse_args()
    PATH.write_text(json.dumps(golden_results(), indent=1) + "\n", encoding="utf-8")
    print(f"wrote {PATH}")
