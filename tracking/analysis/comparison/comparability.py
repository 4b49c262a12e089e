"""Whether two variants were tested alike: without that no difference between them means anything."""

from collections.abc import Sequence

import numpy as np

from ser.errors import ComparisonError
from tracking.analysis.variants.predictions import PooledPredictions
from tracking.analysis.variants.scores import ScoredVariant


def check_comparable(a: ScoredVariant, b: ScoredVariant) -> None:
    """Refuses to compare what was not tested alike.

    Args:
        a: A variant.
        b: Its baseline.

    Raises:
        ComparisonError: One is incomplete, or they differ in corpus, classes, folds, seeds,
            versions, device type or test utterances; the text says in what.
    """
    pair = f"{a.label} against {b.label}"
    for side in (a, b):
        if not side.complete:
            raise ComparisonError(f"{pair}: {side.label} is incomplete ({side.incomplete})")
    left, right = a.predictions, b.predictions
    for what, of_a, of_b in (
        ("corpus digest", left.corpus.digest, right.corpus.digest),
        ("classes", ", ".join(left.corpus.emotions), ", ".join(right.corpus.emotions)),
        ("seeds", _listed(a.seeds), _listed(b.seeds)),
        ("number of folds", len(left.scheme), len(right.scheme)),
        ("versions or devices", a.provenance, b.provenance),
    ):
        if of_a != of_b:
            raise ComparisonError(f"{pair}: unlike {what}: {of_a} against {of_b}")
    for fold, other in zip(left.scheme, right.scheme, strict=True):
        differing = next((name for name, value in fold if value != getattr(other, name)), None)
        if differing is not None:
            values = f"{getattr(fold, differing)} against {getattr(other, differing)}"
            raise ComparisonError(f"{pair}: unlike folds: fold {fold.index} has {differing} {values}")
    _require_same_utterances(pair, left, right)


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))


def _require_same_utterances(pair: str, left: PooledPredictions, right: PooledPredictions) -> None:
    if left.utterances != right.utterances:
        odd = sorted(set(left.utterances) ^ set(right.utterances))
        example = f", such as {odd[0]}" if odd else ""
        raise ComparisonError(
            f"{pair}: unlike test utterances: {len(left.utterances)} against {len(right.utterances)}, "
            f"{len(odd)} in one only{example}"
        )
    if left.speakers != right.speakers or not np.array_equal(left.actual, right.actual):
        raise ComparisonError(f"{pair}: the same test utterances have unlike speakers or emotions")
