"""Section on front ends: UA by front end, by layer with intervals, and costs."""

from dataclasses import replace

import pytest

from ser.feature_settings import FeatureSettings
from tests.support.scored_trials import World, baseline, configuration, encoder_layer, table_of, trial
from tracking.analysis.comparison.overview import Analysis, analyse
from tracking.analysis.figures.layers import layer_figure, layer_series
from tracking.analysis.figures.search import MAX_LINES
from tracking.analysis.report.front_ends import front_end_section
from tracking.analysis.report.tables.provenance import settings_tables
from tracking.analysis.report_context import FrontEndCost

WORLD = World(per_speaker=8)


def of(features: FeatureSettings | None, attention: str = "none", accuracy: float = 0.6) -> object:
    changes = {} if features is None else {"features": features}
    return trial(WORLD, configuration(attention, **changes), accuracy)


def analysis_of(*trials: object, layers: tuple[int, ...] = ()) -> Analysis:
    table = table_of(*trials)  # type: ignore[arg-type]
    baselines = tuple(
        baseline(WORLD).model_copy(update={"features": encoder_layer(number), "normalisation": "zscore_training"})
        for number in layers
    )
    return analyse(replace(table, baselines=baselines))


@pytest.fixture(scope="module")
def layered() -> Analysis:
    trials = [of(encoder_layer(number), "none", 0.3 + 0.1 * number) for number in (2, 0, 1)]
    return analysis_of(
        of(None), *trials, of(encoder_layer(1), "quantum"), of(encoder_layer(0, "other"), "none"), layers=(0, 2)
    )


def test_layers_of_one_encoder_are_a_line_with_intervals(layered: Analysis) -> None:
    logistic, network = layer_series(layered)
    assert (logistic.name, logistic.layers) == ("logistic regression", (0, 2))
    assert (network.name, network.encoder, network.layers) == ("none · phonemes", "tiny", (0, 1, 2))
    variants = {variant.label: variant for variant in layered.variants}
    for number, ua, low, high in zip(network.layers, network.ua, network.low, network.high, strict=True):
        scores = variants[f"none · phonemes · tiny@{number}"].scores
        interval = scores.ua_interval
        assert interval is not None
        assert (ua, low, high) == (scores.ua.mean, interval.low, interval.high)


def test_the_section_has_a_figure_and_its_numbers(layered: Analysis) -> None:
    section = front_end_section(layered, ())
    assert section.figure is not None
    for svg in (section.figure.wide, section.figure.narrow):
        assert "UA by layer" in svg
        assert "none · phonemes" in svg
        assert "var(--accent)" in svg
        assert "#0072b2" not in svg
    assert [row[2].value for row in section.layers.rows] == [0, 2, 0, 1, 2]
    table = section.by_front_end
    columns = [column.title for column in table.columns]
    assert set(columns[1:]) == {"log_mel", "tiny@0", "tiny@1", "tiny@2", "other@0", "tiny, layer selected"}
    (none,) = [row for row in table.rows if row[0].text == "none · phonemes"]
    by_column = dict(zip(columns, none, strict=True))
    assert by_column["tiny@2"].text == section.layers.rows[-1][3].text
    assert by_column["log_mel"].text != "–"
    assert by_column["tiny, layer selected"].text == "–"
    (selected,) = [row for row in table.rows if row[0].text == "none · selected per fold · phonemes"]
    assert dict(zip(columns, selected, strict=True))["tiny, layer selected"].text != "–"


def test_no_share_above_all_has_a_tick(layered: Analysis) -> None:
    high = [replace(line, ua=0.95 + 0 * line.ua, high=1 + 0 * line.high) for line in layer_series(layered)]
    for width in (7.6, 3.7):
        for panel in layer_figure(high, width, "UA by layer").axes:
            assert 0 < max(panel.get_yticks()) <= 100 < panel.get_ylim()[1]


def test_log_mels_and_an_encoder_share_settings_that_one_of_them_lacks(layered: Analysis) -> None:
    shared, differing = settings_tables(layered)
    rows = {row[0].text: row[1].text for row in shared.rows}
    assert rows["whisper_padding"] == "–", "this encoder has none, and log-mels never have it"
    assert {"features", "frame_shift_s", "layer"} <= {column.title for column in differing.columns}


def test_one_layer_and_one_front_end_have_neither_figure_nor_table() -> None:
    section = front_end_section(analysis_of(of(encoder_layer(1)), layers=(1,)), ())
    assert section.figure is None
    assert section.costs.rows == ()
    assert section.layers.rows == section.by_front_end.rows == ()


def test_lines_beyond_those_told_apart_are_in_the_table_alone() -> None:
    names = ("none", "local", "component", "quantum")
    trials = [
        trial(WORLD, configuration(name, features=encoder_layer(number), labels=labels), 0.5)
        for name in names
        for number in (0, 1)
        for labels in ("words", "phonemes")
    ]
    section = front_end_section(analysis_of(*trials), ())
    assert f"The first {MAX_LINES} lines" in section.figure_note
    assert len(section.layers.rows) == len(trials)


def test_costs_without_a_recorded_time_have_a_dash() -> None:
    costs = (FrontEndCost("tiny@0", 12_345, 24, 3 * 2**20, 90.0), FrontEndCost("log_mel", 10, 40, 2**19, None))
    section = front_end_section(analysis_of(of(None)), costs)
    texts = [[cell.text for cell in row] for row in section.costs.rows]
    assert texts == [["tiny@0", "12,345", "24", "3.0", "1.5"], ["log_mel", "10", "40", "0.5", "–"]]
    assert section.costs.rows[1][-1].value == ""
