"""The test decisions of a variant as arrays, in an order that does not depend on who made them."""

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
    """Who was tested on what, and what was decided.

    Utterances stand in the order of fold index, then utterance id.

    Attributes:
        corpus: The corpus.
        scheme: The folds that were to be tested.
        utterances: Utterance ids.
        folds: Fold index of each utterance, shape `(utterance,)`.
        speakers: Speaker of each utterance.
        sessions: Session of each utterance, None where the corpus has none.
        actual: True classes, shape `(utterance,)`.
        seeds: Seeds, in the order of `predicted`.
        predicted: Decided classes, shape `(seed, utterance)`.
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
        """Share of seeds that got an utterance right, shape `(utterance,)`, 0..1."""
        return np.asarray(np.mean(self.predicted == self.actual, axis=0), dtype=np.float64)

    @cached_property
    def speaker_names(self) -> tuple[str, ...]:
        """Test speakers, sorted."""
        return tuple(sorted(set(self.speakers)))

    @cached_property
    def speaker_index(self) -> NDArray[np.int64]:
        """Position of each utterance's speaker in `speaker_names`, shape `(utterance,)`."""
        return _positions(self.speakers, self.speaker_names)

    @cached_property
    def session_index(self) -> NDArray[np.int64] | None:
        """Index of each utterance's session, or None where an utterance has no session."""
        if any(session is None for session in self.sessions):
            return None
        names = [str(session) for session in self.sessions]
        return _positions(names, sorted(set(names)))

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


def _positions(values: Sequence[str], names: Sequence[str]) -> NDArray[np.int64]:
    place = {name: position for position, name in enumerate(names)}
    return np.fromiter((place[value] for value in values), dtype=np.int64, count=len(values))


def pool_predictions(variant: Variant) -> PooledPredictions:
    """Gathers a variant's test decisions over the seeds that its scores rest on.

    Args:
        variant: A variant with at least one fold.

    Returns:
        Its decisions.

    Raises:
        ComparisonError: Its folds rest on different corpora, or its seeds on different utterances.
    """
    seeds = variant.scored_seeds
    folds = {seed: variant.folds[seed] for seed in seeds}
    corpora = {fold.corpus.digest: fold.corpus for seed in seeds for fold in folds[seed]}
    if len(corpora) > 1:
        digests = " and ".join(sorted(digest[:8] for digest in corpora))
        raise ComparisonError(f"{variant.label}: its folds rest on different corpora, digests {digests}")
    parts = [
        _pool_folds(
            next(iter(corpora.values())),
            variant.scheme,
            [(fold.fold.index, fold.test) for fold in folds[seed]],
            seed,
        )
        for seed in seeds
    ]
    first = parts[0]
    for other in parts[1:]:
        if other.utterances != first.utterances or not np.array_equal(other.actual, first.actual):
            raise ComparisonError(
                f"{variant.label}: seed {other.seeds[0]} was tested on other utterances than seed {first.seeds[0]}"
            )
    if len(parts) == 1:
        return first
    predicted = np.concatenate([part.predicted for part in parts])
    return replace(first, seeds=seeds, predicted=predicted)


def pool_baseline_predictions(baseline: BaselineResult) -> PooledPredictions:
    """Gathers the test decisions of a baseline such as logistic regression.

    Args:
        baseline: The baseline.

    Returns:
        Its decisions, as of a single seed 0.
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
    """Who was tested on what: all of `Evidence` that variants tested alike have in common.

    Attributes:
        order: Places of the utterances as they were decided, in the order of `Evidence`, shape `(utterance,)`.
    """

    order: NDArray[np.int64]
    utterances: tuple[str, ...]
    folds: NDArray[np.int64]
    speakers: tuple[str, ...]
    sessions: tuple[str | None, ...]
    actual: NDArray[np.int64]


_TestKey = tuple[tuple[str, ...], tuple[str, ...], tuple[str | None, ...], tuple[int, ...]]


@lru_cache(maxsize=64)
def _tested(folds: tuple[int, ...], asked: tuple[_TestKey, ...]) -> _TestSet:
    """Sorts the utterances of folds; a thousand trials were tested alike, and share what this returns.

    Args:
        folds: Fold indices.
        asked: Utterances, speakers, sessions and true classes of each.
    """
    rows = [
        row
        for index, columns in zip(folds, asked, strict=True)
        for row in zip([index] * len(columns[0]), *columns, strict=True)
    ]
    order = sorted(range(len(rows)), key=lambda place: rows[place][:2])
    indices, utterances, speakers, sessions, actual = zip(*(rows[place] for place in order), strict=True)
    arrays = [np.array(values, dtype=np.int64) for values in (order, indices, actual)]
    for array in arrays:
        array.setflags(write=False)
    return _TestSet(arrays[0], utterances, arrays[1], speakers, sessions, arrays[2])


def _pool_folds(
    corpus: CorpusIdentity, scheme: tuple[Fold, ...], tests: Sequence[tuple[int, Predictions]], seed: int
) -> PooledPredictions:
    tested = _tested(
        tuple(index for index, _ in tests),
        tuple((test.utterances, test.speakers, test.sessions, test.actual) for _, test in tests),
    )
    predicted = np.concatenate([test.predicted for _, test in tests])[tested.order]
    return PooledPredictions(
        corpus,
        scheme,
        tested.utterances,
        tested.folds,
        tested.speakers,
        tested.sessions,
        tested.actual,
        (seed,),
        predicted[np.newaxis],
    )
