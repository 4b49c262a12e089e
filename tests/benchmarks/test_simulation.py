import csv
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.simulate.command import gains_over, markdown
from benchmarks.simulate.simulated_data import (
    ACCURACY,
    DIFFICULTY_STD,
    EMODB,
    IEMOCAP,
    SPEAKER_DEVIATIONS,
    VARIANT_CORRELATION,
    draw_hits,
)
from benchmarks.simulate.simulation import CASES, CHOICE_CORPORA, Rate, simulate
from tracking.analysis.comparison.interpretation import RECOMMENDED_TEST

ROOT = Path(__file__).parent.parent.parent
TABLES, CHOICES = 400, 40

# How far a mean over all deviations may lie off: three Monte-Carlo standard errors of 1600 tables at 5%.
THREE_ERRORS = 300 * (0.05 * 0.95 / (TABLES * len(SPEAKER_DEVIATIONS))) ** 0.5


def by_test(rates):
    """Values by measure and test, in the order of the deviations."""
    grouped = {}
    for rate in sorted(rates, key=lambda rate: rate.deviation_points):
        grouped.setdefault((rate.measure, rate.of), []).append(rate)
    return grouped


@pytest.fixture(scope="module")
def small():
    progress = []
    rates = simulate(TABLES, CHOICES, 5, lambda done, total: progress.append((done, total)))
    assert progress[-1][0] == progress[-1][1] == len(SPEAKER_DEVIATIONS) * (TABLES + len(CASES) * CHOICES)
    return by_test(rates)


def values(rates, measure, of):
    return [rate.value for rate in rates[measure, of]]


def test_tests_over_speakers_keep_their_level(small):
    assert np.mean(values(small, "type I error", "sign-flip over speakers, UA")) == pytest.approx(5, abs=THREE_ERRORS)
    assert np.mean(values(small, "coverage", "t over speakers, difference of UA")) == pytest.approx(
        95, abs=THREE_ERRORS
    )
    assert max(values(small, "type I error", "sign-flip over sessions, UA")) < 6.5


def test_tests_over_utterances_err_more_if_speakers_differ_more(small):
    for test, least in (("McNemar, WA", 12), ("pooled z, WA", 7), ("z from recalls, UA", 6)):
        errors = values(small, "type I error", test)
        assert errors[-1] > least
        assert errors[-1] > errors[0] + 4
    assert np.mean(values(small, "type I error", "bootstrap over speakers, UA")) > 6
    assert max(values(small, "coverage", "bootstrap over speakers, difference of UA")) < 95


def test_a_choice_by_the_mean_gains_and_one_per_fold_does_not(small):
    for corpus in CHOICE_CORPORA:
        for models in ("one model", "two models"):
            for rate in small["false gain", f"per fold, {corpus} utterances, {models}"]:
                assert abs(rate.value) < 4 * rate.standard_error
        one, two = (
            values(small, "false gain", f"by mean validation UA, {corpus} utterances, {models}")
            for models in ("one model", "two models")
        )
        assert min(one) > 1
        assert one[-1] > 2
        # Two models have nothing in common but whom they suit.
        assert abs(two[0]) < 0.6
        assert two[-1] > 1


def test_equal_seeds_give_equal_numbers():
    def run(seed):
        return simulate(30, 3, seed, lambda done, total: None)

    assert run(1) == run(1)
    assert run(1) != run(2)


@pytest.mark.parametrize("corpus", [IEMOCAP, EMODB], ids=["iemocap", "emodb"])
def test_draws_have_the_stated_moments(corpus):
    hits = draw_hits(np.random.default_rng(3), corpus, 0.0, rounds=150, trials=2, models=2, correlation=0.8)
    speakers = np.stack([hits[:, 0, 0, corpus.speaker == s].mean(axis=1) for s in range(corpus.speakers)])
    assert hits.mean() == pytest.approx(ACCURACY, abs=0.006)
    within_speaker = ACCURACY * (1 - ACCURACY) / corpus.counts.sum(axis=1)
    assert np.mean(speakers.var(axis=1) - within_speaker) == pytest.approx(DIFFICULTY_STD**2, rel=0.25)

    def correlation(a, b):
        return np.mean([np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)])

    assert correlation(hits[:, 0, 0], hits[:, 1, 0]) == pytest.approx(VARIANT_CORRELATION, abs=0.02)
    assert correlation(hits[:, 0, 0], hits[:, 0, 1]) == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("correlation", [1.0, VARIANT_CORRELATION])
def test_hits_of_two_models_correlate_as_stated(correlation):
    hits = draw_hits(np.random.default_rng(3), EMODB, 0.0, rounds=100, trials=1, models=2, correlation=correlation)[
        :, 0
    ]
    pairs = [np.corrcoef(first, second)[0, 1] for first, second in hits]
    assert np.mean(pairs) == pytest.approx(correlation, abs=0.02)


def test_speakers_differ_in_the_difference_as_stated():
    hits = draw_hits(np.random.default_rng(4), IEMOCAP, 0.046, rounds=300, trials=2, models=1)[:, :, 0]
    gain = (hits[:, 0] - hits[:, 1])[:, IEMOCAP.speaker == 8]
    chance = 2 * ACCURACY * (1 - ACCURACY) * (1 - VARIANT_CORRELATION) / gain.shape[1]
    assert gain.mean(axis=1).var() - chance == pytest.approx(0.046**2, rel=0.35)


def test_hits_are_counted_by_speaker_and_class():
    hits = np.random.default_rng(1).integers(0, 2, (3, len(EMODB.actual))).astype(float)
    counted = EMODB.count_hits(hits)
    for speaker, emotion in ((0, 0), (1, 2), (9, 6)):
        cell = (EMODB.speaker == speaker) & (EMODB.actual == emotion)
        assert counted[:, speaker, emotion].tolist() == hits[:, cell].sum(axis=1).tolist()
    assert EMODB.count_hits(np.ones(535)).tolist() == EMODB.counts.tolist()


def written_rows():
    with (ROOT / "benchmarks" / "results" / "simulation.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def written_values(measure, of):
    return [float(row["value"]) for row in written_rows() if (row["measure"], row["of"]) == (measure, of)]


def test_the_reports_advice_quotes_the_simulated_rates():
    z_tests = ("pooled z, WA", "pooled z with UA", "z from recalls, UA")
    largest = max(error for test in z_tests for error in written_values("type I error", test))
    assert f"the z-tests call up to {largest:.0f} better" in RECOMMENDED_TEST
    mcnemar = max(written_values("type I error", "McNemar, WA"))
    assert f"McNemar's test up to {mcnemar:.0f}," in RECOMMENDED_TEST
    assert "but the sign-flip test over speakers 5," in RECOMMENDED_TEST
    sign_flip = written_values("type I error", "sign-flip over speakers, UA")
    assert {round(error) for error in sign_flip} == {5}
    assert all(4 <= error <= 6.5 for error in sign_flip)
    assert "holds the truth 95 times in 100" in RECOMMENDED_TEST
    coverage = written_values("coverage", "t over speakers, difference of UA")
    assert len(coverage) == len(SPEAKER_DEVIATIONS)
    assert {round(percent) for percent in coverage} == {95}


def test_published_choices_per_fold_gained_nothing():
    for corpus, models in CASES:
        case = f"{corpus} utterances, {models}"
        assert all(abs(gain) <= 0.3 for gain in written_values("false gain", f"per fold, {case}"))
        assert max(written_values("false gain", f"by mean validation UA, {case}")) > 1
    assert min(written_values("false gain", "by mean validation UA, EmoDB's 535 utterances, one model")) > 2


def test_large_gains_are_named_with_their_cases():
    gains = {
        "by mean validation UA, few utterances, one model": (2.1, 3.0),
        "per fold, few utterances, one model": (0.1, 0.0),
        "by mean validation UA, many utterances, two models": (1.0, 2.2),
    }
    rates = [
        Rate("false gain", case, deviation, gain, 0.1, 10)
        for case, values in gains.items()
        for deviation, gain in zip((0, 1.5), values, strict=True)
    ]
    start = "By mean validation UA, the best of 48 equal trials seems better by more than"
    assert gains_over(rates, 2) == (
        f"{start} 2 points in these cases: few utterances with one model and any deviation; "
        "many utterances with two models and a deviation of 1.5 points."
    )
    assert gains_over(rates, 4) == f"{start} 4 points in no case."


def test_the_page_shows_the_written_tables():
    rows_of_file = written_rows()
    names = list(dict.fromkeys(row["of"] for row in rows_of_file))
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    shown = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines()]
    shown = [cells for cells in shown if cells[0] in names]
    assert [cells[0] for cells in shown] == names
    for name, *cells in shown:
        exact = [float(row["value"]) for row in rows_of_file if row["of"] == name]
        assert [float(cell) for cell in cells] == pytest.approx(exact, abs=0.0501)


def test_the_page_has_the_tables_of_the_written_rates():
    stored = json.loads((ROOT / "benchmarks" / "results" / "simulation.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    assert markdown([Rate(**record) for record in stored]) in page
