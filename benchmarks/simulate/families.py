"""Error rates of verdicts on whole families of comparisons, and of one comparison where the truth is less tidy.

Tables of a baseline and variants are drawn, and tested with the functions of the report. The truths are named
`SCENARIOS`, the numbers of speakers `CORPORA`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulate.simulated_data import ACCURACY, IEMOCAP, SimulatedCorpus, draw_difficulty, draw_hits_of
from tracking.analysis.statistics.corrected_t import corrected_t_p
from tracking.analysis.statistics.joint_sign_flips import joint_sign_flips
from tracking.analysis.statistics.proportions import holm_adjust
from tracking.analysis.statistics.sign_flip import ENUMERATED_CLUSTERS, MIN_SPEAKERS, sign_flip, ua_contributions

VARIANTS = 51
"""Comparisons of a family with one baseline: as many as `make studies` planned when ten speakers could show none."""

ALPHA, MARGIN = 0.05, 0.02
DEVIATION = 0.03
"""Standard deviation between speakers of the true difference of a variant from the baseline, 0..1."""

GAINS = (0.03, 0.05, 0.08)
"""True differences of the one variant that is better, 0..1."""

Floats = NDArray[np.float64]
Counts = Callable[[int], None]
DrawEffects = Callable[[np.random.Generator, SimulatedCorpus, tuple[int, int]], Floats]


def _unbalanced() -> SimulatedCorpus:
    counts = np.full((10, 4), 30)
    counts[0] = 270
    return SimulatedCorpus(counts)


CORPORA: Mapping[str, SimulatedCorpus] = {
    "5": SimulatedCorpus(IEMOCAP.counts[:5]),
    "6": SimulatedCorpus(IEMOCAP.counts[:6]),
    "10": IEMOCAP,
    "10, one says half": _unbalanced(),
    "24": SimulatedCorpus(np.full((24, 4), 30)),
    "51": SimulatedCorpus(np.full((51, 4), 15)),
}
"""Corpora by their number of speakers: of IEMOCAP's first, all of them, and balanced ones of about 3,000 utterances."""


def _equal(rng: np.random.Generator, corpus: SimulatedCorpus, shape: tuple[int, int]) -> Floats:
    return np.zeros((*shape, corpus.speakers))


def _exchangeable(rng: np.random.Generator, corpus: SimulatedCorpus, shape: tuple[int, int]) -> Floats:
    return rng.normal(0, DEVIATION / sqrt(2), (*shape, corpus.speakers))


def _skewed(rng: np.random.Generator, corpus: SimulatedCorpus, shape: tuple[int, int]) -> Floats:
    effects = np.where(rng.random((*shape, corpus.speakers)) < 0.1, -3 * DEVIATION, DEVIATION / 3)
    effects[:, 0] = 0.0
    return effects


def _session(rng: np.random.Generator, corpus: SimulatedCorpus, shape: tuple[int, int]) -> Floats:
    sessions = np.arange(corpus.speakers) // 2
    return rng.normal(0, DEVIATION / sqrt(2), (*shape, sessions[-1] + 1))[..., sessions]


def _common_shift(deviation: float) -> DrawEffects:
    def draw(rng: np.random.Generator, corpus: SimulatedCorpus, shape: tuple[int, int]) -> Floats:
        return _exchangeable(rng, corpus, shape) + rng.normal(0, deviation / sqrt(2), (*shape, 1))

    return draw


SCENARIOS: Mapping[str, DrawEffects] = {
    "no effects of speakers": _equal,
    "exchangeable": _exchangeable,
    "skewed": _skewed,
    "session": _session,
    "common shift of 1 point": _common_shift(0.01),
    "common shift of 2 points": _common_shift(0.02),
}
"""How variants suit speakers: each draws effects of shape `(round, trial, speaker)`; their mean over people is 0."""


@dataclass(frozen=True)
class FamilyRate:
    """Rate of verdicts; the field names are columns of `simulated_families.csv`.

    Attributes:
        measure: One of `MEASURES`.
        scenario: Name among `SCENARIOS`.
        of: Test or verdict.
        case: Number of speakers, as in `CORPORA`; for 'power' the true difference in points.
        value: Percent.
        standard_error: Monte-Carlo standard error, percentage points.
        rounds: Number of simulated tables or families.
    """

    measure: str
    scenario: str
    of: str
    case: str
    value: float
    standard_error: float
    rounds: int


MEASURES = ("one comparison", "family", "equivalence", "power")


def simulate_families(
    tables: int, families: int, seed: int, on_progress: Callable[[int, int], None]
) -> list[FamilyRate]:
    """Simulate every measure.

    Args:
        tables: Tables of two variants per scenario and corpus; a tenth of it where flips are sampled.
        families: Families of IEMOCAP whose variants are exchangeable or have no effects; a fifth of it for other
            corpora, scenarios and for equivalence, a tenth for power, a twentieth where flips are sampled.
        seed: Random seed; equal arguments give equal numbers.
        on_progress: Called with the number of finished rounds and of all rounds.

    Returns:
        Rates by measure, scenario, test or verdict, and case.
    """
    plan = list(_plan(tables, families))
    done, total = 0, sum(rounds for *_, rounds in plan)

    def count(rounds: int) -> None:
        nonlocal done
        done += rounds
        on_progress(done, total)

    rates: list[FamilyRate] = []
    for (measure, scenario, case, rounds), child in zip(
        plan, np.random.SeedSequence(seed).spawn(len(plan)), strict=True
    ):
        events = _JUDGES[measure](np.random.default_rng(child), scenario, case, rounds, count)
        for of, outcomes in events.items():
            share = float(outcomes.mean())
            error = float(outcomes.std()) / sqrt(len(outcomes))
            rates.append(FamilyRate(measure, scenario, of, case, 100 * share, 100 * error, len(outcomes)))
    return rates


def _plan(tables: int, families: int) -> Iterator[tuple[str, str, str, int]]:
    """List measure, scenario, case and number of rounds of everything to simulate."""
    for scenario in SCENARIOS:
        for case, corpus in CORPORA.items():
            yield "one comparison", scenario, case, tables if _enumerated(corpus) else max(1, tables // 10)
    for scenario in SCENARIOS:
        for case, corpus in CORPORA.items():
            if corpus is IEMOCAP and scenario in ("no effects of speakers", "exchangeable"):
                yield "family", scenario, case, families
            elif corpus.speakers >= MIN_SPEAKERS and (_enumerated(corpus) or scenario == "exchangeable"):
                yield "family", scenario, case, max(1, families // (5 if _enumerated(corpus) else 20))
    yield "equivalence", "exchangeable", "10", max(1, families // 5)
    for gain in GAINS:
        yield "power", "exchangeable", f"{100 * gain:g}", max(1, families // 10)


def _enumerated(corpus: SimulatedCorpus) -> bool:
    return corpus.speakers <= ENUMERATED_CLUSTERS


def draw_contributions(
    rng: np.random.Generator, corpus: SimulatedCorpus, draw_effects: DrawEffects, gains: Floats, rounds: int
) -> Iterator[Floats]:
    """Draw families of variants against one baseline.

    Args:
        rng: Random generator.
        corpus: The simulated corpus.
        draw_effects: Draws how trials suit speakers.
        gains: True difference of each variant, 0..1, shape `(variant,)`.
        rounds: Number of families.

    Yields:
        Contributions of each speaker to each difference of UA, shape `(variant, speaker)`.
    """
    trials = 1 + len(gains)
    block = max(1, 600 // trials)
    for start in range(0, rounds, block):
        shape = min(block, rounds - start), trials
        effects = draw_effects(rng, corpus, shape) + np.concatenate([[0.0], gains])[:, None]
        accuracies = ACCURACY + draw_difficulty(rng, corpus, shape[0]) + effects[:, :, None]
        for hits in draw_hits_of(rng, corpus, accuracies)[:, :, 0]:
            differences = hits[1:] - hits[0]
            yield np.stack(
                [ua_contributions(row, corpus.actual, corpus.speaker, corpus.classes) for row in differences]
            )


def _judge_one(rng: np.random.Generator, scenario: str, case: str, rounds: int, count: Counts) -> dict[str, Floats]:
    """Test single comparisons of equal variants: 1 where a test calls the variant better."""
    corpus = CORPORA[case]
    sessions = np.arange(corpus.speakers) // 2
    outcomes = []
    for (contributions,) in draw_contributions(rng, corpus, SCENARIOS[scenario], np.zeros(1), rounds):
        # Each speaker tests one fold, its partner validates it, and the others train.
        corrected_p = corrected_t_p(contributions, 1 / (corpus.speakers - 2))
        outcomes.append(
            (
                sign_flip(contributions).p <= ALPHA,
                sign_flip(np.bincount(sessions, weights=contributions).astype(np.float64)).p <= ALPHA,
                corrected_p is not None and corrected_p <= ALPHA,
            )
        )
        count(1)
    names = ("sign-flip over speakers", "sign-flip over sessions", "corrected t")
    return dict(zip(names, np.array(outcomes, dtype=np.float64).T, strict=True))


def _judge_families(
    rng: np.random.Generator, scenario: str, case: str, rounds: int, count: Counts
) -> dict[str, Floats]:
    """Test families of equal variants: 1 where any of them gets the verdict."""
    outcomes = []
    for contributions in draw_contributions(rng, CORPORA[case], SCENARIOS[scenario], np.zeros(VARIANTS), rounds):
        better = joint_sign_flips(contributions).p_values.min() <= ALPHA
        worse = joint_sign_flips(-contributions).p_values.min() <= ALPHA
        outcomes.append((better, worse, better or worse))
        count(1)
    return dict(zip(("better", "worse", "either"), np.array(outcomes, dtype=np.float64).T, strict=True))


def _judge_equivalence(
    rng: np.random.Generator, scenario: str, case: str, rounds: int, count: Counts
) -> dict[str, Floats]:
    """Test for equivalence: falsely where every variant is better by the margin, rightly where all are equal."""
    corpus = CORPORA[case]
    weights = ua_contributions(np.ones(len(corpus.actual)), corpus.actual, corpus.speaker, corpus.classes)

    def within(contributions: Floats) -> Floats:
        sides = [MARGIN * weights + contributions, MARGIN * weights - contributions]
        p_values = joint_sign_flips(np.concatenate(sides)).p_values.reshape(2, -1).max(axis=0)
        return np.asarray(p_values <= ALPHA, dtype=np.float64)

    falsely: list[Floats] = []
    rightly: list[Floats] = []
    for gain, outcomes in ((MARGIN, falsely), (0.0, rightly)):
        gains = np.full(VARIANTS, gain)
        for contributions in draw_contributions(rng, corpus, SCENARIOS[scenario], gains, rounds):
            outcomes.append(within(contributions))
        count(rounds // 2 if gain else rounds - rounds // 2)
    return {
        "any variant, each 2 points better": np.array([outcome.max() for outcome in falsely]),
        "an equal variant": np.array([outcome.mean() for outcome in rightly]),
    }


def _judge_power(rng: np.random.Generator, scenario: str, case: str, rounds: int, count: Counts) -> dict[str, Floats]:
    """Test families in which the first variant is better: 1 where it is called so."""
    gains = np.zeros(VARIANTS)
    gains[0] = float(case) / 100
    outcomes = []
    for contributions in draw_contributions(rng, IEMOCAP, SCENARIOS[scenario], gains, rounds):
        holm_p = holm_adjust([sign_flip(row).p for row in contributions])[0]
        outcomes.append((joint_sign_flips(contributions).p_values[0] <= ALPHA, holm_p is not None and holm_p <= ALPHA))
        count(1)
    return dict(zip(("joint sign flips", "Holm"), np.array(outcomes, dtype=np.float64).T, strict=True))


_JUDGES = {
    "one comparison": _judge_one,
    "family": _judge_families,
    "equivalence": _judge_equivalence,
    "power": _judge_power,
}
