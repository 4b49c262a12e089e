"""Every number of a comparison, on random tables, against scipy, statsmodels and plain enumeration."""

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.api import OLS
from statsmodels.stats.proportion import proportion_confint, proportion_effectsize, proportions_ztest
from statsmodels.stats.weightstats import DescrStatsW

from tests.support.scored_trials import World, configuration, grouped, trial
from tracking.analysis.comparison.comparison import compare
from tracking.analysis.variants.scores import ScoredVariant, score_variant

EMOTIONS = ("neutral", "happiness", "sadness", "anger", "fear", "boredom", "disgust")


@dataclass(frozen=True)
class Case:
    """A random table: both variants scored by us, and their decisions as a plain data frame."""

    a: ScoredVariant
    b: ScoredVariant
    frame: pd.DataFrame
    seeds: int


@st.composite
def cases(draw):
    classes = draw(st.integers(2, 7))
    speakers = 2 * draw(st.integers(1, 5))
    lacking = {"Ses01F": draw(st.integers(0, classes - 1))} if draw(st.booleans()) else {}
    world = World(speakers, draw(st.integers(2 * classes, 25)), EMOTIONS[:classes], lacking=lacking)
    seeds, chance = draw(st.integers(1, 3)), draw(st.integers(0, 10_000))
    accuracy_a, accuracy_b = draw(st.floats(0.3, 0.9)), draw(st.floats(0.3, 0.9))
    trials = {
        name: [
            trial(world, configuration(name, seed=seed), accuracy, random_seed=chance) for seed in range(1, seeds + 1)
        ]
        for name, accuracy in (("component", accuracy_a), ("none", accuracy_b))
    }
    a, b = (score_variant(grouped(each)[0]) for each in trials.values())
    return Case(a, b, frame_of(trials), seeds)


def frame_of(trials):
    """One row an utterance, its hits averaged over seeds: columns component and none."""
    rows = [
        (name, fold.test.utterances[i], fold.test.speakers[i], fold.test.sessions[i], actual, predicted == actual)
        for name, each in trials.items()
        for one in each
        for fold in one.folds
        for i, (actual, predicted) in enumerate(zip(fold.test.actual, fold.test.predicted, strict=True))
    ]
    frame = pd.DataFrame(rows, columns=["variant", "utterance", "speaker", "session", "actual", "hit"])
    frame["hit"] = frame["hit"].astype(float)
    keys = ["utterance", "speaker", "session", "actual"]
    return frame.groupby([*keys, "variant"])["hit"].mean().unstack("variant").reset_index()


def ua(frame, variant):
    return frame.groupby("actual")[variant].mean().mean()


def parts_of(frame, unit):
    """Each unit's part of the UA difference, utterance by utterance."""
    sizes = frame["actual"].value_counts()
    parts = dict.fromkeys(frame[unit], 0.0)
    for row in frame.itertuples():
        parts[getattr(row, unit)] += (row.component - row.none) / (len(sizes) * sizes[row.actual])
    return list(parts.values())


def enumerated(parts):
    observed = math.fsum(parts)
    sums = [math.fsum(sign * part for sign, part in zip(signs, parts, strict=True)) for signs in _signs(len(parts))]
    return sum(one >= observed - 1e-12 for one in sums) / len(sums)


def _signs(units):
    return list(product((1, -1), repeat=units))


RANDOM_TABLES = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(cases())
@RANDOM_TABLES
def test_the_tests_over_speakers_and_sessions(case):
    result = compare(case.a, case.b)
    for test, unit in ((result.ua_speakers, "speaker"), (result.ua_sessions, "session")):
        parts = parts_of(case.frame, unit)
        assert test.clusters == len(parts)
        assert test.difference == pytest.approx(ua(case.frame, "component") - ua(case.frame, "none"), abs=1e-9)
        assert test.p == pytest.approx(enumerated(parts), abs=1e-9)
        if len(parts) > 1:
            low, high = DescrStatsW(np.array(parts) * len(parts)).tconfint_mean(0.05)
            assert (test.interval.low, test.interval.high) == pytest.approx((low, high), abs=1e-9)
    gains = case.frame.assign(gain=case.frame["component"] - case.frame["none"]).groupby("speaker")["gain"].sum()
    assert result.wa_speakers.p == pytest.approx(enumerated(list(gains / len(case.frame))), abs=1e-9)
    assert result.effects.speakers_better == sum(part > 1e-9 for part in parts_of(case.frame, "speaker"))


@given(cases())
@RANDOM_TABLES
def test_the_tests_over_utterances(case):
    result, frame = compare(case.a, case.b), case.frame
    n = len(frame)
    uas, was = [ua(frame, name) for name in ("component", "none")], list(frame[["component", "none"]].mean())
    for ours, (a, b) in ((result.z_wa, was), (result.z_ua, uas)):
        if ours is None:
            assert a == b
            assert a in (0, 1)
            continue
        z, p = proportions_ztest([n * a, n * b], [n, n], alternative="larger")
        assert (ours.z, ours.p) == pytest.approx((z, p), abs=1e-9)
    recalls, sizes = frame.groupby("actual")[["component", "none"]].mean(), frame["actual"].value_counts()
    variance = (
        sum(
            row.component * (1 - row.component) / sizes[k] + row.none * (1 - row.none) / sizes[k]
            for k, row in recalls.iterrows()
        )
        / len(recalls) ** 2
    )
    if result.z_ua_recalls is None:
        assert variance == 0
    else:
        expected = stats.norm.sf((uas[0] - uas[1]) / math.sqrt(variance))
        assert result.z_ua_recalls.p == pytest.approx(expected, abs=1e-9)
    assert result.effects.h_ua == pytest.approx(proportion_effectsize(*uas), abs=1e-9)
    assert result.effects.h_wa == pytest.approx(proportion_effectsize(*was), abs=1e-9)
    only_a, only_b = ((frame["component"] > frame["none"]).sum(), (frame["none"] > frame["component"]).sum())
    if case.seeds > 1:
        assert result.mcnemar_p is None
    elif only_a + only_b:
        exact = stats.binomtest(int(only_a), int(only_a + only_b), alternative="greater").pvalue
        assert result.mcnemar_p == pytest.approx(exact, abs=1e-9)


@given(cases())
@RANDOM_TABLES
def test_the_intervals_of_one_variant(case):
    frame, scores = case.frame, case.a.scores
    n, speakers = len(frame), frame["speaker"].nunique()
    low, high = proportion_confint(n * frame["component"].mean(), n, method="wilson")
    assert (scores.wa_interval.low, scores.wa_interval.high) == pytest.approx((low, high), abs=1e-9)
    # UA is the mean coefficient of a regression of hits on the classes; its error is the cluster-robust one.
    dummies = pd.get_dummies(frame["actual"]).astype(float)
    fitted = OLS(frame["component"], dummies).fit(
        cov_type="cluster", cov_kwds={"groups": pd.factorize(frame["speaker"])[0], "use_correction": False}
    )
    variance = float(np.mean(np.asarray(fitted.cov_params())))
    # Where all speakers score alike it is 0, of which the sum of the matrix leaves rounding, here under 1e-15.
    error = math.sqrt((variance if variance > 1e-14 else 0.0) * speakers / (speakers - 1))
    half = stats.t.ppf(0.975, speakers - 1) * error
    expected = (max(0.0, fitted.params.mean() - half), min(1.0, fitted.params.mean() + half))
    assert (scores.ua_interval.low, scores.ua_interval.high) == pytest.approx(expected, abs=1e-9)
