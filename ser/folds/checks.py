"""Checks of every fold, whichever scheme made it: speakers apart, no subset empty, no class unseen."""

from collections import Counter
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ser.corpora.corpus import Corpus, Utterance
from ser.errors import FoldError
from ser.results import Fold


def split_indices(corpus: Corpus, fold: Fold) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Positions in `corpus.utterances` of a fold's training, validation and test utterances.

    Args:
        corpus: The corpus.
        fold: The fold.

    Returns:
        Three ascending arrays without a common element: training, validation, test.

    Raises:
        FoldError: See `check_fold`.
    """
    check_fold(corpus, fold)
    speakers = np.asarray([utterance.speaker for utterance in corpus.utterances])
    training, validation, test = (
        np.flatnonzero(np.isin(speakers, part)).astype(np.int64)
        for part in (fold.training_speakers, fold.validation_speakers, fold.test_speakers)
    )
    return training, validation, test


def check_fold(corpus: Corpus, fold: Fold) -> None:
    """Refuse a fold whose scores would not mean what they say.

    Args:
        corpus: The corpus.
        fold: The fold.

    Raises:
        FoldError: There is one class only, a speaker is in two parts or has no utterance, a part is
            empty, a class has no training utterance, or two parts hold the same samples; the text
            names them.
    """
    if len(corpus.emotions) < 2:
        raise FoldError(f"corpus {corpus.name}: expected two classes or more, found {', '.join(corpus.emotions)} alone")
    parts = {
        "training": fold.training_speakers,
        "validation": fold.validation_speakers,
        "test": fold.test_speakers,
    }
    for (one, these), (other, those) in combinations(parts.items(), 2):
        if shared := sorted(set(these) & set(those)):
            raise FoldError(f"fold {fold.name}: speaker(s) {', '.join(shared)} are in {one} and in {other}")
    known = set(corpus.speakers)
    for part, speakers in parts.items():
        if not speakers:
            raise FoldError(
                f"fold {fold.name}: no speaker is left for {part}; corpus {corpus.name} has "
                f"{len(known)} ({', '.join(sorted(known))})"
            )
        if unknown := sorted(set(speakers) - known):
            raise FoldError(f"fold {fold.name}: {part} speaker(s) {', '.join(unknown)} have no utterance")
    counts = Counter(each.emotion for each in corpus.utterances if each.speaker in fold.training_speakers)
    if absent := [emotion for emotion in corpus.emotions if not counts[emotion]]:
        raise FoldError(
            f"fold {fold.name}: no training speaker ({', '.join(fold.training_speakers)}) has utterances of "
            f"class(es) {', '.join(absent)}"
        )
    _check_duplicate_audio(corpus, fold, parts)


def _check_duplicate_audio(corpus: Corpus, fold: Fold, parts: dict[str, tuple[str, ...]]) -> None:
    """Refuse the same samples under two names in two subsets: the model would be tested on what it has seen."""
    part_of = {speaker: part for part, speakers in parts.items() for speaker in speakers}
    first: dict[str, Utterance] = {}
    for utterance, samples in zip(corpus.utterances, corpus.samples_sha256, strict=True):
        if utterance.speaker not in part_of:
            continue
        other = first.setdefault(samples, utterance)
        if part_of[other.speaker] != part_of[utterance.speaker]:
            raise FoldError(
                f"fold {fold.name}: utterances {other.id} ({part_of[other.speaker]}) and {utterance.id} "
                f"({part_of[utterance.speaker]}) have the same samples; remove one of them from the corpus"
            )
