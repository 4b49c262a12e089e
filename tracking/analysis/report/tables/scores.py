"""Tables of scores: attention by labels, all results, recall, precision and F1 of each class."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from ser.config import AttentionName
from tracking.analysis.comparison.caveats import report_caveats, ua_only
from tracking.analysis.comparison.comparison import Comparison, Verdict
from tracking.analysis.comparison.interpretation import ASSUMPTIONS
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.tables.rendering.formatting import NOT_APPLICABLE, format_percent, format_percent_spread
from tracking.analysis.report.tables.rendering.model import (
    INCOMPLETE_MARKS,
    Cell,
    Column,
    Table,
    incomplete_mark,
    number_cell,
    p_value_cell,
    percent_cell,
    percent_interval_cell,
    points_cell,
    text_cell,
    variant_cell,
    wa_column,
)
from tracking.analysis.variants.classical import Classifier
from tracking.analysis.variants.naming import SELECTED, attention_label, target_label
from tracking.analysis.variants.scores import ScoredVariant, Scores


def attention_by_label_tables(analysis: Analysis) -> list[Table]:
    """Make the attention x label tables of pooled UA and WA in percent, one per recipe."""
    recipes = dict.fromkeys(variant.recipe for variant in analysis.variants)
    return [
        _attention_by_label_table(analysis, recipe, len(recipes) > 1, index) for index, recipe in enumerate(recipes)
    ]


def _attention_by_label_table(analysis: Analysis, recipe: str, several: bool, index: int) -> Table:
    variants = [variant for variant in analysis.variants if variant.recipe == recipe]
    targets = list(dict.fromkeys(target_label(variant.configuration) for variant in variants))
    rows: dict[str, dict[str, ScoredVariant]] = {}
    for variant in sorted(variants, key=_row_order):
        target = target_label(variant.configuration)
        rows.setdefault(_row_name(variant, target), {})[target] = variant
    columns, greyed_out = [Column("attention", numeric=False)], ua_only(analysis)
    for target in targets:
        columns += [
            Column(f"{target} UA", "pooled, percent", group=target),
            wa_column(f"{target} WA", "pooled, percent", greyed_out, group=target),
        ]
    reportable = set(analysis.reportable)
    best = {
        target: _best_ua(row[target] for row in rows.values() if target in row and row[target] in reportable)
        for target in targets
    }
    classical = " Classical baselines have no labels: their scores are in All results." if analysis.baselines else ""
    return Table(
        f"attention_by_labels_{index + 1}" if index else "attention_by_labels",
        f"Attention by labels, recipe {recipe}" if several else "Attention by labels",
        "Pooled over folds, mean over seeds, percent. 'selected per fold' represents a sweep: the validation speakers "
        "of each fold chose the point. Bold: the highest UA of a column, without the single points of a sweep; it is "
        "no test. * more than 1% of targets shortened: not comparable as this strategy. "
        f"{INCOMPLETE_MARKS}{classical}",
        tuple(columns),
        tuple(_row_cells(name, row, best, reportable) for name, row in rows.items()),
    )


def _best_ua(variants: Iterable[ScoredVariant]) -> float | None:
    """Highest UA among at least two comparable variants; None where there are fewer."""
    uas = [variant.scores.ua.mean for variant in variants if not variant.capped]
    return max(uas) if len(uas) > 1 else None


def _row_order(variant: ScoredVariant) -> tuple[int, bool, int]:
    configuration = variant.configuration
    attention_index = get_args(AttentionName).index(configuration.attention)
    return attention_index, variant.kind != SELECTED, configuration.scope or 0


def _row_name(variant: ScoredVariant, target: str) -> str:
    """Label of a variant without its label strategy and recipe, which all cells of a column share."""
    configuration = variant.configuration
    selected = variant.kind == SELECTED
    model = f"{configuration.attention} · {SELECTED}" if selected else attention_label(configuration)
    return model + variant.label.removeprefix(f"{model} · {target}").replace(f" · recipe {variant.recipe}", "", 1)


def _row_cells(
    name: str,
    row: Mapping[str, ScoredVariant],
    best: Mapping[str, float | None],
    reportable: Collection[ScoredVariant],
) -> tuple[Cell, ...]:
    cells = [text_cell(name)]
    for target, best_ua in best.items():
        variant = row.get(target)
        if variant is None:
            cells += [number_cell(NOT_APPLICABLE, None), number_cell(NOT_APPLICABLE, None)]
            continue
        ua, wa = variant.scores.ua.mean, variant.scores.wa.mean
        suffix = "*" * variant.capped + incomplete_mark(variant)
        cells.append(
            number_cell(
                format_percent(ua) + suffix,
                ua,
                bold=not suffix and format_percent(ua) == format_percent(best_ua) and variant in reportable,
            )
        )
        cells.append(number_cell(format_percent(wa) + suffix, wa))
    return tuple(cells)


def results_table(analysis: Analysis) -> Table:
    """Make the table of all variants and baselines with their scores, intervals and caveats."""
    shared_caveats, greyed_out = report_caveats(analysis), ua_only(analysis)
    comparisons = {comparison.variant: comparison for comparison in analysis.comparisons.comparisons}
    recipes = len({variant.recipe for variant in analysis.variants}) > 1
    seeds = any(variant.scores.ua.std is not None for variant in analysis.variants)
    rows = [
        (
            variant_cell(classifier, shared_caveats),
            *_classifier_cells(classifier, comparisons.get(classifier.label), recipes, seeds),
        )
        for classifier in analysis.classifiers
    ]
    return Table(
        "results",
        "All results",
        "UA and WA in percent, pooled: the test predictions of all folds in one confusion matrix. Intervals: 95%; UA: "
        "t over speakers, taken as independent; WA: Wilson over utterances, which treats utterances as independent and "
        "is too narrow where speakers differ. p: joint sign flips over speakers. Changed: share of test decisions that "
        "change when the attention is taken out of the trained networks; – without an attention, or where a fold was "
        "trained before this was measured.",
        (
            Column("variant", numeric=False),
            *([Column("recipe", numeric=False)] if recipes else []),
            Column("UA", "pooled, mean over seeds, percent"),
            Column("UA 95%", "t interval over speakers, percent", interval=True),
            wa_column("WA", "pooled, mean over seeds, percent", greyed_out),
            wa_column("WA 95%", "Wilson interval, percent", greyed_out, interval=True),
            Column("UA over folds", "mean and standard deviation over folds, percent"),
            *([Column("± seeds", "standard deviation of the pooled UA over seeds, points")] if seeds else []),
            Column("ΔUA", "pooled UA less the baseline's, percentage points"),
            Column(
                "p",
                "joint sign flips over speakers, UA, adjusted; – for single points of a sweep; assumes: "
                f"{ASSUMPTIONS['p joint']}",
            ),
            Column("changed", "test decisions that change when the attention is taken out (U = C), percent"),
            Column("folds", "folds that exist, of all seeds"),
        ),
        tuple(rows),
    )


def _classifier_cells(
    classifier: Classifier, comparison: Comparison | None, recipes: bool, seeds: bool
) -> tuple[Cell, ...]:
    network = classifier if isinstance(classifier, ScoredVariant) else None
    deviation = classifier.scores.ua.std
    difference = None if comparison is None else comparison.ua_speakers.difference
    p = None if comparison is None else comparison.joint_p
    changed = None if network is None else network.changed_decision_share
    done = len(classifier.scheme) if network is None else sum(map(len, network.folds.values()))
    return (
        *([text_cell(NOT_APPLICABLE if network is None else network.recipe)] if recipes else []),
        *_score_cells(classifier.scores),
        *([percent_cell(deviation)] if seeds else []),
        points_cell(difference),
        p_value_cell(p, bold=comparison is not None and comparison.verdict is Verdict.BETTER),
        percent_cell(changed),
        text_cell(f"{done} of {len(classifier.scheme) * max(1, len(classifier.seeds))}"),
    )


def _score_cells(scores: Scores) -> tuple[Cell, ...]:
    ua, wa = scores.ua.mean, scores.wa.mean
    return (
        percent_cell(ua),
        percent_interval_cell(scores.ua_interval),
        percent_cell(wa),
        percent_interval_cell(scores.wa_interval),
        number_cell(format_percent_spread(scores.ua_folds), scores.ua_folds.mean),
    )


def class_tables(analysis: Analysis) -> dict[str, Table]:
    """Make the tables of the pooled recall, precision and F1 of each class, in percent, by their names."""
    pooled = "pooled over folds"
    return {
        "recall": _class_table(
            analysis,
            "recall",
            "Recall of each class",
            f"Percent of the test utterances of a class that were recognised, {pooled}, mean over seeds. UA is the "
            "mean of a row.",
            lambda scores: scores.recalls,
        ),
        "precision": _class_table(
            analysis,
            "precision",
            "Precision of each class",
            f"Percent of the decisions for a class that are right, {pooled} and seeds; – for a class that was never "
            "decided.",
            lambda scores: scores.precisions,
        ),
        "f1": _class_table(
            analysis,
            "f1",
            "F1 of each class",
            f"Harmonic mean of recall and precision, percent, {pooled} and seeds. Macro-F1: mean over classes, then "
            "over seeds. No verdict rests on it.",
            lambda scores: scores.f1_scores,
            macro=True,
        ),
    }


def _class_table(
    analysis: Analysis,
    name: str,
    title: str,
    caption: str,
    shares_of: Callable[[Scores], NDArray[np.float64]],
    macro: bool = False,
) -> Table:
    emotions = list(
        dict.fromkeys(name for variant in analysis.variants for name in variant.predictions.corpus.emotions)
    )
    shared_caveats = report_caveats(analysis)
    rows = []
    for classifier in analysis.classifiers:
        name_cell, scores = variant_cell(classifier, shared_caveats), classifier.scores
        by_emotion = dict(zip(classifier.predictions.corpus.emotions, shares_of(scores).tolist(), strict=True))
        values = [by_emotion.get(emotion, math.nan) for emotion in emotions]
        values += [scores.macro_f1.mean] if macro else []
        shown = [None if math.isnan(value) else value for value in values]
        rows.append((name_cell, *(percent_cell(value) for value in shown)))
    columns = [Column(emotion) for emotion in emotions] + ([Column("macro-F1")] if macro else [])
    return Table(name, title, caption, (Column("variant", numeric=False), *columns), tuple(rows))
