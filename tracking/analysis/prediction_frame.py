"""Test decisions as a tidy table: one row for each utterance that a fold of a variant has tested."""

import pandas as pd

from ser.results import FoldResult

SCORE_PREFIX = "score_"
"""Prefix of the columns of scores, before the emotion."""


def decision_frame(variant: str, seed: int, result: FoldResult) -> pd.DataFrame:
    """Make the table of a fold's test decisions.

    Args:
        variant: Label of the variant.
        seed: Its seed.
        result: Result of the fold.

    Returns:
        Columns variant, fold (its name), seed, utterance, speaker, true and decided (emotions), and one column
        `score_EMOTION` for each emotion: the decision's scores, 0..1, which sum to 1.
    """
    emotions, test = result.corpus.emotions, result.test
    frame = pd.DataFrame(
        {
            "variant": variant,
            "fold": result.fold.name,
            "seed": seed,
            "utterance": test.utterances,
            "speaker": test.speakers,
            "true": [emotions[index] for index in test.actual],
            "decided": [emotions[index] for index in test.predicted],
        }
    )
    scores = pd.DataFrame(list(test.scores), columns=[SCORE_PREFIX + emotion for emotion in emotions], dtype=float)
    return pd.concat([frame, scores], axis=1)
