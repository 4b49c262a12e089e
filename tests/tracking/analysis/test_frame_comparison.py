"""Comparisons of a table of decisions are those of the report, and refuse what cannot be compared."""

import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tracking
from ser.errors import ComparisonError
from tests.support.scored_trials import World, baseline, configuration, table_of, trial
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.comparison.request import ComparisonRequest
from tracking.analysis.prediction_frame import baseline_frames, decision_frame

WORLD = World(per_speaker=8)
BASELINE = "none · phonemes"
TRIALS = [
    trial(WORLD, configuration(attention, seed=seed), accuracy)
    for attention, accuracy in (("none", 0.6), ("local", 0.7), ("quantum", 0.62))
    for seed in (1, 2)
]


def decisions() -> pd.DataFrame:
    names = {"none": BASELINE, "local": "local · scope 9 · phonemes", "quantum": "quantum · phonemes"}
    frames = [
        decision_frame(names[fold.configuration.attention], fold.configuration.seed, fold.fold.name, fold)
        for result in TRIALS
        for fold in result.folds
    ]
    return pd.concat(frames, ignore_index=True)


def test_a_fold_has_the_name_of_the_reported_scheme() -> None:
    frame = decision_frame("none", 1, "Ses01", TRIALS[0].folds[0])
    assert set(frame["fold"]) == {"Ses01"} != {TRIALS[0].folds[0].fold.name}


def test_a_row_is_a_decision_with_scores_that_sum_to_one() -> None:
    frame = decisions()
    assert list(frame.columns[:7]) == ["variant", "fold", "seed", "utterance", "speaker", "true", "decided"]
    scores = frame[[f"score_{emotion}" for emotion in WORLD.emotions]]
    assert scores.sum(axis=1).tolist() == pytest.approx([1.0] * len(frame))
    # The synthetic trials give the highest score to what they decide.
    assert ("score_" + frame["decided"]).tolist() == scores.idxmax(axis=1).tolist()
    assert len(frame) == 3 * 2 * WORLD.speakers * WORLD.per_speaker
    (first,) = frame[(frame["seed"] == 2) & (frame["utterance"] == "Ses01F_003")].head(1).to_dict("records")
    fold = TRIALS[1].folds[0]
    assert first["true"] == WORLD.emotions[fold.test.actual[3]]
    assert first["decided"] == WORLD.emotions[fold.test.predicted[3]]
    assert first["fold"] == first["speaker"] == "Ses01F"


def test_comparisons_are_those_of_the_report() -> None:
    analysis = analyse(table_of(*TRIALS), ComparisonRequest(BASELINE))
    reported = {comparison.variant: comparison for comparison in analysis.comparisons.comparisons}
    frame = tracking.compare(decisions().sample(frac=1, random_state=1), BASELINE)
    assert set(frame["variant"]) == set(reported) == {"local · scope 9 · phonemes", "quantum · phonemes"}
    for row in frame.to_dict("records"):
        comparison = reported[row["variant"]]
        test, z_ua = comparison.ua_speakers, comparison.z_ua
        assert test.interval is not None
        assert z_ua is not None
        expected = (test.difference, test.interval.low, test.interval.high, z_ua.z, z_ua.p)
        assert [row[name] for name in ("difference", "low", "high", "z", "z_p")] == pytest.approx(expected)
        assert (row["p"], row["p_joint"]) == (test.p, comparison.joint_p)
        assert row["ua"] - row["ua_baseline"] == pytest.approx(row["difference"])
        assert (row["seeds"], row["speakers"], row["utterances"]) == (2, 10, 80)


@settings(max_examples=12)
@given(
    speakers=st.sampled_from([4, 6, 8]),
    per_speaker=st.integers(4, 9),
    seeds=st.integers(1, 2),
    accuracies=st.lists(st.floats(0, 1), min_size=2, max_size=4),
)
def test_any_results_have_the_p_values_of_the_report(
    speakers: int, per_speaker: int, seeds: int, accuracies: list[float]
) -> None:
    world = World(speakers=speakers, per_speaker=per_speaker)
    attentions = ("none", "local", "component", "quantum")
    trials = [
        trial(world, configuration(attention, seed=seed), accuracy)
        for attention, accuracy in zip(attentions, accuracies, strict=False)
        for seed in range(1, seeds + 1)
    ]
    analysis = analyse(table_of(*trials), ComparisonRequest(BASELINE))
    names = {variant.configuration.attention: variant.label for variant in analysis.variants}
    folds = [fold for result in trials for fold in result.folds]
    frame = tracking.compare(
        pd.concat(
            decision_frame(names[fold.configuration.attention], fold.configuration.seed, fold.fold.name, fold)
            for fold in folds
        ),
        BASELINE,
    )
    columns = ["p", "p_joint", "z_p", "difference", "low", "high"]
    reported = {}
    for comparison in analysis.comparisons.comparisons:
        test, z_ua = comparison.ua_speakers, comparison.z_ua
        assert test.interval is not None
        p = test.p if test.has_enough_speakers else None
        numbers = [p, comparison.joint_p, None if z_ua is None else z_ua.p, test.difference]
        reported[comparison.variant] = [*numbers, test.interval.low, test.interval.high]
    assert set(reported) == set(frame["variant"])
    for row in frame.to_dict("records"):
        expected = [math.nan if number is None else number for number in reported[row["variant"]]]
        assert [row[name] for name in columns] == pytest.approx(expected, nan_ok=True, abs=1e-12)
        assert math.isnan(row["p"]) == (speakers < 6)


def test_a_classical_baseline_is_compared_as_in_the_report() -> None:
    logistic = baseline(WORLD)
    name = "logistic regression"
    analysis = analyse(table_of(*TRIALS, baselines=(logistic,)), ComparisonRequest(name))
    reported = {comparison.variant: comparison for comparison in analysis.comparisons.comparisons}
    frame = tracking.compare(pd.concat([decisions(), *baseline_frames(name, logistic)]), name)
    assert set(frame["variant"]) == set(reported)
    for row in frame.to_dict("records"):
        comparison = reported[row["variant"]]
        assert (row["p"], row["p_joint"]) == (comparison.ua_speakers.p, comparison.joint_p)
        assert row["difference"] == pytest.approx(comparison.ua_speakers.difference)


def test_points_of_a_sweep_have_the_p_of_the_report_and_another_p_joint() -> None:
    swept = [trial(WORLD, configuration("component", seed=seed, scope=scope)) for seed in (1, 2) for scope in (5, 9)]
    logistic = baseline(WORLD)
    analysis = analyse(table_of(*TRIALS, *swept, baselines=(logistic,)), ComparisonRequest(BASELINE))
    reported = {comparison.variant: comparison for comparison in analysis.comparisons.comparisons}
    points = [
        decision_frame(f"component · scope {fold.configuration.scope} · phonemes", fold.configuration.seed, "", fold)
        for result in swept
        for fold in result.folds
    ]
    frame = tracking.compare(
        pd.concat([decisions(), *points, *baseline_frames("logistic regression", logistic)]), BASELINE
    )
    assert set(reported) - set(frame["variant"]) == {"component · selected per fold · phonemes"}
    for row in frame.to_dict("records"):
        comparison = reported[row["variant"]]
        assert comparison.z_ua is not None
        assert (row["p"], row["z_p"]) == (comparison.ua_speakers.p, pytest.approx(comparison.z_ua.p))
        assert (comparison.joint_p is None) == row["variant"].startswith("component")


def changed(**changes: Any) -> pd.DataFrame:
    frame = decisions()
    frame.loc[frame.index[-1], list(changes)] = list(changes.values())
    return frame


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (decisions().drop(columns="speaker"), "results lack the columns speaker; expected variant, seed"),
        (changed(variant="lone"), "quantum · phonemes, seed 2: tested on other utterances than the baseline (1 of 80 "),
        (changed(utterance="Ses01F_000"), "quantum · phonemes, seed 2: tested on other utterances"),
        (changed(true="fear"), "quantum · phonemes, seed 2: column true differs from the baseline's"),
        (changed(speaker="Ses09"), "quantum · phonemes, seed 2: column speaker differs from the baseline's"),
        (decisions().iloc[:0], "results: expected rows of two variants at least, got none"),
        (decisions().query("variant == @BASELINE"), f"results hold no other variant than {BASELINE}"),
    ],
)
def test_what_cannot_be_compared_is_refused(frame: pd.DataFrame, complaint: str) -> None:
    with pytest.raises(ComparisonError) as error:
        tracking.compare(frame, BASELINE)
    assert complaint in str(error.value)


def test_an_unknown_baseline_is_refused_with_the_closest() -> None:
    with pytest.raises(ComparisonError, match="did you mean 'none · phonemes'"):
        tracking.compare(decisions(), "none - phonemes")


@pytest.mark.parametrize("column", ["variant", "seed", "utterance", "speaker", "true", "decided"])
def test_rows_without_a_value_are_refused(column: str) -> None:
    elsewhere = decisions().query("variant == @BASELINE").assign(variant="another recogniser")
    elsewhere["utterance"] = "elsewhere " + elsewhere["utterance"]
    appended = pd.concat([decisions(), elsewhere.drop(columns=column)])
    counts = f"{len(elsewhere)} of {len(appended)} rows"
    with pytest.raises(ComparisonError, match=f"column {column} has no value in {counts}"):
        tracking.compare(appended, BASELINE)
