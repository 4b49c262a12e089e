"""Section of the report on front ends: UA by front end and by layer of an encoder, and what their frames cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from ser.results import FRAME_STATISTICS
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.figures.layers import LayerSeries, layer_figure, layer_series
from tracking.analysis.figures.search import MAX_LINES
from tracking.analysis.report.figures import ResponsiveFigure, render_responsive
from tracking.analysis.report.tables.rendering.formatting import NOT_APPLICABLE, format_count, format_minutes
from tracking.analysis.report.tables.rendering.model import (
    Cell,
    Column,
    Table,
    number_cell,
    percent_cell,
    percent_interval_cell,
    text_cell,
)
from tracking.analysis.report_context import FrontEndCost
from tracking.analysis.statistics.proportions import Interval
from tracking.analysis.variants.naming import front_end_suffix

_MEBIBYTE = 2**20


@dataclass(frozen=True)
class FrontEndSection:
    """Section on front ends; where there is one front end with one layer, it has nothing but the costs.

    Attributes:
        by_front_end: UA of every variant by front end.
        layers: UA over the layers of an encoder.
        costs: Time and room on disk.
        figure: UA over layers; None where no encoder has two.
        figure_note: What the figure leaves out; else empty.
    """

    by_front_end: Table
    layers: Table
    costs: Table
    figure: ResponsiveFigure | None
    figure_note: str

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables, those without rows included."""
        return self.by_front_end, self.layers, self.costs


def front_end_section(analysis: Analysis, costs: Sequence[FrontEndCost]) -> FrontEndSection:
    """Make the section of a report."""
    series = layer_series(analysis)
    note = ""
    if any(sum(line.encoder == other.encoder for other in series) > MAX_LINES for line in series):
        note = f"The first {MAX_LINES} lines of each encoder are drawn; the table has all."
    return FrontEndSection(_by_front_end(analysis), _layer_table(series), _cost_table(costs), _figure(series), note)


def _figure(series: Sequence[LayerSeries]) -> ResponsiveFigure | None:
    if not series:
        return None
    title = "UA by layer, with 95% intervals over speakers"
    description = (
        f"Pooled UA over the layer of {len(series)} classifiers with 95% intervals; layers.csv has the numbers"
    )
    return render_responsive(lambda width: layer_figure(series, width, title), description)


def _by_front_end(analysis: Analysis) -> Table:
    """UA of variants and baselines, one column per front end; without rows where there is one front end."""
    uas: dict[str, dict[str, float]] = {}
    for baseline in analysis.baselines:
        features = baseline.result.features
        if baseline.result.functionals == FRAME_STATISTICS:
            name = baseline.label.replace(front_end_suffix(features), "", 1)
            uas.setdefault(name, {})[features.label] = baseline.scores.ua.mean
    for variant in analysis.complete:
        features = variant.configuration.features
        one_layer = len({configuration.features for configuration in variant.configurations}) == 1
        suffix = front_end_suffix(features) if one_layer else f" · {features.source_label}"
        column = features.label if one_layer else f"{features.source_label}, layer selected"
        name = variant.label.replace(suffix, "", 1)
        uas.setdefault(name, {})[column] = variant.scores.ua.mean
    columns = list(dict.fromkeys(column for row in uas.values() for column in row))
    rows = [(text_cell(name), *(percent_cell(row.get(column)) for column in columns)) for name, row in uas.items()]
    return Table(
        "front_ends",
        "UA by front end",
        "Pooled UA in percent, mean over seeds. A front end is no sweep: 'selected per fold' never chooses among them, "
        "and ser report --baseline tests any two.",
        (Column("variant", numeric=False), *(Column(column) for column in columns)),
        tuple(rows) if len(columns) > 1 else (),
    )


def _layer_table(series: Sequence[LayerSeries]) -> Table:
    rows = [
        (
            text_cell(line.name),
            text_cell(line.encoder),
            number_cell(str(layer), layer),
            percent_cell(ua),
            _interval_cell(low, high),
        )
        for line in series
        for layer, ua, low, high in zip(
            line.layers, line.ua.tolist(), line.low.tolist(), line.high.tolist(), strict=True
        )
    ]
    return Table(
        "layers",
        "UA by layer of the encoder",
        "Pooled UA in percent on the output of each layer; 0 is the input of the first one. To pick the highest means "
        "choosing on test scores; report 'selected per fold' instead.",
        (
            Column("classifier", numeric=False),
            Column("encoder", numeric=False),
            Column("layer"),
            Column("UA", "pooled over folds, mean over seeds, percent"),
            Column("95% interval", "t over speakers, percent", interval=True),
        ),
        tuple(rows),
    )


def _interval_cell(low: float, high: float) -> Cell:
    interval = None if low != low else Interval(low, high)
    return percent_interval_cell(interval)


def _cost_table(costs: Sequence[FrontEndCost]) -> Table:
    return Table(
        "front_end_costs",
        "What front ends cost",
        "Time in which the frames of the whole corpus were computed, once for all studies, and their room on disk. "
        "Layers of one encoder that were computed in one pass have the time of that pass together.",
        (
            Column("front end", numeric=False),
            Column("frames"),
            Column("numbers a frame"),
            Column("MiB", "size of the store on disk"),
            Column("minutes", "wall-clock time on all cores; other work on the machine lengthens it"),
        ),
        tuple(
            (
                text_cell(cost.front_end),
                number_cell(format_count(cost.frames), cost.frames),
                number_cell(str(cost.width), cost.width),
                number_cell(f"{cost.size_bytes / _MEBIBYTE:.1f}", cost.size_bytes / _MEBIBYTE),
                number_cell(
                    NOT_APPLICABLE if cost.seconds is None else format_minutes(cost.seconds),
                    None if cost.seconds is None else cost.seconds / 60,
                ),
            )
            for cost in costs
        ),
    )
