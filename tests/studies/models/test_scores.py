"""Scores of decisions by plain formulas: recalls, and t intervals over speakers."""

from math import sqrt

import numpy as np
import pytest
from scipy import stats

from studies.models.scores import Decisions, score_decisions

ACTUAL = [0, 0, 1, 0, 1, 1, 0, 1, 1, 0]
SPEAKERS = ["a", "a", "a", "b", "b", "b", "c", "c", "c", "c"]
PREDICTED = [[0, 1, 1, 0, 1, 0, 0, 1, 1, 0], [0, 0, 1, 1, 1, 0, 0, 1, 0, 0]]


def interval_by_formula(groups: list[int]) -> tuple[float, float]:
    """t interval of the mean recall of groups of utterances, by each speaker's residual (Cochran 1977, chapter 6)."""
    correct = [sum(row[u] == ACTUAL[u] for row in PREDICTED) / 2 for u in range(10)]
    sizes = {group: groups.count(group) for group in set(groups)}
    recalls = {k: sum(correct[u] for u in range(10) if groups[u] == k) / sizes[k] for k in sizes}
    mean = sum(recalls.values()) / len(recalls)
    residuals = [
        sum(
            (correct[u] - recalls[groups[u]]) / (len(sizes) * sizes[groups[u]])
            for u in range(10)
            if SPEAKERS[u] == speaker
        )
        for speaker in "abc"
    ]
    half = stats.t.ppf(0.975, 2) * sqrt(3 / 2 * sum(residual**2 for residual in residuals))
    return max(0.0, mean - half), min(1.0, mean + half)


def test_intervals_are_those_of_the_formula() -> None:
    decisions = Decisions(np.array(ACTUAL), np.array(PREDICTED), SPEAKERS, 2)
    scores = score_decisions(decisions)
    assert scores.recalls == pytest.approx((0.8, 0.7))
    assert (scores.ua, scores.wa) == pytest.approx((0.75, 0.75))
    assert scores.ua_interval == pytest.approx(interval_by_formula(ACTUAL))
    assert scores.wa_interval == pytest.approx(interval_by_formula([0] * 10))


def test_one_speaker_has_no_interval() -> None:
    scores = score_decisions(Decisions(np.array(ACTUAL), np.array(PREDICTED), ["a"] * 10, 3))
    assert (scores.ua_interval, scores.wa_interval) == (None, None)
    assert scores.recalls == (0.8, 0.7, None)
