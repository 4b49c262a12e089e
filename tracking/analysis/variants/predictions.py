"""Pooled test predictions of a variant as arrays, sorted by fold and utterance."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from ser.errors import ComparisonError
from ser.results import BaselineResult, CorpusIdentity, Fold
from tracking.analysis.scored_folds import Predictions
from tracking.analysis.variants.grouping import Variant


@dataclass(frozen=True, eq=False)
class PooledPredictions:
    """Test predictions pooled over folds, in the order of fold index, then utterance id.

    Attributes:
        corpus: The corpus.
        scheme: All folds, missing ones included.
        utterances: Utterance ids.
        folds: Fold index of each utterance, shape `(utterance,)`.
        speakers: Speaker of each utterance.
        sessions: Session of each utterance, None where the corpus has none.
        actual: True classes, shape `(utterance,)`.
        seeds: Seeds, in the order of `predicted`.
        predicted: Predicted classes, shape `(seed, utterance)`.
    """

    corpus: CorpusIdentity
    scheme: tuple[Fold, ...]
    utterances: tuple[str, ...]
    folds: NDArray[np.int64]
    speakers: tuple[str, ...]
    sessions: tuple[str | None, ...]
    actual: NDArray[np.int64]
    seeds: tuple[int, ...]
    predicted: NDArray[np.int64]

    @property
    def classes(self) -> int:
        """Number of classes of the corpus."""
        return len(self.corpus.emotions)

    @cached_property
    def correct(self) -> NDArray[np.float64]:
        """Share of seeds whose prediction is correct, shape `(utterance,)`, 0..1."""
        return np.asarray(np.mean(self.predicted == self.actual, axis=0), dtype=np.float64)

    @cached_property
    def speaker_names(self) -> tuple[str, ...]:
        """Test speakers, sorted."""
        return tuple(sorted(set(self.speakers)))

    @cached_property
    def speaker_index(self) -> NDArray[np.int64]:
        """Index of each utterance's speaker in `speaker_names`, shape `(utterance,)`."""
        return _indices(self.speakers, self.speaker_names)

    @cached_property
    def session_index(self) -> NDArray[np.int64] | None:
        """Index of each utterance's session, or None where an utterance has no session."""
        if any(session is None for session in self.sessions):
            return None
        names = [str(session) for session in self.sessions]
        return _indices(names, sorted(set(names)))

    @cached_property
    def confusions(self) -> NDArray[np.int64]:
        """Pooled confusion matrix of each seed, shape `(seed, class, class)`, rows true."""
        pairs = self.actual * self.classes + self.predicted
        counts = [np.bincount(row, minlength=self.classes**2) for row in pairs]
        return np.stack(counts).reshape(-1, self.classes, self.classes)

    @cached_property
    def class_counts(self) -> NDArray[np.int64]:
        """Test utterances of each class, shape `(class,)`."""
        return np.bincount(self.actual, minlength=self.classes)


def _indices(values: Sequence[str], names: Sequence[str]) -> NDArray[np.int64]:
    index_of = {name: index for index, name in enumerate(names)}
    return np.fromiter((index_of[value] for value in values), dtype=np.int64, count=len(values))


def pool_predictions(variant: Variant) -> PooledPredictions:
    """Pool a variant's test predictions over folds, for every seed that is scored.

    Args:
        variant: A variant with at least one fold.

    Raises:
        ComparisonError: Its folds come from different corpora, or its seeds were tested on different utterances.
    """
    seeds = variant.scored_seeds
    folds = {seed: variant.folds[seed] for seed in seeds}
    corpora = {fold.corpus.digest: fold.corpus for seed in seeds for fold in folds[seed]}
    if len(corpora) > 1:
        digests = " and ".join(sorted(digest[:8] for digest in corpora))
        raise ComparisonError(f"{variant.label}: its folds come from different corpora, digests {digests}")
    by_seed = [
        _pool_folds(
            next(iter(corpora.values())),
            variant.scheme,
            [(fold.fold.index, fold.test) for fold in folds[seed]],
            seed,
        )
        for seed in seeds
    ]
    first = by_seed[0]
    for pooled in by_seed[1:]:
        if pooled.utterances != first.utterances or not np.array_equal(pooled.actual, first.actual):
            raise ComparisonError(
                f"{variant.label}: seeds {first.seeds[0]} and {pooled.seeds[0]} were tested on different utterances"
            )
    if len(by_seed) == 1:
        return first
    predicted = np.concatenate([pooled.predicted for pooled in by_seed])
    return replace(first, seeds=seeds, predicted=predicted)


def pool_baseline_predictions(baseline: BaselineResult) -> PooledPredictions:
    """Pool the test predictions of a baseline such as logistic regression.

    Returns:
        Its predictions, under a single seed 0.
    """
    tests = [
        (
            fold.index,
            Predictions(test.utterances, test.speakers, test.sessions, test.actual, np.array(test.predicted, np.int64)),
        )
        for fold, test in zip(baseline.folds, baseline.tests, strict=True)
    ]
    return _pool_folds(baseline.corpus, baseline.folds, tests, seed=0)


@dataclass(frozen=True, eq=False)
class _TestSet:
    """Test utterances of several folds, sorted: the part of `PooledPredictions` that comparable variants share.

    Attributes:
        order: Indices that sort the utterances of the folds, shape `(utterance,)`.
    """

    order: NDArray[np.int64]
    utterances: tuple[str, ...]
    folds: NDArray[np.int64]
    speakers: tuple[str, ...]
    sessions: tuple[str | None, ...]
    actual: NDArray[np.int64]


_TestKey = tuple[tuple[str, ...], tuple[str, ...], tuple[str | None, ...], tuple[int, ...]]


@lru_cache(maxsize=64)
def _sort_test_set(folds: tuple[int, ...], keys: tuple[_TestKey, ...]) -> _TestSet:
    """Sort the utterances of folds; all comparable trials of a report share the result.

    Args:
        folds: Fold indices.
        keys: Utterances, speakers, sessions and true classes of each fold.
    """
    rows = [
        row
        for index, columns in zip(folds, keys, strict=True)
        for row in zip([index] * len(columns[0]), *columns, strict=True)
    ]
    order = sorted(range(len(rows)), key=lambda index: rows[index][:2])
    indices, utterances, speakers, sessions, actual = zip(*(rows[index] for index in order), strict=True)
    arrays = [np.array(values, dtype=np.int64) for values in (order, indices, actual)]
    for array in arrays:
        array.setflags(write=False)
    return _TestSet(arrays[0], utterances, arrays[1], speakers, sessions, arrays[2])


def _pool_folds(
    corpus: CorpusIdentity, scheme: tuple[Fold, ...], tests: Sequence[tuple[int, Predictions]], seed: int
) -> PooledPredictions:
    test_set = _sort_test_set(
        tuple(index for index, _ in tests),
        tuple((test.utterances, test.speakers, test.sessions, test.actual) for _, test in tests),
    )
    predicted = np.concatenate([test.predicted for _, test in tests])[test_set.order]
    return PooledPredictions(
        corpus,
        scheme,
        test_set.utterances,
        test_set.folds,
        test_set.speakers,
        test_set.sessions,
        test_set.actual,
        (seed,),
        predicted[np.newaxis],
    )
