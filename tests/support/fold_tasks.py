"""Folds of a tiny corpus with audio, for executors to train."""

import time
from pathlib import Path

from ser.config import FoldConfiguration
from ser.feature_settings import LogMelSettings
from ser.features.builder import build_store_if_missing
from ser.folds import speaker_folds
from ser.identity import fold_identity
from studies.execution.base import Executor, Failed, Finished, FoldTask, Progress
from tests.support.toy_corpus import write_corpus

LONG_S = 120.0
TINY = {
    "attention": "none",
    "labels": "utterance",
    "loss_scale": "utterance",
    "decision": "posterior",
    "cells": 4,
    "epochs": 2,
}


class Folds:
    """Tasks over a tiny corpus with audio.

    Args:
        folder: Where corpus and store are written.
    """

    def __init__(self, folder: Path) -> None:
        (folder / "wav").mkdir(parents=True)
        self.corpus = write_corpus(folder / "wav")
        self.store = build_store_if_missing(self.corpus, LogMelSettings(), folder / "features")
        self.scheme = speaker_folds(self.corpus, "partner")

    def task(self, index: int = 0, **changes: object) -> FoldTask:
        configuration = FoldConfiguration.parse(**TINY | changes)
        fold = self.scheme[index]
        return FoldTask(fold_identity(configuration, self.corpus.digest, fold, "cpu"), configuration, fold, self.store)

    def endless(self, index: int = 0) -> FoldTask:
        """A fold that no test waits for."""
        return self.task(index, epochs=10**6)

    def failing(self, index: int = 0) -> FoldTask:
        """A fold that raises in the worker: the corpus has no words."""
        return self.task(index, labels="words")


def outcomes(executor: Executor, number: int = 1) -> tuple[list[Finished | Failed], list[Progress]]:
    """Waits for a number of folds to end; returns how, and the progress seen on the way."""
    ended: list[Finished | Failed] = []
    progress: list[Progress] = []
    deadline = time.monotonic() + LONG_S
    while len(ended) < number:
        assert time.monotonic() < deadline, "the executor said nothing"
        for event in executor.wait(0.2):
            if isinstance(event, Progress):
                progress.append(event)
            else:
                ended.append(event)
    return ended, progress
