"""Tables of scores: attention by labels, all results, recall of each class."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import get_args

from ser.config import AttentionName
from tracking.analysis.comparison.caveats import Caveat, baseline_caveats, report_caveats, ua_only, variant_caveats
from tracking.analysis.comparison.comparison import Comparison, Verdict
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.tables.formatting import (
    EM_DASH,
    format_p_value,
    format_percent,
    format_points,
    interval_percent,
    spread_percent,
)
from tracking.analysis.report.tables.model import Cell, Column, Table, interval_cell, number_cell, text_cell, wa_column
from tracking.analysis.variants.naming import SELECTED, attention_label, target_label
from tracking.analysis.variants.scores import ScoredVariant, Scores


def attention_by_label_tables(overview: Analysis) -> list[Table]:
    """The attention x label tables, one a recipe: pooled UA and WA in percent."""
    recipes = dict.fromkeys(entry.recipe for entry in overview.variants)
    return [
        _attention_by_label_table(overview, recipe, len(recipes) > 1, place) for place, recipe in enumerate(recipes)
    ]


def _attention_by_label_table(overview: Analysis, recipe: str, several: bool, place: int) -> Table:
    entries = [entry for entry in overview.variants if entry.recipe == recipe]
    targets = list(dict.fromkeys(target_label(entry.configuration) for entry in entries))
    lines: dict[str, dict[str, ScoredVariant]] = {}
    for entry in sorted(entries, key=_grid_order):
        target = target_label(entry.configuration)
        lines.setdefault(_grid_row(entry, target), {})[target] = entry
    columns, muted = [Column("attention", numeric=False)], ua_only(overview)
    for target in targets:
        columns += [
            Column(f"{target} UA", "pooled, percent", group=target),
            wa_column(f"{target} WA", "pooled, percent", muted, group=target),
        ]
    named = set(overview.reportable)
    best = {
        target: _best_ua(line[target] for line in lines.values() if target in line and line[target] in named)
        for target in targets
    }
    return Table(
        f"attention_by_labels_{place + 1}" if place else "attention_by_labels",
        f"Attention by labels, recipe {recipe}" if several else "Attention by labels",
        "Pooled over folds, mean over seeds, percent. Where several points were swept, 'selected per fold' stands for "
        "them: each fold's own validation speaker chose. Bold: the highest UA of a column, single points of a sweep "
        "apart; it is no test. * more than 1% of targets shortened: not comparable as this strategy. † folds are "
        "missing.",
        tuple(columns),
        tuple(_grid_cells(name, line, best, named) for name, line in lines.items()),
    )


def _best_ua(entries: Iterable[ScoredVariant]) -> float | None:
    """The highest UA among at least two that can be compared; None where there are fewer."""
    uas = [entry.scores.ua.mean for entry in entries if not entry.capped]
    return max(uas) if len(uas) > 1 else None


def _grid_order(entry: ScoredVariant) -> tuple[int, bool, int]:
    first = entry.configuration
    place = get_args(AttentionName).index(first.attention)
    return place, entry.kind != SELECTED, first.scope or 0


def _grid_row(entry: ScoredVariant, target: str) -> str:
    """The variant's label less its label strategy: what the rows of the grid tell apart."""
    first = entry.configuration
    if entry.kind == SELECTED:
        return f"{first.attention} · {SELECTED}"
    usual = f"{attention_label(first)} · {target}"
    settings = entry.label.removeprefix(usual).removeprefix(f" · recipe {entry.recipe}")
    return attention_label(first) + settings


def _grid_cells(
    name: str,
    line: Mapping[str, ScoredVariant],
    best: Mapping[str, float | None],
    named: Collection[ScoredVariant],
) -> tuple[Cell, ...]:
    cells = [text_cell(name)]
    for target, highest in best.items():
        entry = line.get(target)
        if entry is None:
            cells += [number_cell(EM_DASH, None), number_cell(EM_DASH, None)]
            continue
        ua, wa = entry.scores.ua.mean, entry.scores.wa.mean
        mark = "*" * entry.capped + "†" * (not entry.complete)
        cells.append(
            number_cell(
                format_percent(ua) + mark,
                ua,
                strong=not mark and format_percent(ua) == format_percent(highest) and entry in named,
            )
        )
        cells.append(number_cell(format_percent(wa) + mark, wa))
    return tuple(cells)


def results_table(overview: Analysis) -> Table:
    """Every variant and baseline with its scores, intervals and marks."""
    known, muted = report_caveats(overview), ua_only(overview)
    made = {comparison.variant: comparison for comparison in overview.comparisons.comparisons}
    recipes = len({entry.recipe for entry in overview.variants}) > 1
    seeds = any(entry.scores.ua.std is not None for entry in overview.variants)
    rows = [_variant_cells(entry, made.get(entry.label), known, recipes, seeds) for entry in overview.variants]
    for baseline in overview.baselines:
        scores = baseline.scores
        marks = [badge for badge in baseline_caveats(baseline) if badge not in known]
        rows.append(
            (
                text_cell(f"{baseline.result.name} · {baseline.result.normalisation}", marks),
                *([text_cell(EM_DASH)] if recipes else []),
                *_score_cells(scores),
                *([number_cell(EM_DASH, None)] if seeds else []),
                number_cell(EM_DASH, None),
                number_cell(EM_DASH, None),
                text_cell(f"{len(baseline.predictions.scheme)} of {len(baseline.predictions.scheme)}"),
            )
        )
    return Table(
        "results",
        "All results",
        "UA and WA in percent. Pooled: all folds' test decisions in one confusion matrix. Intervals: 95%; UA by t over "
        "speakers, WA by Wilson over utterances, which takes utterances as independent and is too narrow where "
        "speakers differ.",
        (
            Column("variant", numeric=False),
            *([Column("recipe", numeric=False)] if recipes else []),
            Column("UA", "pooled, mean over seeds, percent"),
            Column("UA 95%", "t interval over speakers, percent", interval=True),
            wa_column("WA", "pooled, mean over seeds, percent", muted),
            wa_column("WA 95%", "Wilson interval, percent", muted, interval=True),
            Column("UA over folds", "mean and standard deviation over folds, percent"),
            *([Column("± seeds", "standard deviation of the pooled UA over seeds, points")] if seeds else []),
            Column("ΔUA", "pooled UA less the baseline's, percentage points"),
            Column("p", "sign-flip test over speakers after Holm's adjustment"),
            Column("folds", "folds that exist, of all seeds"),
        ),
        tuple(rows),
    )


def _variant_cells(
    entry: ScoredVariant, comparison: Comparison | None, known: Sequence[Caveat], recipes: bool, seeds: bool
) -> tuple[Cell, ...]:
    variant, deviation = entry, entry.scores.ua.std
    marks = [badge for badge in variant_caveats(entry) if badge not in known]
    difference = None if comparison is None else comparison.ua_speakers.difference
    holm_p = None if comparison is None else comparison.holm_p
    have = sum(len(folds) for folds in variant.folds.values())
    return (
        text_cell(variant.label, marks),
        *([text_cell(variant.recipe)] if recipes else []),
        *_score_cells(entry.scores),
        *([number_cell(format_percent(deviation), deviation)] if seeds else []),
        number_cell(format_points(difference), difference),
        number_cell(
            format_p_value(holm_p), holm_p, strong=comparison is not None and comparison.verdict is Verdict.BETTER
        ),
        text_cell(f"{have} of {len(variant.scheme) * len(variant.seeds)}"),
    )


def _score_cells(scores: Scores) -> tuple[Cell, ...]:
    ua, wa = scores.ua.mean, scores.wa.mean
    return (
        number_cell(format_percent(ua), ua),
        interval_cell(interval_percent(scores.ua_interval), scores.ua_interval),
        number_cell(format_percent(wa), wa),
        interval_cell(interval_percent(scores.wa_interval), scores.wa_interval),
        number_cell(spread_percent(scores.ua_folds), scores.ua_folds.mean),
    )


def recall_table(overview: Analysis) -> Table:
    """Recall of each class, pooled, in percent."""
    emotions = list(dict.fromkeys(name for entry in overview.variants for name in entry.predictions.corpus.emotions))
    known = report_caveats(overview)
    rows = [
        _recall_cells(
            text_cell(entry.label, [badge for badge in variant_caveats(entry) if badge not in known]),
            dict(zip(entry.predictions.corpus.emotions, entry.scores.recalls.tolist(), strict=True)),
            emotions,
        )
        for entry in overview.variants
    ]
    for baseline in overview.baselines:
        recalls = dict(zip(baseline.predictions.corpus.emotions, baseline.scores.recalls.tolist(), strict=True))
        rows.append(_recall_cells(text_cell(baseline.result.name), recalls, emotions))
    return Table(
        "recall",
        "Recall of each class",
        "Percent of a class's test utterances that were decided right, pooled over folds, mean over seeds. UA is the "
        "mean of a row.",
        (Column("variant", numeric=False), *(Column(emotion) for emotion in emotions)),
        tuple(rows),
    )


def _recall_cells(name: Cell, recalls: Mapping[str, float], emotions: Sequence[str]) -> tuple[Cell, ...]:
    known = [recalls.get(emotion, math.nan) for emotion in emotions]
    return (
        name,
        *(number_cell(EM_DASH, None) if math.isnan(one) else number_cell(format_percent(one), one) for one in known),
    )
