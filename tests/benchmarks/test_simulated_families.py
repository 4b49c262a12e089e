import csv
from pathlib import Path

import numpy as np
import pytest

from benchmarks.simulate.families import CORPORA, DEVIATION, MEASURES, SCENARIOS, draw_contributions
from benchmarks.simulate.simulated_data import ACCURACY, IEMOCAP, VARIANT_CORRELATION
from tracking.analysis.comparison.interpretation import CONDITIONAL_ON_TRAINING
from tracking.analysis.statistics.joint_sign_flips import joint_sign_flips

ROOT = Path(__file__).parent.parent.parent


def written_rows():
    with (ROOT / "benchmarks" / "results" / "simulated_families.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def written(measure, scenario, of):
    """Values by case."""
    return {
        row["case"]: float(row["value"])
        for row in written_rows()
        if (row["measure"], row["scenario"], row["of"]) == (measure, scenario, of)
    }


@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "no effects of speakers"])
def test_variants_suit_speakers_as_stated(scenario):
    rng, corpus = np.random.default_rng(7), CORPORA["10"]
    effects = SCENARIOS[scenario](rng, corpus, (4000, 2))
    gains = effects[:, 1] - effects[:, 0]
    assert gains.mean() == pytest.approx(0, abs=0.002)
    shift = {"common shift of 1 point": 0.01, "common shift of 2 points": 0.02}.get(scenario, 0.0)
    assert gains.std() == pytest.approx(np.hypot(DEVIATION, shift), rel=0.06)
    partners = np.corrcoef(gains[:, 0], gains[:, 1])[0, 1]
    strangers = np.corrcoef(gains[:, 0], gains[:, 2])[0, 1]
    shared = shift**2 / (DEVIATION**2 + shift**2)
    assert partners == pytest.approx(1 if scenario == "session" else shared, abs=0.06)
    assert strangers == pytest.approx(shared, abs=0.06)


def test_families_have_the_stated_gain_and_chance():
    rng = np.random.default_rng(8)
    gains = np.array([0.0, 0.08])
    families = np.stack(list(draw_contributions(rng, IEMOCAP, SCENARIOS["no effects of speakers"], gains, 150)))
    assert families.shape == (150, 2, 10)
    differences = families.sum(axis=2)
    assert differences.mean(axis=0) == pytest.approx(gains, abs=0.003)
    chance = 2 * ACCURACY * (1 - ACCURACY) * (1 - VARIANT_CORRELATION) * np.mean(1 / IEMOCAP.class_counts) / 4
    assert differences[:, 0].var() == pytest.approx(chance, rel=0.35)


def test_equal_seeds_give_equal_families():
    def draw(seed):
        rng = np.random.default_rng(seed)
        return np.stack(list(draw_contributions(rng, IEMOCAP, SCENARIOS["skewed"], np.zeros(3), 4)))

    assert np.array_equal(draw(1), draw(1))
    assert not np.array_equal(draw(1), draw(2))


def test_a_family_of_equal_variants_rarely_has_a_verdict():
    rng, families = np.random.default_rng(9), 150
    verdicts = np.zeros(2)
    for contributions in draw_contributions(rng, IEMOCAP, SCENARIOS["exchangeable"], np.zeros(20), families):
        tails = contributions, -contributions
        verdicts += [joint_sign_flips(tail).p_values.min() <= 0.05 for tail in tails]
    # Three Monte-Carlo standard errors of a share of .05 among 150 are .054.
    assert max(verdicts / families) <= 0.104


def test_published_families_err_in_at_most_6_percent():
    usual = ("no effects of speakers", "exchangeable")
    for scenario in usual:
        for verdict in ("better", "worse"):
            assert written("family", scenario, verdict)["10"] <= 6
        assert written("family", scenario, "either")["10"] <= 11.5
    rounds = {row["rounds"] for row in written_rows() if row["measure"] == "family" and row["case"] == "10"}
    assert "5000" in rounds
    assert max(written("equivalence", "exchangeable", "any variant, each 2 points better").values()) <= 6


def test_the_guide_quotes_the_simulated_shifts():
    shares = [written("family", f"common shift of {shift}", "better")["10"] for shift in ("1 point", "2 points")]
    assert f"in {shares[0]:.0f}% of simulated reports on ten speakers" in CONDITIONAL_ON_TRAINING
    assert f"where it has 2 points in {shares[1]:.0f}%" in CONDITIONAL_ON_TRAINING


def test_published_power_exceeds_holms():
    joint, holm = (written("power", "exchangeable", of) for of in ("joint sign flips", "Holm"))
    assert list(joint) == ["3", "5", "8"]
    assert all(joint[case] >= holm[case] for case in joint)
    assert joint["5"] > holm["5"] + 5


def test_the_page_shows_the_families_written():
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    shown = {
        cells[0]: cells[1:]
        for line in page.splitlines()
        if line.startswith("| ")
        for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
    }
    for row in written_rows():
        cases = list(dict.fromkeys(other["case"] for other in written_rows() if other["measure"] == row["measure"]))
        value = shown[f"{row['scenario']}: {row['of']}"][cases.index(row["case"])]
        assert float(value) == pytest.approx(float(row["value"]), abs=0.0501)
    assert {row["measure"] for row in written_rows()} == set(MEASURES)
