"""Summary of a report for the terminal: order, columns, verdict, and what could have been shown."""

import re
from itertools import product

import numpy as np
import pytest

from tests.support.scored_trials import World, baseline, configuration, study_table, table_of, trial
from tracking.analysis.comparison.overview import Analysis, analyse
from tracking.analysis.report import shown_difference, summary_rows, summary_title, summary_verdict
from tracking.analysis.report.figures import shown_variants
from tracking.analysis.report.terminal import MAX_LISTED

WORLD = World()


def pair(accuracy: float, world: World = WORLD, against: float = 0.5) -> Analysis:
    trials = (trial(world, configuration("none"), against), trial(world, configuration("quantum"), accuracy))
    return analyse(table_of(*trials, baselines=(baseline(world),)))


def test_rows_hold_scores_differences_and_notes(written):
    rows = summary_rows(written.analysis)
    names = {"variant", "UA", "WA", "Δ base", "p", "z", "Δ LR", "p LR", "note"}
    assert all(set(row) == names for row in rows)
    by_name = {row["variant"]: row for row in rows}
    assert by_name["logistic regression"]["Δ LR"] == "–"
    assert by_name["component · scope 11 · words"]["note"].startswith("partial: 3 of 10 folds")
    assert by_name["component · scope 11 · words"]["Δ LR"] == "–"
    assert "not comparable as this strategy" in by_name["quantum · phonemes_x2"]["note"]
    assert by_name["component · scope 5 · phonemes"]["note"] == (
        "a point of a sweep: 'selected per fold' stands for it"
    )
    assert re.fullmatch(r"[+−]?\d+\.\d", by_name["quantum · words"]["Δ base"])
    assert summary_title(written.analysis) == "all variants of this corpus, in percent"


def test_rows_are_sorted_by_ua_and_end_with_those_without_folds(written):
    rows = summary_rows(written.analysis)
    partial = [row["note"].startswith("partial") for row in rows]
    assert partial == sorted(partial)
    assert any(partial)
    uas = [float(row["UA"].split()[0]) for row in rows if not row["note"].startswith("partial")]
    assert uas == sorted(uas, reverse=True)


def test_ua_has_half_of_its_interval():
    (variant,) = (variant for variant in pair(0.7).variants if variant.configuration.attention == "quantum")
    interval = variant.scores.ua_interval
    half = 50 * (interval.high - interval.low)
    (row,) = (row for row in summary_rows(pair(0.7)) if row["variant"] == "quantum · phonemes")
    assert row["UA"] == f"{100 * variant.scores.ua.mean:.1f} ± {half:.1f}"


def test_the_test_against_logistic_regression_counts_all_flips():
    analysis = pair(0.7)
    quantum = next(variant for variant in analysis.variants if variant.configuration.attention == "quantum")
    regression = analysis.baselines[0].predictions
    right = {name: [] for name in quantum.predictions.speaker_names}
    counts = np.bincount(quantum.predictions.actual)
    for index, speaker in enumerate(quantum.predictions.speakers):
        actual = quantum.predictions.actual[index]
        gain = int(quantum.predictions.predicted[0][index] == actual) - int(regression.predicted[0][index] == actual)
        right[speaker].append(gain / counts[actual] / len(counts))
    differences = [sum(gains) for gains in right.values()]
    flipped = [
        sum(sign * difference for sign, difference in zip(signs, differences, strict=True))
        for signs in product((1, -1), repeat=len(differences))
    ]
    p = np.mean([total >= sum(differences) - 1e-12 for total in flipped])
    (row,) = (row for row in summary_rows(analysis) if row["variant"] == "quantum · phonemes")
    assert float(row["Δ LR"].replace("−", "-")) == pytest.approx(100 * sum(differences), abs=0.051)
    assert float(row["p LR"]) == pytest.approx(p, abs=0.00051)


def test_regression_on_other_features_is_not_compared():
    trials = [
        trial(WORLD, configuration(attention, normalisation="zscore_training")) for attention in ("none", "local")
    ]
    rows = summary_rows(analyse(table_of(*trials, baselines=(baseline(WORLD),))))
    assert {row["Δ LR"] for row in rows} == {"–"}


def test_a_better_variant_is_marked_and_has_the_verdict():
    analysis = pair(0.8)
    (row,) = (row for row in summary_rows(analysis) if row["variant"] == "quantum · phonemes")
    assert row["p"].endswith("*")
    assert row["z"] == "<.001"
    assert summary_verdict(analysis) == f"Verdict: quantum · phonemes is better than none, p = {row['p'][:-1]}."


def test_a_difference_that_is_not_shown_is_called_so():
    analysis = pair(0.5)
    (comparison,) = analysis.comparisons.comparisons
    assert summary_verdict(analysis) == (
        f"Verdict: quantum · phonemes is not shown to be better than none, p = {comparison.joint_p:.3f}.".replace(
            "0.", "."
        )
    )
    assert "*" not in "".join(row["p"] for row in summary_rows(analysis))


def test_a_worse_variant_is_called_worse():
    assert summary_verdict(pair(0.4, against=0.8)).startswith("Verdict: quantum · phonemes is worse than none, p = ")


def test_several_comparisons_have_one_verdict_in_one_line():
    verdict = summary_verdict(analyse(study_table()))
    assert re.fullmatch(
        r"Verdict: \d of 6 variants (is|are) better than (its|their) baseline; smallest p = \.\d+\.", verdict
    )
    assert len(verdict) <= 80


def test_the_difference_that_could_have_been_shown_is_that_of_the_power_analysis():
    analysis = pair(0.7)
    (comparison,) = analysis.comparisons.comparisons
    difference = comparison.power.minimum_difference(comparison.power.first_level)
    text = f"Power: 80% for a true difference of {100 * difference:.1f} points, with 10 speakers."
    assert shown_difference(analysis) == text


def test_few_speakers_have_no_verdict():
    analysis = pair(0.9, World(speakers=4))
    assert summary_verdict(analysis) == ("No verdict: 4 test speakers are too few for a claim, which needs 6.")
    assert shown_difference(analysis) == ""


def test_points_of_a_sweep_that_waits_are_not_called_too_few():
    swept = [trial(WORLD, configuration("local", scope=scope)) for scope in (5, 9)]
    unfinished = trial(WORLD, configuration("local", scope=11), folds=[0])
    verdict = summary_verdict(analyse(table_of(trial(WORLD, configuration()), *swept, unfinished)))
    assert verdict == "No verdict: all that is compared are points of a sweep, for which 'selected per fold' stands."


def test_without_a_baseline_the_reason_and_the_remedy_are_said():
    verdict = summary_verdict(analyse(table_of(trial(WORLD, configuration("quantum")))))
    assert verdict.startswith("No verdict: nothing is compared. Validation chose quantum · phonemes (UA ")
    assert "make study ATTN=none" in verdict


def test_of_many_variants_those_with_panels_are_listed():
    rates = [0.0001 * (index + 1) for index in range(MAX_LISTED // 2)]
    few = World(per_speaker=8)
    swept = [trial(few, configuration(name, learning_rate=rate)) for name in ("none", "component") for rate in rates]
    analysis = analyse(table_of(*swept))
    labels = [row["variant"] for row in summary_rows(analysis)]
    assert sorted(labels) == sorted(variant.label for variant in shown_variants(analysis))
    assert {variant.label for variant in analysis.reportable} <= set(labels)
    assert summary_title(analysis).startswith(f"{len(labels)} of {len(analysis.variants)} variants of this corpus, in ")
