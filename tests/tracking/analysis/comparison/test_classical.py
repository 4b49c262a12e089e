"""Classical baselines as rows of tests: paired by name, tested alone beside a sweep, and equal to a plain loop."""

import csv
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ser.errors import ComparisonError
from ser.feature_settings import LogMelProsodySettings
from ser.results import Evaluation
from tests.support.scored_trials import EMOTIONS, World, baseline, configuration, study_table, table_of, trial
from tracking.analysis.comparison.baselines import CLASSICAL_EFFECT
from tracking.analysis.comparison.comparison import Verdict, compare
from tracking.analysis.comparison.family import compare_with_classical
from tracking.analysis.comparison.overview import Analysis, analyse
from tracking.analysis.comparison.request import ComparisonRequest
from tracking.analysis.results_table import ResultsTable
from tracking.analysis.statistics.sign_flip import SignFlipTest, sign_flip_each
from tracking.analysis.trial_result import TrialResult
from tracking.analysis.variants.classical import predictions_with_seeds, score_baselines

WORLD = World()
REGRESSION, NONE = "logistic regression", "none · phonemes"


def two_seeds(accuracy: float = 0.6) -> list[TrialResult]:
    return [trial(WORLD, configuration("none", seed=seed), accuracy) for seed in (1, 2)]


def speaker_contributions(analysis: Analysis, variant: str, reference: str) -> list[float]:
    """Contributions of speakers to the difference of UA, by loops over single decisions."""
    rows = {row.label: row for row in analysis.classifiers}
    shares: dict[str, list[float]] = {}
    for sign, label in ((1, variant), (-1, reference)):
        pooled = rows[label].predictions
        for decided in pooled.predicted.tolist():
            for speaker, true, decision in zip(pooled.speakers, pooled.actual.tolist(), decided, strict=True):
                utterances = sum(1 for actual in pooled.actual.tolist() if actual == true)
                hit = float(true == decision) / len(pooled.predicted) / utterances / pooled.classes
                shares.setdefault(speaker, []).append(sign * hit)
    return [sum(values) for values in shares.values()]


def sign_flip_p(contributions: list[float]) -> float:
    """One-tailed p of the sum of contributions, by all assignments of signs."""
    observed = sum(contributions)
    sums = [
        sum(sign * value for sign, value in zip(signs, contributions, strict=True))
        for signs in product((1, -1), repeat=len(contributions))
    ]
    return sum(total >= observed - 1e-12 for total in sums) / len(sums)


@pytest.mark.parametrize("accuracy", [0.6, 0.8])
def test_tests_against_a_baseline_equal_a_plain_loop(accuracy: float) -> None:
    table = table_of(*two_seeds(accuracy), baselines=(baseline(WORLD, 0.7),))
    analysis = analyse(table)
    (comparison,) = analysis.classical_comparisons
    contributions = speaker_contributions(analysis, NONE, REGRESSION)
    assert comparison.ua_speakers.difference == pytest.approx(sum(contributions))
    assert comparison.ua_speakers.p == pytest.approx(sign_flip_p(contributions))
    assert comparison.z_ua is not None
    assert comparison.seeds == (1, 2)
    (reverse,) = analyse(table, ComparisonRequest(NONE)).comparisons.comparisons
    assert (reverse.variant, reverse.question) == (REGRESSION, CLASSICAL_EFFECT)
    assert reverse.ua_speakers.p == pytest.approx(sign_flip_p([-value for value in contributions]))


def test_a_baseline_is_outside_the_family_unless_requested() -> None:
    table = study_table()
    alone, beside = analyse(replace(table, baselines=())), analyse(table)
    assert beside.comparisons.family == alone.comparisons.family
    assert [made.joint for made in beside.comparisons.comparisons] == [
        made.joint for made in alone.comparisons.comparisons
    ]
    assert [made.variant for made in beside.classical_comparisons] == [variant.label for variant in beside.complete]
    assert {(made.joint, made.holm_p) for made in beside.classical_comparisons} == {(None, None)}


def test_all_variants_are_compared_with_a_requested_baseline() -> None:
    analysis = analyse(study_table(), ComparisonRequest(REGRESSION))
    made = analysis.comparisons.comparisons
    assert [comparison.variant for comparison in made] == [variant.label for variant in analysis.variants]
    assert {comparison.baseline for comparison in made} == {REGRESSION}
    assert analysis.comparisons.family.planned == len(made)
    # Points of a sweep are represented by their choice, as against a network.
    represented = [comparison for comparison in made if comparison.joint is None]
    assert {comparison.verdict for comparison in represented} == {Verdict.REPRESENTED}
    assert len(represented) == analysis.comparisons.family.represented == 8


def test_a_baseline_joins_the_family_of_a_named_network() -> None:
    analysis = analyse(study_table(), ComparisonRequest("none · words", (REGRESSION,)))
    (shown,) = analysis.comparisons.comparisons
    assert (shown.variant, shown.baseline) == (REGRESSION, "none · words")
    assert shown.joint is not None
    assert analysis.comparisons.family.planned == len(analysis.variants)


def test_baselines_of_one_name_are_told_apart() -> None:
    results = [baseline(WORLD), baseline(WORLD, 0.5).model_copy(update={"normalisation": "zscore_training"})]
    functionals = baseline(WORLD, 0.7).model_copy(update={"functionals": "functionals"})
    table = table_of(*two_seeds(), baselines=(*results, functionals))
    names = [row.label for row in analyse(table).baselines]
    assert names == [
        "logistic regression · functionals",
        "logistic regression · zscore_speaker",
        "logistic regression · zscore_training",
    ]
    with pytest.raises(ComparisonError, match="logistic regression · zscore_training"):
        analyse(table, ComparisonRequest(REGRESSION))
    (made,) = analyse(table, ComparisonRequest(names[0], (NONE,))).comparisons.comparisons
    assert made.baseline == names[0]


def test_the_classifier_alone_names_the_only_one_on_frames() -> None:
    prosody = baseline(WORLD).model_copy(update={"features": LogMelProsodySettings()})
    functionals = baseline(WORLD, 0.7).model_copy(update={"functionals": "functionals"})
    table = table_of(*two_seeds(), baselines=(prosody, functionals))
    (made,) = analyse(table, ComparisonRequest(REGRESSION, (NONE,))).comparisons.comparisons
    assert made.baseline == "logistic regression · log_mel_prosody"


def test_a_variant_is_compared_with_the_regression_on_its_own_frames() -> None:
    results = (baseline(WORLD), baseline(WORLD, 0.7).model_copy(update={"functionals": "functionals"}))
    analysis = analyse(table_of(*two_seeds(), baselines=results))
    own = analysis.classical_comparison_of(analysis.variants[0])
    assert own is not None
    assert own.baseline == REGRESSION
    training = baseline(WORLD).model_copy(update={"normalisation": "zscore_training"})
    other = analyse(table_of(*two_seeds(), baselines=(training,)))
    assert other.classical_comparison_of(other.variants[0]) is None


def test_comparisons_made_at_once_equal_single_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    products: list[int] = []

    def count(contributions: NDArray[np.float64]) -> list[SignFlipTest]:
        products.append(len(contributions))
        return sign_flip_each(contributions)

    trials = [
        trial(WORLD, configuration(attention, seed=seed), accuracy)
        for attention, accuracy in (("none", 0.6), ("local", 0.7), ("component", 0.65))
        for seed in (1, 2)
    ]
    analysis = analyse(table_of(*trials))
    functionals = baseline(WORLD, 0.7).model_copy(update={"functionals": "functionals"})
    others = baseline(World(speakers=8)).model_copy(update={"functionals": "eGeMAPSv02"})
    classical = score_baselines([baseline(WORLD), functionals, others])
    monkeypatch.setattr("tracking.analysis.comparison.comparison.sign_flip_each", count)
    at_once = compare_with_classical(analysis.variants, classical)
    # UA and WA over speakers and sessions, once for each of the two baselines with the same folds.
    assert products == [3] * 8
    rows = [row for row in classical if row.result.functionals != "eGeMAPSv02"]
    pairs = [(variant, row) for variant in analysis.variants for row in rows]
    assert at_once == tuple(compare(variant, row, CLASSICAL_EFFECT) for variant, row in pairs)


def test_variants_of_other_sessions_are_tested_over_them() -> None:
    alone = trial(WORLD, configuration("none"), 0.6)
    without = trial(World(sessions=False), configuration("local"), 0.6)
    analysis = analyse(table_of(alone, without, baselines=(baseline(WORLD),)))
    tested = {made.variant: made.ua_sessions is not None for made in analysis.classical_comparisons}
    assert tested == {NONE: True, "local · scope 9 · phonemes": False}


def test_comparisons_share_a_baselines_repeated_predictions() -> None:
    (regression,) = score_baselines([baseline(WORLD)])
    repeated = predictions_with_seeds(regression, (1, 2))
    assert repeated.predicted.shape[0] == 2
    assert predictions_with_seeds(regression, [1, 2]) is repeated


def test_a_baseline_of_other_folds_is_not_compared() -> None:
    others = baseline(World(speakers=8))
    analysis = analyse(table_of(*two_seeds(), baselines=(others,)))
    assert analysis.classical_comparisons == ()
    skipped = analyse(table_of(*two_seeds(), baselines=(others,)), ComparisonRequest(REGRESSION)).comparisons.skipped
    assert [reason.reason for reason in skipped] == ["different numbers of folds: 10 against 8"]
    with pytest.raises(ComparisonError, match="different numbers of folds"):
        compare(analysis.variants[0], analysis.baselines[0])


def stored_decisions() -> ResultsTable:
    """Decisions of two networks and of logistic regression on the demo corpus, as a study of it made them."""
    with Path(__file__).with_name("demo_decisions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    world = World(per_speaker=20, names=tuple(sorted({row["speaker"] for row in rows})))

    def evaluations_of(name: str) -> tuple[Evaluation, ...]:
        return tuple(_evaluation([row for row in rows if row["speaker"] == fold.name], name) for fold in world.scheme())

    def trained(attention: str) -> TrialResult:
        result = trial(world, configuration(attention))
        parts = zip(result.folds, evaluations_of(attention), strict=True)
        return result.model_copy(
            update={"folds": tuple(fold.model_copy(update={"test": test}) for fold, test in parts)}
        )

    regression = baseline(world).model_copy(update={"tests": evaluations_of(REGRESSION)})
    return table_of(trained("none"), trained("quantum"), baselines=(regression,))


def _evaluation(rows: list[dict[str, str]], name: str) -> Evaluation:
    return Evaluation(
        utterances=tuple(row["utterance"] for row in rows),
        speakers=tuple(row["speaker"] for row in rows),
        sessions=tuple(row["speaker"][:-1] for row in rows),
        actual=tuple(EMOTIONS.index(row["true"]) for row in rows),
        predicted=tuple(EMOTIONS.index(row[name]) for row in rows),
        scores=((0.25,) * 4,) * len(rows),
    )


@pytest.mark.parametrize(("network", "points", "p"), [(NONE, 7.5, 0.0156), ("quantum · phonemes", 14.0, 0.0010)])
def test_stored_decisions_of_the_demo_equal_a_plain_loop(network: str, points: float, p: float) -> None:
    analysis = analyse(stored_decisions(), ComparisonRequest(network, (REGRESSION,)))
    (made,) = analysis.comparisons.comparisons
    contributions = speaker_contributions(analysis, REGRESSION, network)
    assert made.ua_speakers.difference == pytest.approx(sum(contributions))
    assert made.ua_speakers.p == pytest.approx(sign_flip_p(contributions))
    assert (100 * made.ua_speakers.difference, made.ua_speakers.p) == (
        pytest.approx(points, abs=0.05),
        pytest.approx(p, abs=5e-5),
    )
