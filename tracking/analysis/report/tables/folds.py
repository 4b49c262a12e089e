"""Tables of folds: their UA and WA, and the training time of each variant."""

from collections.abc import Sequence

import numpy as np

from tracking.analysis.comparison.caveats import report_caveats, ua_only
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.tables.rendering.formatting import (
    NOT_APPLICABLE,
    format_count,
    format_minutes,
    format_ratio,
    format_seconds_spread,
)
from tracking.analysis.report.tables.rendering.model import (
    Cell,
    Column,
    Table,
    number_cell,
    percent_cell,
    text_cell,
    variant_cell,
    wa_column,
)
from tracking.analysis.scored_folds import ScoredFold
from tracking.analysis.variants.classical import Classifier, ScoredBaseline
from tracking.analysis.variants.naming import FIXED
from tracking.analysis.variants.scores import MeanAndStd, ScoredVariant

MISSING = "missing"
"""Cell of a fold that has no result for any seed."""


def fold_tables(analysis: Analysis) -> tuple[Table, Table]:
    """Make the tables of UA and WA of each fold, one row per variant; absent folds are called missing."""
    names = dict.fromkeys(fold.name for classifier in analysis.classifiers for fold in classifier.scheme)
    greyed_out = ua_only(analysis)
    absent = "; ".join(
        f"{fold} has no {', '.join(classes)}"
        for fold, classes in {
            key: value for variant in analysis.variants for key, value in variant.scores.absent_classes.items()
        }.items()
    )
    note = f" Classes absent from a fold's test set, which its UA leaves out: {absent}." if absent else ""
    caption = (
        "Percent, mean over seeds; a fold is named after its test speakers. 'missing': the fold has no result yet."
    )
    return (
        Table(
            "folds_ua",
            "UA of each fold",
            caption + note,
            (Column("variant", numeric=False), *(Column(name) for name in names)),
            _rows(analysis, tuple(names), "ua"),
        ),
        Table(
            "folds_wa",
            "WA of each fold",
            caption,
            (
                Column("variant", numeric=False),
                *(wa_column(name, f"WA of fold {name}", greyed_out) for name in names),
            ),
            _rows(analysis, tuple(names), "wa"),
        ),
    )


def _rows(analysis: Analysis, names: Sequence[str], metric: str) -> tuple[tuple[Cell, ...], ...]:
    shared_caveats = report_caveats(analysis)
    return tuple(
        (variant_cell(classifier, shared_caveats), *_fold_cells(classifier, names, metric))
        for classifier in analysis.classifiers
    )


def _fold_cells(classifier: Classifier, names: Sequence[str], metric: str) -> list[Cell]:
    scores: dict[str, list[float]] = {}
    if isinstance(classifier, ScoredBaseline):
        scores = {part.fold.name: [getattr(part, metric)] for part in classifier.folds}
    else:
        for folds in classifier.folds.values():
            for fold in folds:
                scores.setdefault(fold.fold.name, []).append(getattr(fold, metric))
    scheme = {fold.name for fold in classifier.scheme}
    cells = []
    for name in names:
        if name in scores:
            mean = float(np.mean(scores[name]))
            cells.append(percent_cell(mean))
        else:
            cells.append(number_cell(MISSING if name in scheme else NOT_APPLICABLE, None))
    return cells


def variance_table(analysis: Analysis) -> Table:
    """Make the table of the parts of the variance of a speaker's UA, for variants with several seeds."""
    shared_caveats = report_caveats(analysis)
    rows = []
    for variant in analysis.variants:
        parts = variant.scores.ua_variance
        if parts is not None:
            cells = [percent_cell(part) for part in (parts.speakers, parts.seeds, parts.residual)]
            count = len(variant.scored_seeds)
            rows.append((variant_cell(variant, shared_caveats), number_cell(format_count(count), count), *cells))
    return Table(
        "variance",
        "Parts of the variance of UA",
        "Standard deviations of a speaker's UA, in points; their squares sum to its variance. Two-way analysis of "
        "variance, speakers by seeds, random effects. Every fold draws its own weights from a seed, so that a seed's "
        "luck is mostly in the residual, together with the few utterances of a speaker.",
        (
            Column("variant", numeric=False),
            Column("seeds", "seeds with all folds"),
            Column("between speakers", "what a speaker gains or loses with all seeds, points"),
            Column("between seeds", "what a seed gains or loses with all speakers, points"),
            Column("residual", "what is left, points"),
        ),
        tuple(rows),
    )


def cost_table(analysis: Analysis) -> Table:
    """Make the table of the training time of each fixed variant, also as a multiple of its baseline's."""
    fixed = [variant for variant in analysis.variants if variant.kind == FIXED]
    seconds = {variant.label: _fold_seconds(variant) for variant in fixed}
    total_h = sum(sum(values) for values in seconds.values()) / 3600
    rows = []
    for variant in fixed:
        label = variant.label
        comparison = analysis.comparison_of(label)
        mean_s = float(np.mean(seconds[label]))
        baseline = None if comparison is None else seconds.get(comparison.baseline)
        ratio = mean_s / float(np.mean(baseline)) if baseline else None
        epoch_s = float(np.mean([fold.seconds / max(1, fold.epochs) for fold in _folds(variant)]))
        rows.append(
            (
                text_cell(label),
                text_cell(", ".join(dict.fromkeys(_device(fold) for fold in _folds(variant)))),
                number_cell(format_count(len(seconds[label])), len(seconds[label])),
                number_cell(format_minutes(sum(seconds[label])), sum(seconds[label]) / 60),
                number_cell(format_seconds_spread(MeanAndStd.of(np.array(seconds[label]))), mean_s),
                number_cell(f"{epoch_s:.2f}", epoch_s),
                number_cell(format_ratio(ratio), ratio),
            )
        )
    return Table(
        "costs",
        "Time of each variant",
        f"Wall-clock time of one worker; {total_h:.1f} worker hours in total. Other work on the same machine "
        "lengthens it: compare variants only under similar load. Folds reused from another study are counted.",
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


def _folds(variant: ScoredVariant) -> list[ScoredFold]:
    return [fold for seed in variant.seeds for fold in variant.folds[seed]]


def _fold_seconds(variant: ScoredVariant) -> list[float]:
    return [fold.seconds for fold in _folds(variant)]


def _device(fold: ScoredFold) -> str:
    return fold.environment.get("device", NOT_APPLICABLE)
