"""The first sentence of a report: the chosen variant, its difference and the verdict of its test."""

import re

from tests.support.scored_trials import World, baseline, configuration, encoder_layer, table_of, trial
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.report.first_screen import overview_rows, summary_table
from tracking.analysis.report.headline import headline
from tracking.analysis.report_context import UnseenSpeakers
from tracking.analysis.variants.choice import choose_variant


def sentence(*trials, baselines=()):
    return headline(analyse(table_of(*trials, baselines=baselines)))


def test_the_sentence_of_a_significant_improvement():
    plain = trial(World(), configuration("none"), 0.5, speaker_deviation=0.0)
    strong = trial(World(), configuration("component"), 0.8, speaker_deviation=0.0)
    interval = r"\(95% interval \+\d+\.\d to \+\d+\.\d\)"
    assert re.fullmatch(
        r"Validation chose component · scope 9 · phonemes \(UA \d\d\.\d%\), which is \d+\.\d points above "
        rf"none · phonemes {interval}, significantly better \(p = \.00\d, joint sign flips\); logistic regression is "
        r"\d+\.\d points above the chosen one\.",
        sentence(plain, strong, baselines=(baseline(World(), 0.9),)),
    )
    lower = sentence(plain, strong, baselines=(baseline(World(), 0.5),))
    assert re.search(r"; logistic regression is \d+\.\d points below the chosen one\.$", lower)


def test_the_sentence_of_no_significant_difference():
    plain = trial(World(), configuration("none"), 0.6)
    strong, weak = (trial(World(), configuration("component"), accuracy) for accuracy in (0.85, 0.35))
    # Half of the speakers gain much and half of them lose much; validation says that all is right.
    folds = [
        fold.model_copy(update={"validation": fold.validation.model_copy(update={"predicted": fold.validation.actual})})
        for pair in zip(strong.folds[::2], weak.folds[1::2], strict=True)
        for fold in pair
    ]
    text = sentence(plain, strong.model_copy(update={"folds": tuple(folds)}))
    assert re.search(r"not shown to be better \(p = \.\d+, joint sign flips\)\.$", text)


def test_the_sentence_where_a_baseline_is_chosen():
    plain = trial(World(), configuration("none"), 0.8)
    weak = [trial(World(), configuration(name), 0.4) for name in ("component", "quantum")]
    text = sentence(plain, *weak)
    assert text.startswith("Validation chose none · phonemes (UA ")
    assert re.search(r", a baseline itself: .* points below it \(95% interval −", text)
    assert text.endswith("significantly worse (p = .001, joint sign flips), nor is the other one better.")


def test_of_a_point_of_a_sweep_the_choice_per_fold_is_reported():
    plain = trial(World(), configuration("none"), 0.5)
    swept = [trial(World(), configuration("component", scope=scope), 0.6 + scope / 100) for scope in (3, 5, 9)]
    analysis = analyse(table_of(plain, *swept, baselines=(baseline(World(), 0.5),)))
    (choice,) = (variant for variant in analysis.variants if variant.kind == "selected per fold")
    (point,) = (variant for variant in analysis.variants if variant.label == "component · scope 9 · phonemes")
    choice_ua, point_ua = (f"{100 * variant.scores.ua.mean:.1f}" for variant in (choice, point))
    assert choice_ua != point_ua
    text = headline(analysis)
    assert text.startswith(
        "Validation chose component · scope 9 · phonemes, a point of a sweep; what counts is "
        f"component · selected per fold · phonemes (UA {choice_ua}%), which is "
    )
    assert re.search(r"; logistic regression is \d+\.\d points below the choice per fold\.$", text)
    rows = summary_table(analysis, UnseenSpeakers()).rows
    assert [row[0].text for row in rows if row[0].bold] == [choice.label]
    assert point.label not in {row[0].text for row in rows}
    assert [row.label for row in overview_rows(analysis) if row.chosen] == [choice.label]


def test_the_weakest_confusions_are_of_what_is_reported(written):
    reported = written.analysis.reported_winner
    assert reported is not choose_variant(written.analysis.variants)
    assert f"<li>{reported.label} most often takes " in written.page.read_text(encoding="utf-8")


def test_a_baseline_on_another_front_end_is_none_of_a_variants():
    plain = trial(World(), configuration("none"), 0.5)
    encoded = trial(World(), configuration("quantum", features=encoder_layer(2)), 0.9)
    text = sentence(plain, encoded)
    assert "no run of none · phonemes · tiny@2 with the same settings" in text
    assert "`make study ATTN=none` with the same options adds the baseline" in text


def test_a_choice_among_layers_has_no_logistic_regression_of_one():
    layers = [trial(World(), configuration(features=encoder_layer(number))) for number in (0, 1)]
    first = layers[0].folds[0].configuration
    logistic = baseline(World()).model_copy(update={"features": first.features, "normalisation": first.normalisation})
    analysis = analyse(table_of(*layers, baselines=(logistic,)))
    compared = {variant.label: analysis.classical_comparison_of(variant) for variant in analysis.variants}
    assert [label for label, comparison in compared.items() if comparison is not None] == ["none · phonemes · tiny@0"]
    assert "none · selected per fold · phonemes · tiny" in compared


def test_a_sweep_that_waits_for_a_fold_has_no_verdict():
    plain = trial(World(), configuration("none"), 0.5)
    swept = [trial(World(), configuration("component", scope=scope), 0.6 + scope / 100) for scope in (3, 5, 9)]
    unfinished = trial(World(), configuration("component", scope=11), folds=[0])
    assert "component · scope 9 · phonemes" in sentence(plain, *swept, unfinished)
    assert "significantly" not in sentence(plain, *swept, unfinished)


def test_few_speakers_have_no_claim():
    world = World(speakers=4)
    text = sentence(trial(world, configuration("none"), 0.4), trial(world, configuration("quantum"), 0.9))
    assert text.endswith("a claim for which 4 test speakers are too few.")
