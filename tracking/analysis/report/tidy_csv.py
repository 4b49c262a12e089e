"""Tidy tables, which only exist as CSV: variants, folds, speakers, confusions, curves, and tests of baselines."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from tracking.analysis.comparison.comparison import Comparison
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.figures.data import learning_curve
from tracking.analysis.report.tables.rendering.export import write_dataframe
from tracking.analysis.scored_folds import CURVE_METRICS
from tracking.analysis.variants.classical import ScoredClassifier
from tracking.analysis.variants.score_tables import fold_table, variant_table
from tracking.analysis.variants.scores import ScoredVariant


def tidy_tables(analysis: Analysis) -> Mapping[str, pd.DataFrame]:
    """Make the tidy tables by file name without the suffix.

    Returns:
        variants, folds, speakers, confusions, curves and tests_classical (every variant against every classical
        baseline, one-tailed, each comparison alone; H1: the variant is better; left out without a
        baseline); shares and UA are 0..1, losses in nats.
    """
    scored = analysis.classifiers
    tests = [_test(comparison) for comparison in analysis.classical_comparisons]
    return {
        "variants": variant_table(scored),
        "folds": fold_table(analysis.variants, analysis.baselines),
        "speakers": pd.DataFrame([row for variant in scored for row in _speakers(variant)]),
        "confusions": pd.DataFrame([row for variant in scored for row in _confusion(variant)]),
        "curves": pd.DataFrame([row for variant in analysis.variants for row in _curves(variant)]),
        **({"tests_classical": pd.DataFrame(tests)} if tests else {}),
    }


def write_tidy_tables(analysis: Analysis, folder: Path) -> tuple[str, ...]:
    """Write every tidy table as UTF-8 CSV and return their names."""
    tables = tidy_tables(analysis)
    for name, frame in tables.items():
        write_dataframe(frame, folder / f"{name}.csv")
    return tuple(tables)


def _test(comparison: Comparison) -> dict[str, object]:
    interval, sessions = comparison.ua_speakers.interval, comparison.ua_sessions
    return {
        "variant": comparison.variant,
        "baseline": comparison.baseline,
        "ua_difference": comparison.ua_speakers.difference,
        "ua_difference_low": None if interval is None else interval.low,
        "ua_difference_high": None if interval is None else interval.high,
        "p_speakers": comparison.ua_speakers.claimable_p,
        "p_sessions": None if sessions is None else sessions.p,
        "wa_difference": comparison.wa_speakers.difference,
        "p_speakers_wa": comparison.wa_speakers.claimable_p,
        "z_ua": None if comparison.z_ua is None else comparison.z_ua.p,
        "z_wa": None if comparison.z_wa is None else comparison.z_wa.p,
        "z_recalls": None if comparison.z_ua_recalls is None else comparison.z_ua_recalls.p,
        "mcnemar": comparison.mcnemar_p,
    }


def _speakers(variant: ScoredClassifier) -> list[dict[str, object]]:
    scores = variant.scores
    rows = zip(variant.predictions.speaker_names, scores.speaker_ua.tolist(), scores.speaker_wa.tolist(), strict=True)
    return [{"variant": variant.label, "speaker": speaker, "ua": ua, "wa": wa} for speaker, ua, wa in rows]


def _confusion(variant: ScoredClassifier) -> list[dict[str, object]]:
    emotions = variant.predictions.corpus.emotions
    return [
        {
            "variant": variant.label,
            "true": emotions[row],
            "decided": emotions[column],
            "utterances_mean_over_seeds": count,
        }
        for row, counts in enumerate(variant.scores.confusion.tolist())
        for column, count in enumerate(counts)
    ]


def _curves(variant: ScoredVariant) -> list[dict[str, object]]:
    folds = variant.scored_folds
    rows: list[dict[str, object]] = []
    for metric in CURVE_METRICS:
        curve = learning_curve(folds, metric)
        if curve is None:
            continue
        triples = zip(curve.epochs.tolist(), curve.mean.tolist(), curve.std.tolist(), strict=True)
        rows += [
            {"variant": variant.label, "metric": metric, "epoch": epoch, "mean": mean, "deviation": deviation}
            for epoch, mean, deviation in triples
        ]
    return rows
