"""Check that two variants were tested under the same conditions, without which a difference means nothing."""

from collections.abc import Sequence

import numpy as np

from ser.errors import ComparisonError
from ser.results import Fold
from tracking.analysis.variants.classical import ScoredClassifier
from tracking.analysis.variants.predictions import PooledPredictions


def check_comparable(a: ScoredClassifier, b: ScoredClassifier) -> None:
    """Refuse two variants that were tested under different conditions.

    A classical baseline has no seeds, versions or device that could differ from those of a network.

    Raises:
        ComparisonError: One is incomplete, or they differ in corpus, classes, folds, seeds,
            versions, device type or test utterances; the text names the difference.
    """
    pair = f"{a.label} against {b.label}"
    for variant in (a, b):
        if not variant.complete:
            raise ComparisonError(f"{pair}: {variant.label} is incomplete ({variant.incomplete})")
    left, right = a.predictions, b.predictions
    for aspect, of_a, of_b in (
        ("corpus digests", left.corpus.digest, right.corpus.digest),
        ("classes", ", ".join(left.corpus.emotions), ", ".join(right.corpus.emotions)),
        ("numbers of folds", len(left.scheme), len(right.scheme)),
        *_training_aspects(a, b),
    ):
        if of_a != of_b:
            raise ComparisonError(f"{pair}: different {aspect}: {of_a} against {of_b}")
    if left.scheme != right.scheme:
        for fold_a, fold_b in zip(left.scheme, right.scheme, strict=True):
            _check_same_fold(pair, fold_a, fold_b)
    _check_same_utterances(pair, left, right)


def is_comparable(a: ScoredClassifier, b: ScoredClassifier) -> bool:
    """Tell whether two variants were tested under the same conditions (see `check_comparable`)."""
    try:
        check_comparable(a, b)
    except ComparisonError:
        return False
    return True


def _training_aspects(a: ScoredClassifier, b: ScoredClassifier) -> list[tuple[str, object, object]]:
    if a.classical or b.classical:
        return []
    return [
        ("seeds", _comma_separated(a.seeds), _comma_separated(b.seeds)),
        ("versions or devices", a.provenance, b.provenance),
    ]


def _comma_separated(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))


def _check_same_fold(pair: str, a: Fold, b: Fold) -> None:
    for name, value in a:
        if value != getattr(b, name):
            values = f"{value} against {getattr(b, name)}"
            raise ComparisonError(f"{pair}: different folds: fold {a.index} has {name} {values}")


def _check_same_utterances(pair: str, left: PooledPredictions, right: PooledPredictions) -> None:
    if left.utterances != right.utterances:
        unshared = sorted(set(left.utterances) ^ set(right.utterances))
        example = f", such as {unshared[0]}" if unshared else ""
        raise ComparisonError(
            f"{pair}: different test utterances: {len(left.utterances)} against {len(right.utterances)}, "
            f"{len(unshared)} in only one of them{example}"
        )
    if left.speakers != right.speakers or not np.array_equal(left.actual, right.actual):
        raise ComparisonError(f"{pair}: the same test utterances have different speakers or emotions")
