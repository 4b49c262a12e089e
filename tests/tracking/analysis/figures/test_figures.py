import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from ser.metrics import row_shares
from tests.support.scored_trials import (
    EMOTIONS,
    World,
    configuration,
    encoder_layer,
    grouped,
    study_table,
    table_of,
    trial,
    with_more,
)
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.comparison.request import ComparisonRequest
from tracking.analysis.figures.data import (
    Curve,
    ForestRow,
    forest_rows,
    learning_curve,
    scope_series,
    shared_percent_limits,
    speaker_rows,
)
from tracking.analysis.figures.decisions import map_figure, reliability_figure
from tracking.analysis.figures.drawing.palette import shorten_names
from tracking.analysis.figures.drawing.svg import to_inline_svg
from tracking.analysis.figures.forest import forest_figure, speaker_figure
from tracking.analysis.figures.overview import OverviewRow, overview_figure
from tracking.analysis.figures.panels import confusion_difference_figure, confusion_figure, curves_figure
from tracking.analysis.figures.search import importance_figure, scope_figure
from tracking.analysis.report.tables.search import scope_table
from tracking.analysis.statistics.calibration import calibrate
from tracking.analysis.statistics.proportions import Interval

HOSTILE = '<script>alert(1)</script> & "$\\frac{'


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_names_are_cut_where_that_leaves_them_apart():
    sweep = ["none · selected per fold · words · log_mel", "none · selected per fold · phonemes · log_mel"]
    layers = ["quantum · phonemes · whisper-tiny.en@2", "quantum · phonemes · whisper-tiny.en@4"]
    assert list(shorten_names(sweep, 30).values()) == [f"{name[:29]}…" for name in sweep]
    assert list(shorten_names(layers, 30).values()) == [f"{name[:15]}…{name[-14:]}" for name in layers]
    assert shorten_names(["none · words"], 30) == {"none · words": "none · words"}


def test_a_long_name_keeps_its_baseline_in_the_figure():
    rows = [
        ForestRow(
            f"none · phonemes · whisper-tiny.en@2 against none · {labels} · whisper-tiny.en@2", 1.0, 0.5, 1.5, False
        )
        for labels in ("cross_entropy", "words")
    ]
    figure = forest_figure(rows, 9, "differences")
    names = [text for text in texts(to_inline_svg(figure, "differences")) if text and "against" in text]
    assert [name.partition(" against ")[2][:11] for name in names] == ["none · cros", "none · word"]


def test_forest_rows_have_differences_and_intervals_in_points():
    made = analyse(study_table()).comparisons.comparisons
    rows = forest_rows(made)
    assert [row.label for row in rows] == [one.variant for one in made]
    for row, one in zip(rows, made, strict=True):
        assert row.difference == pytest.approx(100 * one.ua_speakers.difference)
        assert one.ua_speakers.interval is not None
        assert (row.low, row.high) == pytest.approx(
            (100 * one.ua_speakers.interval.low, 100 * one.ua_speakers.interval.high)
        )


def test_speaker_rows_have_one_point_per_speaker():
    analysis = analyse(study_table(World(lacking={"Ses01F": 2})))
    rows = speaker_rows(analysis.variants)
    assert {row.speakers for row in rows} == {World().speaker_names()}
    variant = analysis.variants[0]
    own = variant.folds[1][0]
    assert rows[0].ua.values[0] == pytest.approx(100 * own.ua)
    assert rows[0].wa.values[0] == pytest.approx(100 * own.wa)
    assert rows[0].wa.pooled == pytest.approx(100 * variant.scores.wa.mean)
    assert np.abs(rows[0].ua.offsets).max() <= 0.3


def test_learning_curve_averages_folds_and_seeds_per_epoch():
    trials = [trial(World(), configuration(seed=seed, epochs=epochs)) for seed, epochs in ((1, 4), (2, 4))]
    (variant,) = grouped(trials)
    folds = [fold for seed in variant.seeds for fold in variant.folds[seed]]
    curve = learning_curve(folds, "training_loss")
    assert curve is not None
    assert curve.epochs.tolist() == [1, 2, 3, 4]
    values = [fold.curve[2].values["training_loss"] for one in trials for fold in one.folds]
    assert len(values) == 20
    assert curve.mean[2] == pytest.approx(np.mean(values))
    assert curve.std[2] == pytest.approx(np.std(values, ddof=1))
    assert learning_curve(folds, "unknown") is None


def test_scope_series_join_variants_that_differ_in_scope():
    table = study_table()
    other = trial(World(), configuration("local", scope=15, labels="words", stack=1))
    unfinished = trial(World(), configuration("local", scope=11, labels="words"), folds=[0])
    analysis = analyse(with_more(table, other, unfinished))
    lines = {line.name: line for line in scope_series(analysis.variants)}
    assert set(lines) == {f"{one} · {two}" for one in ("local", "component") for two in ("words", "phonemes")}
    line, entries = lines["component · words"], {variant.label: variant for variant in analysis.variants}
    assert line.scopes == (5, 9)
    scores = [entries[f"component · scope {scope} · words"].scores for scope in (5, 9)]
    assert line.ua.tolist() == [one.ua.mean for one in scores]
    assert line.low.tolist() == [one.ua_interval.low for one in scores]
    assert (line.none, line.none_ua) == ("none · words", entries["none · words"].scores.ua.mean)


def test_scopes_stand_beside_none_whatever_is_the_baseline():
    requested = ComparisonRequest(baseline="logistic regression")
    by_default, by_request = analyse(study_table()), analyse(study_table(), requested)
    uas = {variant.label: variant.scores.ua.mean for variant in by_default.variants}
    lines = scope_series(by_request.variants)
    assert len(lines) == 4
    for line in lines:
        assert (line.none, line.none_ua) == (f"none · {line.target}", uas[f"none · {line.target}"])
    rows = scope_table(by_request, lines).rows
    assert [row[-1].value for row in rows] == [line.none_ua for line in lines]


def test_scopes_of_two_front_ends_have_two_panels():
    settings = [
        configuration(attention, scope=scope, **changes)
        for changes in ({}, {"features": encoder_layer(2)})
        for attention, scopes in (("none", (9,)), ("local", (5, 9)), ("component", (5, 9)))
        for scope in scopes
    ]
    trials = [trial(World(), point, 0.5 if point.features.kind == "log_mel" else 0.9) for point in settings]
    analysis = analyse(table_of(*trials))
    uas = {variant.label: 100 * variant.scores.ua.mean for variant in analysis.variants}
    panels = scope_figure(scope_series(analysis.variants), 7, "t").axes
    references = {
        axes.get_title(loc="left"): line.get_ydata()[0]
        for axes in panels
        for line in axes.get_lines()
        if line.get_label() == "none"
    }
    assert references == {"phonemes": uas["none · phonemes"], "phonemes · tiny@2": uas["none · phonemes · tiny@2"]}
    for axes in panels:
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["local", "component", "none"]


def test_results_versions_have_separate_scope_series():
    newer = [trial(World(), configuration("local", scope=scope, labels="words"), results_version=2) for scope in (5, 9)]
    alone = trial(World(), configuration("quantum", labels="words"), results_version=2)
    analysis = analyse(with_more(study_table(), *newer, alone))
    lines = [line for line in scope_series(analysis.variants) if (line.attention, line.target) == ("local", "words")]
    assert [line.scopes for line in lines] == [(5, 9), (5, 9)]
    assert len({line.name for line in lines}) == 2
    assert any("results version" in line.name for line in lines)
    rows = [row for row in scope_table(analysis, lines).rows if row[0].text.startswith("local · words")]
    chosen = {
        variant.provenance.results_version: variant.scores.ua.mean
        for variant in analysis.variants
        if variant.kind == "selected per fold" and variant.label.startswith("local") and "words" in variant.label
    }
    assert sorted(row[-2].value for row in rows) == sorted(chosen.values())
    assert len(chosen) == 2


def test_learning_curves_share_an_axis_of_ua():
    curves = [
        Curve(np.array([1, 2]), np.array([0.2, 0.6]), np.array([0.0, 0.1])),
        Curve(np.array([1, 2]), np.array([0.4, 0.99]), np.array([0.3, 0.0])),
        None,
    ]
    low, high = shared_percent_limits(curves)
    assert low == pytest.approx(8)
    assert high == 100
    assert shared_percent_limits([None]) is None
    axes = [curves_figure((None, None), curve, "t", (low, high)).axes[1].get_ylim() for curve in curves]
    assert axes == [(low, high)] * 3


def test_row_shares_sum_to_one_or_to_nothing():
    shares = row_shares(np.array([[3, 1], [0, 0]]))
    assert shares.tolist() == [[0.75, 0.25], [0.0, 0.0]]


def test_confusion_cells_hold_shares_and_counts():
    svg = to_inline_svg(confusion_figure(np.array([[30, 10], [5, 15]]), ["calm", "anger"], "title"), "words")
    assert {"75%", "30", "25%", "10", "calm", "anger", "title", "true", "predicted"} <= set(texts(svg))


def test_the_difference_of_confusions_is_signed_points_of_a_row():
    figure = confusion_difference_figure(
        np.array([[30.0, 10.0], [5.0, 15.0]]), np.array([[10.0, 10.0], [10.0, 30.0]]), ["calm", "anger"], "title"
    )
    assert [text for text in texts(to_inline_svg(figure, "words")) if re.fullmatch("[+−].*", text or "")] == [
        "+25",
        "−25",
    ]


def test_the_overview_draws_chance_and_names_each_row_once_a_panel():
    rows = [
        OverviewRow("network", 0.7, Interval(0.6, 0.8), 0.05, Interval(-0.01, 0.11), better=True, chosen=True),
        OverviewRow("logistic regression", 0.6, Interval(0.5, 0.7), classical=True),
    ]
    wide, narrow = (texts(to_inline_svg(overview_figure(rows, 0.25, width), "overview")) for width in (7.6, 3.7))
    assert {"chance", "70.0", "60.0", "+5.0"} <= set(wide)
    assert (wide.count("network"), wide.count("logistic regression")) == (1, 1)
    # The lower panel has the rows with a difference alone.
    assert (narrow.count("network"), narrow.count("logistic regression")) == (2, 1)


def test_a_bold_name_is_not_cut_off_by_the_edge():
    row = OverviewRow("component · scope 9 · words · log_mel", 0.7, None, chosen=True)
    figure = overview_figure([row], 0.25, 7.6)
    figure.draw_without_rendering()
    (panel,) = figure.axes
    assert min(text.get_window_extent().x0 for text in panel.texts) > 0


def test_names_are_escaped_in_every_svg():
    table = study_table(World(names=(HOSTILE, *(f"s{n}" for n in range(9))), emotions=(HOSTILE, *EMOTIONS[1:])))
    analysis = analyse(table)
    rows = forest_rows(analysis.comparisons.comparisons)
    lines = scope_series(analysis.variants)
    hostile_rows = [type(row)(HOSTILE, row.difference, row.low, row.high, row.significant) for row in rows[:2]]
    figures = [
        forest_figure(hostile_rows, 7, HOSTILE),
        forest_figure(hostile_rows, 3.6, HOSTILE),
        speaker_figure(speaker_rows(analysis.variants[:3]), 7, HOSTILE),
        confusion_figure(
            analysis.variants[0].scores.confusion, analysis.variants[0].predictions.corpus.emotions, HOSTILE
        ),
        speaker_figure(speaker_rows(analysis.variants[:3]), 3.6, HOSTILE),
        curves_figure((None, None), None, HOSTILE),
        overview_figure([OverviewRow(HOSTILE, 0.5, None, 0.1)], 0.25, 7),
        overview_figure([OverviewRow(HOSTILE, 0.5, None, 0.1)], 0.25, 3.6),
        map_figure(np.zeros((2, 2)), ["calm", HOSTILE], ["a", HOSTILE], (0.5, 0.2), 7),
        reliability_figure(calibrate(np.array([0.9]), np.array([True])), HOSTILE),
        scope_figure([replace(line, name=HOSTILE, target=HOSTILE, none=HOSTILE) for line in lines], 7, HOSTILE),
        importance_figure({HOSTILE: 0.7, "$x$": 0.3}, 3.7, HOSTILE),
    ]
    for figure in figures:
        svg = to_inline_svg(figure, HOSTILE)
        assert "<script" not in svg
        assert any((text or "").startswith("<script>") for text in texts(svg))


def test_svg_has_the_colours_of_the_page_and_unique_ids():
    rows = forest_rows(analyse(study_table()).comparisons.comparisons)
    wide, narrow = (to_inline_svg(forest_figure(rows, width, "t"), "forest") for width in (7, 3.6))
    assert "var(--ink)" in wide
    assert "#0072b2" not in wide
    ids = [
        element.get("id")
        for svg in (wide, narrow)
        for element in ElementTree.fromstring(svg).iter()
        if element.get("id")
    ]
    assert len(ids) == len(set(ids))
