"""The tidy tables that only exist as CSV: variants, folds, speakers, confusions, curves."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.figures.data import learning_curve
from tracking.analysis.report.tables.export import write_dataframe
from tracking.analysis.scored_folds import CURVE_METRICS
from tracking.analysis.variants.scores import ScoredVariant, fold_table, variant_table


def record_tables(overview: Analysis) -> Mapping[str, pd.DataFrame]:
    """Tidy tables by file name, less the suffix.

    Args:
        overview: What the results say.

    Returns:
        variants, folds, speakers, confusions and curves; shares and UA are 0..1, losses in nats.
    """
    scored = overview.variants
    return {
        "variants": variant_table(scored),
        "folds": fold_table(scored),
        "speakers": pd.DataFrame([row for entry in scored for row in _speakers(entry)]),
        "confusions": pd.DataFrame([row for entry in scored for row in _confusion(entry)]),
        "curves": pd.DataFrame([row for entry in scored for row in _curves(entry)]),
    }


def write_records(overview: Analysis, folder: Path) -> tuple[str, ...]:
    """Writes every tidy table as UTF-8 CSV; returns their names."""
    tables = record_tables(overview)
    for name, frame in tables.items():
        write_dataframe(frame, folder / f"{name}.csv")
    return tuple(tables)


def _speakers(entry: ScoredVariant) -> list[dict[str, object]]:
    scores = entry.scores
    rows = zip(entry.predictions.speaker_names, scores.speaker_ua.tolist(), scores.speaker_wa.tolist(), strict=True)
    return [{"variant": entry.label, "speaker": speaker, "ua": ua, "wa": wa} for speaker, ua, wa in rows]


def _confusion(entry: ScoredVariant) -> list[dict[str, object]]:
    emotions = entry.predictions.corpus.emotions
    return [
        {
            "variant": entry.label,
            "true": emotions[row],
            "decided": emotions[column],
            "utterances_mean_over_seeds": count,
        }
        for row, counts in enumerate(entry.scores.confusion.tolist())
        for column, count in enumerate(counts)
    ]


def _curves(entry: ScoredVariant) -> list[dict[str, object]]:
    folds = [fold for seed in entry.scored_seeds for fold in entry.folds[seed]]
    rows: list[dict[str, object]] = []
    for metric in CURVE_METRICS:
        curve = learning_curve(folds, metric)
        if curve is None:
            continue
        triples = zip(curve.epochs.tolist(), curve.mean.tolist(), curve.std.tolist(), strict=True)
        rows += [
            {"variant": entry.label, "metric": metric, "epoch": epoch, "mean": mean, "deviation": deviation}
            for epoch, mean, deviation in triples
        ]
    return rows
