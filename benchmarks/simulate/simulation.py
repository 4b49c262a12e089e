"""Error rates of tests and coverage of intervals where the truth is known: variants that are equally good.

Tables of results are drawn (`simulated_data`), then tested and chosen from with the functions of the report.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulate.simulated_data import (
    ACCURACY,
    EMODB,
    FOLD_CORRELATIONS,
    IEMOCAP,
    SPEAKER_DEVIATIONS,
    SimulatedCorpus,
    draw_hits,
)
from tracking.analysis.statistics.proportions import mcnemar_one_sided, proportions_ztest, uar_ztest, wilson_interval
from tracking.analysis.statistics.sign_flip import sign_flip, ua_contributions, ua_interval
from tracking.analysis.variants.selection import argbest_validation

EQUAL_TRIALS = 48
"""Number of trials to choose from."""

CHOICE_CORPORA = {"IEMOCAP's 2943": IEMOCAP, "EmoDB's 535": EMODB}
CHOICES = ("by mean validation UA", "per fold")
CASES = tuple((name, models) for models in FOLD_CORRELATIONS for name in CHOICE_CORPORA)
"""Simulated choices: corpus, and one or two models in a session's two folds."""
MEASURES = ("type I error", "coverage", "false gain")

ALPHA = 0.05

_BLOCK = 100
_RESAMPLES = 1000

Floats = NDArray[np.float64]
ProgressCallback = Callable[[int, int], None]


@dataclass(frozen=True)
class Rate:
    """Rate or a gain; the field names are columns of `simulation.csv`.

    Attributes:
        measure: 'type I error' (of a test at 5%), 'coverage' (of a 95% interval) or 'false gain' (of a choice).
        of: Name of the test, interval or choice.
        deviation_points: Standard deviation between speakers of the true difference, percentage points.
        value: Percent; for a gain, percentage points.
        standard_error: Monte-Carlo standard error of the value.
        rounds: Number of simulated tables.
    """

    measure: str
    of: str
    deviation_points: float
    value: float
    standard_error: float
    rounds: int


def simulate(tables: int, choices: int, seed: int, on_progress: ProgressCallback) -> tuple[Rate, ...]:
    """Simulate all tests, intervals and choices.

    Args:
        tables: Number of tables of two equal variants per deviation.
        choices: Number of studies of `EQUAL_TRIALS` equal trials to choose from per deviation.
        seed: Random seed; equal arguments give equal numbers.
        on_progress: Called with the number of finished rounds and of all rounds.

    Returns:
        Rates of all tests, then of all intervals, then of the choices, each by deviation.
    """
    done, total = 0, len(SPEAKER_DEVIATIONS) * (tables + len(CASES) * choices)
    rates: list[Rate] = []
    for deviation, root in zip(
        SPEAKER_DEVIATIONS, np.random.SeedSequence(seed).spawn(len(SPEAKER_DEVIATIONS)), strict=True
    ):
        table_rng, *choice_rngs = (np.random.default_rng(child) for child in root.spawn(1 + len(CASES)))
        events = []
        for block in _blocks(tables):
            events.append(judge_tables(table_rng, deviation, block))
            done += block
            on_progress(done, total)
        rates += _shares(events, deviation)
        for (name, models), rng in zip(CASES, choice_rngs, strict=True):
            gains = []
            for _ in range(choices):
                gains.append(false_gains(rng, CHOICE_CORPORA[name], deviation, FOLD_CORRELATIONS[models]))
                done += 1
                on_progress(done, total)
            rates += _gains(gains, f"{name} utterances, {models}", deviation)
    order = {name: rank for rank, name in enumerate(dict.fromkeys((rate.measure, rate.of) for rate in rates))}
    return tuple(sorted(rates, key=lambda rate: (MEASURES.index(rate.measure), order[rate.measure, rate.of])))


def _blocks(total: int) -> Iterator[int]:
    for start in range(0, total, _BLOCK):
        yield min(_BLOCK, total - start)


def judge_tables(rng: np.random.Generator, deviation: float, tables: int) -> dict[tuple[str, str], Floats]:
    """Draw tables of two equally good variants and test each.

    Args:
        rng: Random generator.
        deviation: Standard deviation between speakers of the variants' true difference, 0..1.
        tables: Number of tables.

    Returns:
        For every measure and test: 1 where the test calls the variant better, or the interval covers the truth.
    """
    hits = draw_hits(rng, IEMOCAP, deviation, tables, trials=2, models=1)[:, :, 0]
    outcomes = [_judge(a, b) for a, b in hits]
    events = {key: np.array([outcome[key] for outcome in outcomes], dtype=np.float64) for key in outcomes[0]}
    contributions = np.stack(
        [ua_contributions(a - b, IEMOCAP.actual, IEMOCAP.speaker, IEMOCAP.classes) for a, b in hits]
    )
    p, low, high = _bootstrap(rng, contributions)
    events["type I error", "bootstrap over speakers, UA"] = (p <= ALPHA).astype(np.float64)
    events["coverage", "bootstrap over speakers, difference of UA"] = ((low <= 0) & (high >= 0)).astype(np.float64)
    return events


def _judge(a: Floats, b: Floats) -> dict[tuple[str, str], bool]:
    """Apply all tests and intervals to one table."""
    n, actual, speaker, classes = len(a), IEMOCAP.actual, IEMOCAP.speaker, IEMOCAP.classes
    recalls_a, recalls_b = (np.bincount(actual, weights=hits) / IEMOCAP.class_counts for hits in (a, b))
    z_tests = {
        "pooled z, WA": proportions_ztest(float(a.mean()), float(b.mean()), n, n),
        "pooled z with UA": proportions_ztest(float(recalls_a.mean()), float(recalls_b.mean()), n, n),
        "z from recalls, UA": uar_ztest(recalls_a, recalls_b, IEMOCAP.class_counts),
    }
    over_speakers = sign_flip(ua_contributions(a - b, actual, speaker, classes))
    over_sessions = sign_flip(ua_contributions(a - b, actual, speaker // 2, classes))
    p_values = {name: None if test is None else test.p for name, test in z_tests.items()} | {
        "McNemar, WA": mcnemar_one_sided(int(np.count_nonzero(a > b)), int(np.count_nonzero(b > a))),
        "sign-flip over speakers, UA": over_speakers.p,
        "sign-flip over sessions, UA": over_sessions.p,
    }
    intervals = {
        "t over speakers, difference of UA": (over_speakers.interval, 0.0),
        "t over sessions, difference of UA": (over_sessions.interval, 0.0),
        "t over speakers, UA of one variant": (ua_interval(a, actual, speaker, classes), ACCURACY),
        "Wilson, WA of one variant": (wilson_interval(float(a.mean()), n), ACCURACY),
    }
    return {("type I error", name): p is not None and p <= ALPHA for name, p in p_values.items()} | {
        ("coverage", name): interval is not None and interval.low <= truth <= interval.high
        for name, (interval, truth) in intervals.items()
    }


def _bootstrap(rng: np.random.Generator, contributions: Floats) -> tuple[Floats, Floats, Floats]:
    """Bootstrap over speakers: p of 'better' and the percentile ends of the 95% interval, each `(table,)`.

    It shows why no report rests on it: with ten speakers it is too bold.
    """
    speakers = contributions.shape[1]
    counts = rng.multinomial(speakers, np.full(speakers, 1 / speakers), size=_RESAMPLES)
    sums = contributions @ counts.T
    low, high = np.quantile(sums, [0.025, 0.975], axis=1)
    return np.mean(sums <= 0, axis=1), low, high


def false_gains(
    rng: np.random.Generator, corpus: SimulatedCorpus, deviation: float, correlation: float
) -> tuple[float, float]:
    """Choose among equally good trials in both ways, and measure by how much the choice seems to be better.

    Each speaker tests one fold and validates its partner's; the two folds train on the same other speakers.

    Args:
        rng: Random generator.
        corpus: The simulated corpus.
        deviation: Standard deviation between speakers of the true difference of two trials, 0..1.
        correlation: Correlation of a trial's hits in the two folds, 1 where both have one model.

    Returns:
        Pooled test UA less the mean of all trials', chosen by the mean validation UA over folds, and chosen
        per fold by that fold's own validation speaker; 0..1.
    """
    counts = corpus.count_hits(draw_hits(rng, corpus, deviation, 1, EQUAL_TRIALS, models=2, correlation=correlation)[0])
    test, folds = counts[:, 0], np.arange(corpus.speakers)
    present = corpus.counts > 0
    recalls = counts[:, 1] / np.maximum(corpus.counts, 1)
    # Fold f tests speaker f, and its neighbour validates it.
    validation_ua = (recalls.sum(axis=2) / present.sum(axis=1))[:, folds ^ 1]
    uas = np.mean(test.sum(axis=1) / corpus.class_counts, axis=-1)
    by_mean = uas[_best(validation_ua.mean(axis=1))]
    chosen = [_best(validation_ua[:, fold]) for fold in folds]
    per_fold = np.mean(test[chosen, folds].sum(axis=0) / corpus.class_counts)
    return float(by_mean - uas.mean()), float(per_fold - uas.mean())


def _best(validation_ua: Floats) -> int:
    return argbest_validation([(ua, None) for ua in validation_ua.tolist()])


def _shares(events: list[dict[tuple[str, str], Floats]], deviation: float) -> list[Rate]:
    rates = []
    for measure, of in events[0]:
        outcomes = np.concatenate([block[measure, of] for block in events])
        share = float(outcomes.mean())
        error = sqrt(share * (1 - share) / len(outcomes))
        rates.append(Rate(measure, of, 100 * deviation, 100 * share, 100 * error, len(outcomes)))
    return rates


def _gains(gains: list[tuple[float, float]], case: str, deviation: float) -> list[Rate]:
    rates = []
    for of, values in zip(CHOICES, np.array(gains).T, strict=True):
        error = float(values.std(ddof=1)) / sqrt(len(values))
        rates.append(
            Rate(
                "false gain",
                f"{of}, {case}",
                100 * deviation,
                100 * float(values.mean()),
                100 * error,
                len(values),
            )
        )
    return rates
