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

    Returns:
        Three ascending arrays without a common element: training, validation, test.

    Raises:
        FoldError: See `check_fold`.
    """
    check_fold(corpus, fold)
    speakers = np.asarray([utterance.speaker for utterance in corpus.utterances])
    training, validation, test = (
        np.flatnonzero(np.isin(speakers, subset)).astype(np.int64)
        for subset in (fold.training_speakers, fold.validation_speakers, fold.test_speakers)
    )
    return training, validation, test


def check_fold(corpus: Corpus, fold: Fold) -> None:
    """Refuse a fold whose scores would not mean what they say.

    Raises:
        FoldError: There is one class only, a speaker is in two subsets or has no utterance, a subset is
            empty, a class has no training utterance, or two subsets hold the same samples; the text
            names them.
    """
    if len(corpus.emotions) < 2:
        raise FoldError(f"corpus {corpus.name}: expected two classes or more, found {', '.join(corpus.emotions)} alone")
    subsets = {
        "training": fold.training_speakers,
        "validation": fold.validation_speakers,
        "test": fold.test_speakers,
    }
    for (first, first_speakers), (second, second_speakers) in combinations(subsets.items(), 2):
        if shared := sorted(set(first_speakers) & set(second_speakers)):
            raise FoldError(f"fold {fold.name}: speaker(s) {', '.join(shared)} are in {first} and in {second}")
    all_speakers = set(corpus.speakers)
    for subset, speakers in subsets.items():
        if not speakers:
            raise FoldError(
                f"fold {fold.name}: no speaker is left for {subset}; corpus {corpus.name} has "
                f"{len(all_speakers)} ({', '.join(sorted(all_speakers))})"
            )
        if unknown := sorted(set(speakers) - all_speakers):
            raise FoldError(f"fold {fold.name}: {subset} speaker(s) {', '.join(unknown)} have no utterance")
    counts = Counter(
        utterance.emotion for utterance in corpus.utterances if utterance.speaker in fold.training_speakers
    )
    if absent := [emotion for emotion in corpus.emotions if not counts[emotion]]:
        raise FoldError(
            f"fold {fold.name}: no training speaker ({', '.join(fold.training_speakers)}) has utterances of "
            f"class(es) {', '.join(absent)}"
        )
    _check_duplicate_audio(corpus, fold, subsets)


def _check_duplicate_audio(corpus: Corpus, fold: Fold, subsets: dict[str, tuple[str, ...]]) -> None:
    """Refuse the same samples under two names in two subsets: the model would be tested on what it has seen."""
    subset_of = {speaker: subset for subset, speakers in subsets.items() for speaker in speakers}
    first_with: dict[str, Utterance] = {}
    for utterance, samples in zip(corpus.utterances, corpus.samples_sha256, strict=True):
        if utterance.speaker not in subset_of:
            continue
        first = first_with.setdefault(samples, utterance)
        if subset_of[first.speaker] != subset_of[utterance.speaker]:
            raise FoldError(
                f"fold {fold.name}: utterances {first.id} ({subset_of[first.speaker]}) and {utterance.id} "
                f"({subset_of[utterance.speaker]}) have the same samples; remove one of them from the corpus"
            )
