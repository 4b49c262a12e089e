"""Tables of folds: UA and WA of each, and what each variant cost."""

from collections.abc import Sequence

import numpy as np

from tracking.analysis.comparison.caveats import report_caveats, ua_only, variant_caveats
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.tables.formatting import (
    EM_DASH,
    format_count,
    format_minutes,
    format_percent,
    format_ratio,
    seconds_spread,
)
from tracking.analysis.report.tables.model import Cell, Column, Table, number_cell, text_cell, wa_column
from tracking.analysis.scored_folds import ScoredFold
from tracking.analysis.variants.naming import FIXED
from tracking.analysis.variants.scores import MeanAndStd, ScoredVariant

MISSING = "missing"
"""Stands for a fold that has no result for any seed."""


def fold_tables(overview: Analysis) -> tuple[Table, Table]:
    """UA and WA of each fold, one row a variant; a fold that is not there is called missing."""
    names = dict.fromkeys(fold.name for entry in overview.variants for fold in entry.scheme)
    muted = ua_only(overview)
    lacking = "; ".join(
        f"{fold} has no {', '.join(classes)}"
        for fold, classes in {
            key: value for entry in overview.variants for key, value in entry.scores.absent_classes.items()
        }.items()
    )
    note = f" Classes that a fold's test set lacks, and that its UA leaves out: {lacking}." if lacking else ""
    caption = "Percent, mean over seeds; a fold bears the name of whoever tests. 'missing': the fold has no result yet."
    return (
        Table(
            "folds_ua",
            "UA of each fold",
            caption + note,
            (Column("variant", numeric=False), *(Column(name) for name in names)),
            _rows(overview, tuple(names), "ua"),
        ),
        Table(
            "folds_wa",
            "WA of each fold",
            caption,
            (
                Column("variant", numeric=False),
                *(wa_column(name, f"WA of fold {name}", muted) for name in names),
            ),
            _rows(overview, tuple(names), "wa"),
        ),
    )


def _rows(overview: Analysis, names: Sequence[str], metric: str) -> tuple[tuple[Cell, ...], ...]:
    known = report_caveats(overview)
    return tuple(
        (
            text_cell(entry.label, [badge for badge in variant_caveats(entry) if badge not in known]),
            *_fold_cells(entry, names, metric),
        )
        for entry in overview.variants
    )


def _fold_cells(entry: ScoredVariant, names: Sequence[str], metric: str) -> list[Cell]:
    scores: dict[str, list[float]] = {}
    for folds in entry.folds.values():
        for fold in folds:
            scores.setdefault(fold.fold.name, []).append(getattr(fold, metric))
    wanted = {fold.name for fold in entry.scheme}
    cells = []
    for name in names:
        if name in scores:
            mean = float(np.mean(scores[name]))
            cells.append(number_cell(format_percent(mean), mean))
        else:
            cells.append(number_cell(MISSING if name in wanted else EM_DASH, None))
    return cells


def cost_table(overview: Analysis) -> Table:
    """Training time of each variant that was trained, and its multiple of the baseline's."""
    fixed = [entry for entry in overview.variants if entry.kind == FIXED]
    seconds = {entry.label: _fold_seconds(entry) for entry in fixed}
    total_h = sum(sum(values) for values in seconds.values()) / 3600
    rows = []
    for entry in fixed:
        label = entry.label
        made = overview.comparison_of(label)
        mean_s = float(np.mean(seconds[label]))
        baseline = None if made is None else seconds.get(made.baseline)
        multiple = mean_s / float(np.mean(baseline)) if baseline else None
        epoch_s = float(np.mean([fold.seconds / max(1, fold.epochs) for fold in _folds(entry)]))
        rows.append(
            (
                text_cell(label),
                text_cell(", ".join(dict.fromkeys(_device(fold) for fold in _folds(entry)))),
                number_cell(format_count(len(seconds[label])), len(seconds[label])),
                number_cell(format_minutes(sum(seconds[label])), sum(seconds[label]) / 60),
                number_cell(seconds_spread(MeanAndStd.of(np.array(seconds[label]))), mean_s),
                number_cell(f"{epoch_s:.2f}", epoch_s),
                number_cell(format_ratio(multiple), multiple),
            )
        )
    return Table(
        "costs",
        "Time of each variant",
        f"Wall-clock time of one worker; all together {total_h:.1f} worker hours. Whatever else its machine did "
        "meanwhile is in it, so variants compare only where that was alike. What another study had trained is "
        "counted, too.",
        (
            Column("variant", numeric=False),
            Column("device", numeric=False),
            Column("folds", "folds that exist, of all seeds"),
            Column("minutes", "sum over folds and seeds"),
            Column("seconds a fold", "mean and standard deviation"),
            Column("seconds an epoch", "mean over folds"),
            Column("× baseline", "seconds a fold, as a multiple of the baseline's"),
        ),
        tuple(rows),
    )


def _folds(entry: ScoredVariant) -> list[ScoredFold]:
    return [fold for seed in entry.seeds for fold in entry.folds[seed]]


def _fold_seconds(entry: ScoredVariant) -> list[float]:
    return [fold.seconds for fold in _folds(entry)]


def _device(fold: ScoredFold) -> str:
    return fold.environment.get("device", EM_DASH)
