"""Test decisions as a tidy table: one row for each utterance that a fold of a variant has tested."""

from collections.abc import Iterator, Mapping

import pandas as pd

from ser.results import BaselineResult, Evaluation, FoldResult

SCORE_PREFIX = "score_"
"""Prefix of the columns of scores, before the emotion."""


def decision_frame(variant: str, seed: int, fold: str, result: FoldResult) -> pd.DataFrame:
    """Make the table of a fold's test decisions.

    Args:
        variant: Label of the variant.
        seed: Its seed.
        fold: Name of the fold in the report's scheme; a result may be shared with another scheme.
        result: Result of the fold.

    Returns:
        Columns variant, fold (its name), seed, utterance, speaker, true and decided (emotions), and one column
        `score_EMOTION` for each emotion: the decision's scores, 0..1, which sum to 1.
    """
    facts = {"variant": variant, "fold": fold, "seed": seed}
    return _frame(facts, result.corpus.emotions, result.test)


def baseline_frames(label: str, result: BaselineResult) -> Iterator[pd.DataFrame]:
    """Make the tables of a classical baseline's test decisions, one for each fold, with seed 0."""
    for fold, test in zip(result.folds, result.tests, strict=True):
        yield _frame({"variant": label, "fold": fold.name, "seed": 0}, result.corpus.emotions, test)


def _frame(facts: Mapping[str, object], emotions: tuple[str, ...], test: Evaluation) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            **facts,
            "utterance": test.utterances,
            "speaker": test.speakers,
            "true": [emotions[index] for index in test.actual],
            "decided": [emotions[index] for index in test.predicted],
        }
    )
    scores = pd.DataFrame(list(test.scores), columns=[SCORE_PREFIX + emotion for emotion in emotions], dtype=float)
    return pd.concat([frame, scores], axis=1)
